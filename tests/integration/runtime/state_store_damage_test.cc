// A state that was damaged while nobody had it open: some harm at a random place of a random file
// of it or of its snapshots. It is never trusted: it opens at an offset at which it is sound, or a
// snapshot takes its place, or it starts empty; and what is done is said in words.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "tests/support/damage.h"
#include "tests/support/state_store_pairs.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

constexpr int kHarms = 300;
constexpr int64_t kCommitEvery = 150;  // records
constexpr int64_t kEnd = 9 * kCommitEvery;

std::vector<TaskId> AllTasks() { return {TaskOf("audit", 0), TaskOf("dispatch", 2)}; }

RocksStateStore::Options OptionsIn(const std::string& root, bool read_only = false) {
  RocksStateStore::Options options;
  options.folder = root + "/state";
  options.memory_bytes = size_t{1} << 20;
  options.read_only = read_only;
  return options;
}

// Commits up to kEnd, two snapshots on the way, compactions in between.
void MakeState(const std::string& root) {
  const auto store = RocksStateStore::Open(OptionsIn(root));
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<OffsetFold> folds;
  for (const TaskId& task : AllTasks()) folds.emplace_back(task);
  std::vector<PairMap> stored(folds.size());
  for (int64_t next = kCommitEvery; next <= kEnd; next += kCommitEvery) {
    std::vector<TaskCheckpoint> checkpoints;
    for (size_t i = 0; i < folds.size(); ++i) {
      folds[i].To(next);
      checkpoints.push_back(ChangeOf(AllTasks()[i], next, stored[i], folds[i].pairs()));
      stored[i] = folds[i].pairs();
    }
    ASSERT_TRUE((*store)->Commit(std::move(checkpoints)).ok());
    absl::Status status;
    if (next == kEnd / 3) status = (*store)->Snapshot("at-a-third");
    if (next == 4 * kCommitEvery) status = (*store)->Compact();
    if (next == kEnd / 3 * 2) status = (*store)->Snapshot("at-two-thirds");
    ASSERT_TRUE(status.ok()) << status;
  }
}

// A snapshot shares files with the state, so that harm to one is harm to the other.
void HarmOtherLinks(const std::string& sound, const std::string& harmed, const std::string& file) {
  for (const std::string& other : FilesIn(sound)) {
    if (other == file || !fs::equivalent(sound + "/" + other, sound + "/" + file)) continue;
    fs::remove(harmed + "/" + other);
    if (fs::exists(harmed + "/" + file)) fs::copy(harmed + "/" + file, harmed + "/" + other);
  }
}

enum class Look { kSound, kFoundDamage, kWrong };

// Reads all there is. `words` gets what is wrong, or what the damage was called.
Look LookAt(RocksStateStore& store, std::vector<int64_t>* nexts, std::string* words) {
  nexts->clear();
  bool damaged = false;
  for (const TaskId& task : AllTasks()) {
    const auto found = store.Find(task);
    if (absl::IsDataLoss(found.status())) {
      *words = std::string(found.status().message());
      damaged = true;
      continue;
    }
    if (!found.ok()) return *words = found.status().ToString(), Look::kWrong;
    if (!found->has_value()) {
      nexts->push_back(-1);
      continue;
    }
    const int64_t next = (*found)->next.value;
    nexts->push_back(next);
    OffsetFold right(task);
    right.To(next);
    PairMap pairs;
    const std::unique_ptr<TaskTier> tier = store.Tier(task);
    tier->Scan("", [&](absl::string_view key, absl::string_view value) {
      pairs.emplace(key, value);
      return true;
    });
    const absl::Status verified = store.Verify(task);
    if (absl::IsDataLoss(tier->status())) {
      if (verified.ok()) return *words = "Verify is content with what cannot be read", Look::kWrong;
      *words = std::string(tier->status().message());
      damaged = true;
      continue;
    }
    if (!tier->status().ok()) return *words = tier->status().ToString(), Look::kWrong;
    if (pairs != right.pairs()) {
      return *words = absl::StrCat("other pairs than those at offset ", next), Look::kWrong;
    }
    if (!verified.ok()) return *words = verified.ToString(), Look::kWrong;
  }
  return damaged ? Look::kFoundDamage : Look::kSound;
}

