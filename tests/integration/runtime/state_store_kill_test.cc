// kill -9 at any instant: a child process commits without pause, and is killed again and again.
// What it was told to be stored is there, whole, and nothing of a commit that was under way is half
// there: the pairs are a function of the offset.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "tests/support/state_store_pairs.h"

namespace gridledger {
namespace {

constexpr int kKills = 60;

std::vector<TaskId> AllTasks() {
  return {TaskOf("audit", 0), TaskOf("audit", 1), TaskOf("dispatch", 0)};
}

RocksStateStore::Options OptionsIn(const std::string& root) {
  RocksStateStore::Options options;
  options.folder = root + "/state";
  return options;
}

// The child: commits for ever, and says after each commit where the tasks stand.
int Write(const std::string& root, uint64_t seed) {
  auto store = RocksStateStore::Open(OptionsIn(root));
  if (!store.ok()) {
    std::fprintf(stderr, "the child cannot open: %s\n",
                 std::string(store.status().message()).c_str());
    return 3;
  }
  std::mt19937_64 chance(seed);
  std::vector<OffsetFold> folds;
  std::vector<PairMap> stored;
  for (const TaskId& task : AllTasks()) {
    folds.emplace_back(task);
    folds.back().To(std::max<int64_t>(0, NextOf(**store, task)));
    stored.push_back(folds.back().pairs());
  }
  for (int64_t round = 0;; ++round) {
    std::vector<TaskCheckpoint> checkpoints;
    for (size_t i = 0; i < folds.size(); ++i) {
      if (chance() % 4 == 0) continue;
      folds[i].To(folds[i].next() + 1 + static_cast<int64_t>(chance() % 400));
      const bool anew = chance() % 10 == 0;
      checkpoints.push_back(
          ChangeOf(AllTasks()[i], folds[i].next(), anew ? PairMap() : stored[i], folds[i].pairs()));
      checkpoints.back().replaces_all = anew;
      stored[i] = folds[i].pairs();
    }
    absl::Status status = (*store)->Commit(std::move(checkpoints));
    if (status.ok() && chance() % 8 == 0) {
      status =
          (*store)->Snapshot(absl::StrCat("at-", folds[0].next(), "-", ::getpid(), "-", round));
    }
    if (!status.ok()) {
      std::fprintf(stderr, "the child: %s\n", std::string(status.message()).c_str());
      return 3;
    }
    std::printf("%ld %ld %ld\n", static_cast<long>(folds[0].next()),
                static_cast<long>(folds[1].next()), static_cast<long>(folds[2].next()));
    std::fflush(stdout);
  }
}

struct Child {
  pid_t pid = -1;
  int out = -1;
};

Child Spawn(const std::string& root, uint64_t seed) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const std::string seed_text = absl::StrCat(seed);
  const char* const arguments[] = {"state_store_kill_test", "write", root.c_str(),
                                   seed_text.c_str(), nullptr};
  const pid_t pid = ::vfork();
  if (pid == 0) {
    ::dup2(ends[1], 1);
    ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
    ::_exit(4);
  }
  ::close(ends[1]);
  return Child{pid, ends[0]};
}

// Reads what the child says until it said that many lines or is dead, and then for as long again as
// told, but not beyond its death.
std::string ReadLines(const Child& child, int64_t lines, absl::Duration longer) {
  std::string said;
  absl::Time end = absl::InfiniteFuture();
  while (true) {
    if (end == absl::InfiniteFuture() && std::count(said.begin(), said.end(), '\n') >= lines) {
      end = absl::Now() + longer;
    }
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return said;
    const timespec wait = absl::ToTimespec(left);
    pollfd poll{child.out, POLLIN, 0};
    if (::ppoll(&poll, 1, end == absl::InfiniteFuture() ? nullptr : &wait, nullptr) <= 0) {
      return said;
    }
    char buffer[4096];
    const ssize_t size = ::read(child.out, buffer, sizeof(buffer));
    if (size <= 0) return said;
    said.append(buffer, static_cast<size_t>(size));
  }
}

void ExpectFunctionOfOffset(StateStore& store, const std::vector<int64_t>& at_least) {
  for (size_t i = 0; i < AllTasks().size(); ++i) {
    const TaskId task = AllTasks()[i];
    const int64_t next = NextOf(store, task);
    ASSERT_GE(next, at_least[i]) << "a commit that was answered is gone";
    OffsetFold fold(task);
    fold.To(std::max<int64_t>(0, next));
    ASSERT_EQ(PairsOf(store, task), fold.pairs()) << task.service.text() << "@" << next;
    if (next >= 0) ExpectAgreed(store, task);
  }
}

TEST(StateStoreKill, NothingAnsweredIsLostAndNothingIsHalfThere) {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  const uint64_t seed = given != 0 ? static_cast<uint64_t>(given) : std::random_device()() % 99999;
  std::printf("seed=%lu; again: state_store_kill_test --gtest_random_seed=%lu\n",
              static_cast<unsigned long>(seed), static_cast<unsigned long>(seed));
  std::string root = testing::TempDir() + "state-store-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  std::mt19937_64 chance(seed);
  std::vector<int64_t> answered = {-1, -1, -1};
  int commits = 0;
  std::set<std::string> looked_at;
  for (int kill = 0; kill < kKills && !testing::Test::HasFailure(); ++kill) {
    SCOPED_TRACE(absl::StrCat("seed=", seed, " kill ", kill));
    const Child child = Spawn(root, chance());
    // Every fifth dies while it opens, the others at any instant of a commit, among compactions.
    const int64_t first_lines = kill % 5 == 0 ? 0 : static_cast<int64_t>(chance() % 8);
    const auto longer = absl::Microseconds(static_cast<int64_t>(chance() % 40'000));
    std::string said = ReadLines(child, first_lines, longer);
    ASSERT_EQ(::kill(child.pid, SIGKILL), 0);
    said += ReadLines(child, INT64_MAX, absl::ZeroDuration());
    ::close(child.out);
    int status = 0;
    ASSERT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";

    std::vector<std::string> lines = absl::StrSplit(said, '\n');
    lines.pop_back();  // what follows the last newline was not said to its end
    for (const std::string& line : lines) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      ASSERT_EQ(words.size(), 3u) << line;
      for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(absl::SimpleAtoi(words[i], &answered[i]));
      ++commits;
    }
    auto store = RocksStateStore::Open(OptionsIn(root));
    ASSERT_TRUE(store.ok()) << store.status();
    for (size_t i = 0; i < 3; ++i) {
      // A task that no commit has named yet says 0.
      if (answered[i] == 0 && NextOf(**store, AllTasks()[i]) == -1) answered[i] = -1;
    }
    ExpectFunctionOfOffset(**store, answered);
    const auto listed = RocksStateStore::ListSnapshots(OptionsIn(root));
    EXPECT_LE(listed.size(), 3u);  // the newest two, and one that was to be dropped
    for (const SnapshotSummary& snapshot : listed) {
      if (!looked_at.insert(snapshot.name).second) continue;
      RocksStateStore::Options options;
      options.folder = snapshot.folder;
      options.read_only = true;
      auto kept = RocksStateStore::Open(options);
      ASSERT_TRUE(kept.ok()) << kept.status();
      ExpectFunctionOfOffset(**kept, {-1, -1, -1});
      for (const SnapshotTask& task : snapshot.tasks) {
        EXPECT_EQ(NextOf(**kept, task.task), task.checkpoint.next.value);
      }
    }
  }
  std::printf("%d kills, %d answered commits, %d snapshots\n", kKills, commits,
              static_cast<int>(looked_at.size()));
  EXPECT_GT(commits, kKills);
  EXPECT_FALSE(looked_at.empty());
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  uint64_t seed = 0;
  if (argc == 4 && std::strcmp(argv[1], "write") == 0 && absl::SimpleAtoi(argv[3], &seed)) {
    return gridledger::Write(argv[2], seed);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
