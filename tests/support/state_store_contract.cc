#include "tests/support/state_store_contract.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <atomic>
#include <ostream>
#include <random>
#include <thread>
#include <utility>

namespace gridledger {

std::ostream& operator<<(std::ostream& out, const StateStoreFactory& factory) {
  return out << factory.name;
}
std::string NameOfStateStore(const testing::TestParamInfo<StateStoreFactory>& tested) {
  return tested.param.name;
}

namespace {

std::vector<TaskCheckpoint> Only(TaskCheckpoint checkpoint) {
  std::vector<TaskCheckpoint> checkpoints;
  checkpoints.push_back(std::move(checkpoint));
  return checkpoints;
}

void CommitChange(StateStore& store, const TaskId& task, int64_t next, const PairMap& before,
                  const PairMap& after) {
  const absl::Status status = store.Commit(Only(ChangeOf(task, next, before, after)));
  ASSERT_TRUE(status.ok()) << status;
}

// A test may link this file for something else in it.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StateStoreContract);

TEST_P(StateStoreContract, KnowsNothingAtFirst) {
  const TaskId task = TaskOf("audit", 3);
  EXPECT_EQ(NextOf(store(), task), -1);
  EXPECT_TRUE(store().Tasks().empty());
  const std::unique_ptr<TaskTier> tier = store().Tier(task);
  std::string value;
  EXPECT_FALSE(tier->Get("\x01", &value));
  EXPECT_EQ(PairsOf(store(), task), PairMap());
  EXPECT_TRUE(tier->status().ok());
  EXPECT_TRUE(store().Tasks().empty()) << "asking for a tier makes no task";
}

TEST_P(StateStoreContract, GivesBackWhatWasCommitted) {
  const TaskId task = TaskOf("audit", 3);
  const PairMap pairs = {{"\x01", "cell"}, {"\x02grid", ""}, {"\x02zone", std::string(3, '\0')}};
  TaskCheckpoint change = ChangeOf(task, 42, {}, pairs);
  const Checkpoint committed = change.checkpoint;
  ASSERT_TRUE(store().Commit(Only(std::move(change))).ok());
  for (const char* when : {"at once", "after a restart"}) {
    SCOPED_TRACE(when);
    const auto found = store().Find(task);
    ASSERT_TRUE(found.ok() && found->has_value());
    EXPECT_EQ((*found)->next.value, 42);
    EXPECT_EQ((*found)->digest, committed.digest);
    EXPECT_EQ((*found)->code_id, "build-1");
    EXPECT_EQ((*found)->schema, 77u);
    EXPECT_EQ(PairsOf(store(), task), pairs);
    EXPECT_EQ(store().Tasks(), std::vector<TaskId>{task});
    const std::unique_ptr<TaskTier> tier = store().Tier(task);
    std::string value = "not empty";
    EXPECT_TRUE(tier->Get("\x02grid", &value));
    EXPECT_EQ(value, "");
    EXPECT_FALSE(tier->Get("\x02gri", &value));
    EXPECT_FALSE(tier->Get("\x02gride", &value));
    under_test_->Reopen();
  }
}

TEST_P(StateStoreContract, LaterCommitsChangeAddAndDelete) {
  const TaskId task = TaskOf("dispatch", 0);
  const PairMap first = {{"\x01a", "1"}, {"\x01b", "1"}, {"\x01c", "1"}};
  const PairMap second = {{"\x01a", "1"}, {"\x01b", "2"}, {"\x01d", "2"}};
  const PairMap third = {
      {"\x01"
       "c",
       "3"}};
  CommitChange(store(), task, 10, {}, first);
  CommitChange(store(), task, 20, first, second);
  EXPECT_EQ(PairsOf(store(), task), second);
  EXPECT_EQ(NextOf(store(), task), 20);
  under_test_->Reopen();
  CommitChange(store(), task, 30, second, third);
  EXPECT_EQ(PairsOf(store(), task), third);
  under_test_->Reopen();
  EXPECT_EQ(PairsOf(store(), task), third);
  EXPECT_EQ(NextOf(store(), task), 30);
  ExpectAgreed(store(), task);
}

TEST_P(StateStoreContract, CommitWithoutPairsMovesTheOffset) {
  const TaskId task = TaskOf("dispatch", 0);
  const PairMap pairs = {{"\x01", "1"}};
  CommitChange(store(), task, 10, {}, pairs);
  CommitChange(store(), task, 11, pairs, pairs);
  CommitChange(store(), task, 11, pairs, pairs);
  EXPECT_TRUE(store().Commit({}).ok());
  under_test_->Reopen();
  EXPECT_EQ(NextOf(store(), task), 11);
  EXPECT_EQ(PairsOf(store(), task), pairs);
}

// Names and numbers that would run into one another, were keys put together carelessly.
TEST_P(StateStoreContract, TasksDoNotSeeOneAnother) {
  const std::string deep("\xff\xff\xff\xff\xff", 5);
  const std::vector<TaskId> tasks = {TaskOf("a", 0),   TaskOf("a", 1),
                                     TaskOf("a", 255), TaskOf("a", 256),
                                     TaskOf("aa", 0),  TaskOf("ab", 0x01000000),
                                     TaskOf("b", 0),   TaskOf("b", 0x7fffffff),
                                     TaskOf("zzz", 0), TaskOf(std::string(255, 'z'), 0x7fffffff)};
  std::vector<TaskCheckpoint> checkpoints;
  std::map<TaskId, PairMap> all;
  for (size_t i = 0; i < tasks.size(); ++i) {
    all[tasks[i]] = {{std::string("\x01\x00", 2), absl::StrCat("first of ", i)},
                     {"\xff" + deep, absl::StrCat("last of ", i)}};
    checkpoints.push_back(ChangeOf(tasks[i], static_cast<int64_t>(100 + i), {}, all[tasks[i]]));
  }
  std::reverse(checkpoints.begin(), checkpoints.end());
  ASSERT_TRUE(store().Commit(std::move(checkpoints)).ok());
  for (const char* when : {"at once", "after a restart"}) {
    SCOPED_TRACE(when);
    for (size_t i = 0; i < tasks.size(); ++i) {
      EXPECT_EQ(PairsOf(store(), tasks[i]), all[tasks[i]]) << i;
      EXPECT_EQ(NextOf(store(), tasks[i]), static_cast<int64_t>(100 + i));
    }
    EXPECT_EQ(store().Tasks().size(), tasks.size());
    EXPECT_EQ(NextOf(store(), TaskOf("a", 2)), -1);
    EXPECT_EQ(PairsOf(store(), TaskOf("aaa", 0)), PairMap());
    under_test_->Reopen();
  }
}

TEST_P(StateStoreContract, ScansAPrefixInByteOrderUntilToldToStop) {
  const TaskId task = TaskOf("metrics", 7);
  const PairMap pairs = {
      {"\x01", "1"},         {"\x02", "2"},     {std::string("\x02\x00", 2), "3"},
      {"\x02\x7f", "4"},     {"\x02\x80", "5"}, {"\x02\xff", "6"},
      {"\x02\xff\xff", "7"}, {"\x03", "8"},     {"\xff\xff", "9"}};
  CommitChange(store(), task, 1, {}, pairs);
  const std::unique_ptr<TaskTier> tier = store().Tier(task);
  const auto scan = [&](absl::string_view prefix, size_t at_most) {
    std::string found;
    tier->Scan(prefix, [&](absl::string_view, absl::string_view value) {
      absl::StrAppend(&found, value);
      return found.size() < at_most;
    });
    return found;
  };
  EXPECT_EQ(scan("", 100), "123456789");
  EXPECT_EQ(scan("\x02", 100), "234567");
  EXPECT_EQ(scan("\x02", 3), "234");
  EXPECT_EQ(scan("\x02\xff", 100), "67");
  EXPECT_EQ(scan("\xff", 100), "9");
  EXPECT_EQ(scan("\xff\xff", 100), "9");
  EXPECT_EQ(scan("\x04", 100), "");
  EXPECT_TRUE(tier->status().ok());
}

TEST_P(StateStoreContract, TierSeesTheNewestCommit) {
  const TaskId task = TaskOf("metrics", 7);
  const std::unique_ptr<TaskTier> tier = store().Tier(task);
  std::string value;
  EXPECT_FALSE(tier->Get("\x01k", &value));
  CommitChange(store(), task, 1, {}, {{"\x01k", "1"}});
  EXPECT_TRUE(tier->Get("\x01k", &value));
  EXPECT_EQ(value, "1");
  CommitChange(store(), task, 2, {{"\x01k", "1"}}, {{"\x01k", "2"}});
  EXPECT_TRUE(tier->Get("\x01k", &value));
  EXPECT_EQ(value, "2");
  CommitChange(store(), task, 3, {{"\x01k", "2"}}, {});
  EXPECT_FALSE(tier->Get("\x01k", &value));
  EXPECT_TRUE(tier->status().ok());
}

TEST_P(StateStoreContract, ReplacingLeavesNothingOfTheOldPairs) {
  const TaskId task = TaskOf("escalation", 5);
  const TaskId other = TaskOf("escalation", 6);
  const PairMap old = {{"\x01"
                        "a",
                        "old"},
                       {"\x01"
                        "b",
                        "old"},
                       {"\xff", "old"}};
  CommitChange(store(), task, 1000, {}, old);
  CommitChange(store(), other, 1000, {}, old);
  const std::unique_ptr<TaskTier> tier = store().Tier(task);
  PairMap now;
  // The second and third rounds replace what a replacement left; the offset may go back.
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    now = {{"\x01"
            "b",
            absl::StrCat("new ", round)},
           {absl::StrCat("\x02", round), "new"}};
    TaskCheckpoint change = ChangeOf(task, 10 + round, {}, now);
    change.replaces_all = true;
    ASSERT_TRUE(store().Commit(Only(std::move(change))).ok());
    std::string value;
    EXPECT_FALSE(
        tier->Get("\x01"
                  "a",
                  &value));
    EXPECT_TRUE(
        tier->Get("\x01"
                  "b",
                  &value));
    EXPECT_EQ(PairsOf(store(), task), now);
    if (round == 1) {
      // Ordinary commits after a replacement.
      PairMap later = now;
      later
          ["\x01"
           "c"] = "later";
      later.erase(
          "\x01"
          "b");
      CommitChange(store(), task, 500, now, later);
      EXPECT_EQ(PairsOf(store(), task), later);
      now = {{"\x03", "x"}};
      CommitChange(store(), task, 501, later, now);
      EXPECT_EQ(PairsOf(store(), task), now);
    }
  }
  under_test_->Reopen();
  EXPECT_EQ(PairsOf(store(), task), now);
  EXPECT_EQ(NextOf(store(), task), 12);
  EXPECT_EQ(PairsOf(store(), other), old);
  ExpectAgreed(store(), task);

