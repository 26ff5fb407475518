// Logs and states that earlier builds wrote (tests/golden) open, read, verify and compact, and are
// gone on with. `golden_test make FOLDER` writes the two of the present format, for a new format
// only: what is there stays as it is.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "tests/support/placed_records.h"
#include "tests/support/state_store_pairs.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

constexpr int kCommits = 4;
constexpr int64_t kCommitEvery = 90;  // records
const std::vector<int64_t>& Ends() {
  static const std::vector<int64_t> ends = {5, 0, 7};
  return ends;
}

std::vector<TaskId> AllTasks() { return {TaskOf("audit", 0), TaskOf("dispatch", 2)}; }

LocalLog::Options LogOptions(const std::string& folder, bool read_only = false) {
  LocalLog::Options options;
  options.folder = folder;
  options.read_only = read_only;
  return options;
}

RocksStateStore::Options StateOptions(const std::string& folder) {
  RocksStateStore::Options options;
  options.folder = folder;
  return options;
}

// Commits from one offset to another.
absl::Status Commit(RocksStateStore& store, int64_t from, int64_t to) {
  std::vector<TaskCheckpoint> checkpoints;
  for (const TaskId& task : AllTasks()) {
    OffsetFold fold(task);
    fold.To(from);
    const PairMap before = fold.pairs();
    fold.To(to);
    checkpoints.push_back(ChangeOf(task, to, before, fold.pairs()));
  }
  return store.Commit(std::move(checkpoints));
}

void ExpectState(RocksStateStore& store, int64_t next) {
  ASSERT_EQ(store.Tasks(), AllTasks());
  for (const TaskId& task : AllTasks()) {
    const auto found = store.Find(task);
    ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
    EXPECT_EQ((*found)->next, Offset{next});
    EXPECT_EQ((*found)->code_id, "build-1");
    EXPECT_EQ((*found)->schema, 77u);
    OffsetFold fold(task);
    fold.To(next);
    EXPECT_EQ(PairsOf(store, task), fold.pairs());
    const absl::Status verified = store.Verify(task);
    EXPECT_TRUE(verified.ok()) << verified;
  }
}

std::string Golden(const std::string& name) {
  const char* root = std::getenv("GRIDLEDGER_SOURCE_DIR");
  return absl::StrCat(root == nullptr ? "." : root, "/tests/golden/", name);
}

// ---- writing them

bool MakeLog(const std::string& folder) {
  LocalLog::Options options = LogOptions(folder);
  options.partitions = static_cast<int>(Ends().size());
  auto log = LocalLog::Open(options);
  if (!log.ok()) return false;
  // The first ones end up in a sorted file by being taken in as one, the last ones stay in the
  // write-ahead log.
  const auto bulk = (*log)->NewBulkAppender();
  if (!AppendInBulk(*bulk, Partition{2}, Offset{0}, 7).ok() || !bulk->Flush().ok()) return false;
  if (!(*log)->AppendAndWait(Partition{0}, RecordsAt(Partition{0}, Offset{0}, 5)).ok()) {
    return false;
  }
  log->reset();
  // The second of the two slots has the same in it, 64 KiB on.
  fs::resize_file(folder + "/ends", 1024);
  return true;
}

bool MakeState(const std::string& folder) {
  const auto store = RocksStateStore::Open(StateOptions(folder));
  if (!store.ok()) return false;
  for (int i = 0; i < kCommits; ++i) {
    if (!Commit(**store, i * kCommitEvery, (i + 1) * kCommitEvery).ok()) return false;
  }
  return true;
}

// ---- the tests

TEST(GoldenTest, LogsOfEarlierBuildsAreReadForEver) {
  for (const std::string name : {"log-1"}) {
    SCOPED_TRACE(name);
    const TemporaryFolder root;
    const std::string folder = root / "log";
    fs::copy(Golden(name), folder, fs::copy_options::recursive);
    {
      const auto follower = LocalLog::Open(LogOptions(folder, true));
      ASSERT_TRUE(follower.ok()) << follower.status();
      EXPECT_EQ(EndsOf(**follower), Ends());
      EXPECT_EQ(ReadUpTo(*(*follower)->NewReader(), Ends()), "");
    }
    std::vector<int64_t> ends = Ends();
    for (int opening = 0; opening < 2; ++opening) {
      const auto log = LocalLog::Open(LogOptions(folder));
      ASSERT_TRUE(log.ok()) << log.status();
      EXPECT_TRUE((*log)->warnings().empty()) << (*log)->warnings().front();
      EXPECT_EQ(EndsOf(**log), ends);
      const auto damages = (*log)->Verify([](int64_t, int64_t) { return true; });
      ASSERT_TRUE(damages.ok()) << damages.status();
      EXPECT_TRUE(damages->empty()) << damages->front().what;
      for (Partition p{0}; p.value < (*log)->partitions(); p = p.Next()) {
        ASSERT_TRUE((*log)->AppendAndWait(p, RecordsAt(p, Offset{ends[p.value]}, 3)).ok());
        ends[p.value] += 3;
      }
      EXPECT_EQ(ReadUpTo(*(*log)->NewReader(), ends), "");
    }
  }
}

TEST(GoldenTest, StatesOfEarlierBuildsAreReadForEver) {
  for (const std::string name : {"state-1", "state-2"}) {
    SCOPED_TRACE(name);
    const TemporaryFolder root;
    const std::string folder = root / "state";
    fs::copy(Golden(name), folder, fs::copy_options::recursive);
    int64_t next = kCommits * kCommitEvery;
    for (int opening = 0; opening < 2; ++opening) {
      const auto store = RocksStateStore::Open(StateOptions(folder));
      ASSERT_TRUE(store.ok()) << store.status();
      ASSERT_NO_FATAL_FAILURE(ExpectState(**store, next));
      const absl::Status compacted = (*store)->Compact();
      ASSERT_TRUE(compacted.ok()) << compacted;
      ASSERT_NO_FATAL_FAILURE(ExpectState(**store, next));
      const absl::Status committed = Commit(**store, next, next + kCommitEvery);
      ASSERT_TRUE(committed.ok()) << committed;
      next += kCommitEvery;
      ASSERT_NO_FATAL_FAILURE(ExpectState(**store, next));
    }
  }
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "make") == 0) {
    const std::string folder = argv[2];
    return gridledger::MakeLog(folder + "/log") && gridledger::MakeState(folder + "/state") ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