// Opens, reads, and starts again after damage, as an operator would; says what is wrong, or
// nothing. `said` is what the operator was told.
std::string Recover(const std::string& root, std::vector<std::string>* said,
                    std::vector<int64_t>* nexts) {
  constexpr int kStartsMax = 4;  // the state, two snapshots, nothing
  for (int start = 0; start < kStartsMax; ++start) {
    auto store = RocksStateStore::OpenOrFallBack(OptionsIn(root), said);
    if (!store.ok()) return "cannot be opened: " + store.status().ToString();
    std::string words;
    switch (LookAt(**store, nexts, &words)) {
      case Look::kSound: return "";
      case Look::kWrong: return words;
      case Look::kFoundDamage: said->push_back(words);
    }
  }
  return "the damage does not end";
}

TEST(StateStoreDamageTest, IsNeverTrusted) {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  const uint64_t seed = given != 0 ? static_cast<uint64_t>(given) : std::random_device()() % 99999;
  std::printf("seed=%d; again: state_store_damage_test --gtest_random_seed=%d\n",
              static_cast<int>(seed), static_cast<int>(seed));
  std::fflush(stdout);  // what damage ends the program has to be found again
  std::mt19937_64 random(seed);
  const TemporaryFolder root(/*fast=*/true);
  const std::string sound = root / "sound";
  ASSERT_NO_FATAL_FAILURE(MakeState(sound));
  const std::vector<std::string> files = FilesIn(sound);
  const std::vector<int64_t> whole(AllTasks().size(), kEnd);
  int unharmed = 0, older = 0, from_snapshot = 0, empty = 0;
  for (int i = 0; i < kHarms; ++i) {
    const std::string harmed = root / "harmed";
    fs::remove_all(harmed);
    fs::copy(sound, harmed, fs::copy_options::recursive);
    std::string file = files[random() % files.size()];
    while (i % 4 != 0 && !absl::StartsWith(file, "state/")) file = files[random() % files.size()];
    const std::string harm = Harm(harmed, file, &random);
    HarmOtherLinks(sound, harmed, file);
    SCOPED_TRACE(absl::StrCat("seed=", seed, " harm ", i, ": ", harm));
    // A reader without the right to write finds the same, and changes nothing.
    std::vector<int64_t> nexts;
    const std::vector<std::string> before = FilesIn(harmed);
    if (const auto reading = RocksStateStore::Open(OptionsIn(harmed, true)); reading.ok()) {
      std::string words;
      ASSERT_NE(LookAt(**reading, &nexts, &words), Look::kWrong) << words;
    }
    ASSERT_EQ(FilesIn(harmed), before);

    std::vector<std::string> said;
    ASSERT_EQ(Recover(harmed, &said, &nexts), "");
    const std::set<int64_t> all(nexts.begin(), nexts.end());
    ASSERT_EQ(all.size(), 1u) << "the tasks of one commit stand at different offsets";
    const int64_t next = *all.begin();
    if (said.empty()) {
      ++(next == kEnd ? unharmed : older);
    } else {
      ASSERT_TRUE(next == -1 || next == kEnd / 3 || next == kEnd / 3 * 2) << next;
      ++(next == -1 ? empty : from_snapshot);
    }
    ASSERT_TRUE(next == -1 || (next > 0 && next <= kEnd && next % kCommitEvery == 0)) << next;

    // What is left can be used.
    const auto store = RocksStateStore::Open(OptionsIn(harmed));
    ASSERT_TRUE(store.ok()) << store.status();
    OffsetFold fold(AllTasks()[0]);
    fold.To(std::max<int64_t>(next, 0));
    const PairMap then = fold.pairs();
    fold.To(kEnd + kCommitEvery);
    std::vector<TaskCheckpoint> checkpoints;
    checkpoints.push_back(ChangeOf(AllTasks()[0], kEnd + kCommitEvery, then, fold.pairs()));
    ASSERT_TRUE((*store)->Commit(std::move(checkpoints)).ok());
    ASSERT_EQ(PairsOf(**store, AllTasks()[0]), fold.pairs());
  }
  std::printf("%d harms: %d did not matter, %d an older offset, %d a snapshot, %d empty\n", kHarms,
              unharmed, older, from_snapshot, empty);
  EXPECT_GT(unharmed, 0);
  EXPECT_GT(from_snapshot, 0);
}

}  // namespace
}  // namespace gridledger