  TaskCheckpoint empty = ChangeOf(task, 0, {}, {});
  empty.replaces_all = true;
  ASSERT_TRUE(store().Commit(Only(std::move(empty))).ok());
  under_test_->Reopen();
  EXPECT_EQ(PairsOf(store(), task), PairMap());
  EXPECT_EQ(NextOf(store(), task), 0);
}

TEST_P(StateStoreContract, HoldsLargeValues) {
  const TaskId task = TaskOf("audit", 1);
  const PairMap pairs = {{"\x01" + std::string(4000, 'k'), std::string(3'000'000, 'v')}};
  TaskCheckpoint change = ChangeOf(task, 9, {}, pairs);
  ASSERT_TRUE(store().Commit(Only(std::move(change))).ok());
  under_test_->Reopen();
  EXPECT_EQ(PairsOf(store(), task), pairs);
}

TEST_P(StateStoreContract, ScansFromAKeyOn) {
  const TaskId task = TaskOf("audit", 1);
  const PairMap pairs = {{"\x01"
                          "a",
                          ""},
                         {"\x02"
                          "a",
                          "1"},
                         {"\x02"
                          "c",
                          "2"},
                         {"\x02"
                          "d",
                          "3"},
                         {"\x03", ""}};
  ASSERT_TRUE(store().Commit(Only(ChangeOf(task, 9, {}, pairs))).ok());
  const std::unique_ptr<TaskTier> tier = store().Tier(task);
  const auto from = [&](absl::string_view key) {
    std::string values;
    tier->ScanFrom("\x02", key, [&](absl::string_view, absl::string_view value) {
      absl::StrAppend(&values, value);
      return true;
    });
    return values;
  };
  EXPECT_EQ(from("\x02"), "123");
  EXPECT_EQ(from("\x02"
                 "b"),
            "23");
  EXPECT_EQ(from("\x02"
                 "c"),
            "23");
  EXPECT_EQ(from("\x02"
                 "e"),
            "");
}

TEST_P(StateStoreContract, SomePairsLieBesideTheDigest) {
  const TaskId task = TaskOf("audit", 1);
  const PairMap pairs = {
      {"\x01"
       "a",
       "1"}};
  TaskCheckpoint change = ChangeOf(task, 9, {}, pairs);
  change.pairs.Put(absl::string_view("\0a", 2), "beside");
  ASSERT_TRUE(store().Commit(Only(std::move(change))).ok());
  ExpectAgreed(store(), task);
  EXPECT_EQ(PairsOf(store(), task).size(), 2u);
  EXPECT_EQ(SumOfPairs(*store().Tier(task)), DigestOf(pairs));
}

TEST_P(StateStoreContract, SnapshotStaysAsItWas) {
  const TaskId task = TaskOf("audit", 1);
  const PairMap first = {{"\x01"
                          "a",
                          "1"},
                         {"\x01"
                          "b",
                          "1"}};
  const PairMap second = {
      {"\x01"
       "a",
       "2"}};
  CommitChange(store(), task, 10, {}, first);
  ASSERT_TRUE(store().Snapshot("ten").ok());
  CommitChange(store(), task, 20, first, second);
  ASSERT_TRUE(store().Snapshot("twenty").ok());
  EXPECT_EQ(store().Snapshot("ten").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(store().Snapshot("").code(), absl::StatusCode::kInvalidArgument);
  CommitChange(store(), task, 30, second, {});
  EXPECT_EQ(PairsOf(store(), task), PairMap());
  const std::unique_ptr<StateStore> ten = under_test_->OpenSnapshot("ten");
  ASSERT_NE(ten, nullptr);
  EXPECT_EQ(NextOf(*ten, task), 10);
  EXPECT_EQ(PairsOf(*ten, task), first);
  ExpectAgreed(*ten, task);
  const std::unique_ptr<StateStore> twenty = under_test_->OpenSnapshot("twenty");
  ASSERT_NE(twenty, nullptr);
  EXPECT_EQ(PairsOf(*twenty, task), second);
}

// Whatever is committed, in whatever order, the store holds what a plain map holds.
TEST_P(StateStoreContract, AgreesWithAMap) {
  const uint64_t seed = testing::UnitTest::GetInstance()->random_seed() != 0
                            ? testing::UnitTest::GetInstance()->random_seed()
                            : 20260101;
  SCOPED_TRACE(absl::StrCat("seed=", seed, ", again with --gtest_random_seed"));
  std::mt19937_64 chance(seed);
  const std::vector<TaskId> tasks = {TaskOf("audit", 0), TaskOf("audit", 1), TaskOf("dispatch", 0)};
  std::map<TaskId, PairMap> model;
  std::map<TaskId, int64_t> offsets;
  for (int round = 0; round < 60; ++round) {
    std::vector<TaskCheckpoint> checkpoints;
    for (const TaskId& task : tasks) {
      if (chance() % 3 == 0) continue;
      const bool anew = chance() % 8 == 0;
      const PairMap before = anew ? PairMap() : model[task];
      PairMap after = before;
      for (uint64_t change = chance() % 40; change > 0; --change) {
        const std::string key =
            absl::StrCat(std::string(1, static_cast<char>(1 + chance() % 3)), chance() % 100);
        if (chance() % 3 == 0) {
          after.erase(key);
        } else {
          after[key] = absl::StrCat(round, "/", chance() % 1000);
        }
      }
      offsets[task] = anew ? static_cast<int64_t>(chance() % 10)
                           : offsets[task] + static_cast<int64_t>(chance() % 100);
      TaskCheckpoint change = ChangeOf(task, offsets[task], before, after);
      change.replaces_all = anew;
      checkpoints.push_back(std::move(change));
      model[task] = std::move(after);
    }
    ASSERT_TRUE(store().Commit(std::move(checkpoints)).ok());
    if (chance() % 10 == 0) under_test_->Reopen();
    for (const auto& [task, next] : offsets) {
      ASSERT_EQ(PairsOf(store(), task), model[task]) << "round " << round;
      ASSERT_EQ(NextOf(store(), task), next);
    }
  }
}

// A scan sees one commit, never half of one, also when that commit replaces everything.
TEST_P(StateStoreContract, ReadersBesideCommitsSeeWholeOnes) {
  constexpr int kPairs = 200;
  const TaskId task = TaskOf("dispatch", 2);
  const auto pairs_at = [](int round) {
    PairMap pairs;
    for (int i = 0; i < kPairs; ++i) pairs[absl::StrCat("\x01", i)] = absl::StrCat(round);
    return pairs;
  };
  CommitChange(store(), task, 0, {}, pairs_at(0));
  std::atomic<bool> done = false;
  std::atomic<int> scans = 0;
  std::thread reader([&] {
    const std::unique_ptr<TaskTier> tier = store().Tier(task);
    int newest = 0;
    while (!done || scans == 0) {
      int count = 0;
      std::string value;
      tier->Scan("\x01", [&](absl::string_view, absl::string_view found) {
        if (count++ == 0) value = std::string(found);
        EXPECT_EQ(found, value);
        return true;
      });
      ASSERT_EQ(count, kPairs);
      ASSERT_GE(std::stoi(value), newest);
      newest = std::stoi(value);
      ASSERT_TRUE(
          tier->Get("\x01"
                    "7",
                    &value));
      ASSERT_GE(std::stoi(value), newest);
      ++scans;
    }
    EXPECT_TRUE(tier->status().ok());
  });
  for (int round = 1; round < 60; ++round) {
    TaskCheckpoint change = ChangeOf(task, round, {}, pairs_at(round));
    change.replaces_all = round % 5 == 0;
    EXPECT_TRUE(store().Commit(Only(std::move(change))).ok());
  }
  done = true;
  reader.join();
}

}  // namespace
}  // namespace gridledger
