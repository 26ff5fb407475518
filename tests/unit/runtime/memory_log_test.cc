// The memory log: the contract of its port, and its faults.
#include "services/runtime/adapters/memory/memory_log.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/event_log_contract.h"

namespace gridledger {
namespace {

class MemoryUnderTest : public LogUnderTest {
 public:
  explicit MemoryUnderTest(int partitions) : log_(MemoryLogOptions{partitions, 1, {}, true}) {}
  EventLog& log() override { return log_; }
  void Reopen() override { log_.Crash(); }  // its memory is its disk
  std::unique_ptr<BulkAppender> NewBulkAppender() override { return log_.NewBulkAppender(); }

 private:
  MemoryLog log_;
};

INSTANTIATE_TEST_SUITE_P(
    Memory, EventLogContract,
    testing::Values(EventLogFactory{
        "log", [](int partitions) { return std::make_unique<MemoryUnderTest>(partitions); }}),
    NameOfFactory);

NewRecord Numbered(int number) {
  return NewRecord{absl::FromUnixMillis(number), "", "", absl::StrCat(number)};
}

// What a run of appends came to, in words that two runs can be compared by.
struct Outcome {
  std::vector<std::string> answers;
  std::set<int> acknowledged, refused;
  std::vector<int> read;
};

Outcome AppendWithFaults(uint64_t seed, bool crash) {
  MemoryLog log(MemoryLogOptions{.partitions = 2,
                                 .seed = seed,
                                 .faults = {.append_lost = 100,
                                            .append_unanswered = 100,
                                            .append_delayed = 300,
                                            .batch_short = 500},
                                 .waits = false});
  Outcome run;
  for (int i = 0; i < 300; ++i) {
    log.Append(Partition{i % 2}, {Numbered(i)}, [&run, i](absl::StatusOr<Offset> first) {
      run.answers.push_back(absl::StrCat(i, " ", first.ok() ? "ok" : "failed"));
      (first.ok() ? run.acknowledged : run.refused).insert(i);
    });
    if (i % 3 == 0) log.Step();
    if (crash && i == 150) log.Crash();
  }
  while (log.Step()) {
  }
  const auto reader = log.NewReader();
  for (const int p : {0, 1}) EXPECT_TRUE(reader->Assign(Partition{p}, Offset{0}).ok());
  RecordBatch batch;
  // Nothing blocks, though an hour is offered.
  for (bool more = true; more; more = !batch.records().empty()) {
    EXPECT_TRUE(reader->Poll(absl::Hours(1), 50, &batch).ok());
    for (const Record& record : batch.records())
      run.read.push_back(std::stoi(std::string(record.value)));
  }
  return run;
}

TEST(MemoryLogFaultsTest, TheSameSeedGivesTheSameRun) {
  const Outcome once = AppendWithFaults(7, true), again = AppendWithFaults(7, true);
  EXPECT_EQ(once.answers, again.answers);
  EXPECT_EQ(once.read, again.read);
  EXPECT_NE(once.answers, AppendWithFaults(8, true).answers);
}

TEST(MemoryLogFaultsTest, NothingAcknowledgedIsEverLostAndOrderIsKept) {
  size_t stored_though_refused = 0, never_answered = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    const Outcome run = AppendWithFaults(seed, true);
    const std::set<int> read(run.read.begin(), run.read.end());
    EXPECT_EQ(read.size(), run.read.size()) << "a record was read twice";
    for (const int number : run.acknowledged) EXPECT_TRUE(read.count(number)) << number;
    for (const int parity : {0, 1}) {
      int last = -1;
      for (const int number : run.read) {
        if (number % 2 != parity) continue;
        EXPECT_GT(number, last);
        last = number;
      }
    }
    for (const int number : run.refused) stored_though_refused += read.count(number);
    never_answered += 300 - run.acknowledged.size() - run.refused.size();
  }
  // Each kind of fault did happen.
  EXPECT_GT(stored_though_refused, 0u);
  EXPECT_GT(never_answered, 0u);
}

TEST(MemoryLogFaultsTest, WithoutACrashEveryAppendIsAnsweredOnce) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Outcome run = AppendWithFaults(seed, false);
    EXPECT_EQ(run.answers.size(), 300u) << "seed=" << seed;
    EXPECT_EQ(run.acknowledged.size() + run.refused.size(), 300u) << "seed=" << seed;
  }
}

TEST(MemoryLogFaultsTest, WhatIsDelayedIsHiddenOrShownButNeverTakenBack) {
  bool hidden = false, shown = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    MemoryLog log(MemoryLogOptions{
        .partitions = 1, .seed = seed, .faults = {.append_delayed = 1000}, .waits = false});
    int answers = 0;
    log.Append(Partition{0}, {Numbered(0)}, [&](auto first) { answers += first.ok(); });
    EXPECT_EQ(answers, 0);
    const bool there = *log.End(Partition{0}) == Offset{1};
    (there ? shown : hidden) = true;
    log.Crash();
    if (there) {
      EXPECT_EQ(*log.End(Partition{0}), Offset{1});
    }
    EXPECT_FALSE(log.Step()) << "a crash forgets the caller";
    EXPECT_EQ(answers, 0);
  }
  EXPECT_TRUE(hidden);
  EXPECT_TRUE(shown);
}

TEST(MemoryLogFaultsTest, AnAppendFromWithinAnAnswerIsTaken) {
  MemoryLog log(MemoryLogOptions{});
  absl::StatusOr<Offset> second;
  log.Append(Partition{0}, {Numbered(0)}, [&](auto) {
    log.Append(Partition{0}, {Numbered(1)}, [&](auto first) { second = first; });
  });
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*second, Offset{1});
}

TEST(MemoryLog, ABrokenPlaceEndsItsPartitionOnly) {
  MemoryLog log(MemoryLogOptions{2, 0, {}, false});
  for (int p = 0; p < 2; ++p) {
    for (const char* value : {"a", "b", "c"}) {
      ASSERT_TRUE(
          log.AppendAndWait(Partition{p}, {NewRecord{absl::UnixEpoch(), "", "", value}}).ok());
    }
  }
  const BadPlace bad{Partition{1}, Offset{1}, BadPlace::Damage::kChecksum};
  log.Break(bad);
  const auto reader = log.NewReader();
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  ASSERT_TRUE(reader->Assign(Partition{1}, Offset{0}).ok());
  std::string read;
  int failures = 0;
  RecordBatch batch;
  for (int i = 0; i < 10; ++i) {
    const absl::Status status = reader->Poll(absl::ZeroDuration(), 10, &batch);
    if (!status.ok()) {
      ++failures;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_EQ(batch.bad_place(), bad);
      EXPECT_TRUE(batch.records().empty());
    }
    for (const Record& record : batch.records()) {
      read += absl::StrCat(record.partition.value, record.value);
    }
  }
  EXPECT_EQ(failures, 1);
  std::sort(read.begin(), read.end());
  EXPECT_EQ(read, "0001aabc") << "all of partition 0, and partition 1 up to there";
}

}  // namespace
}  // namespace gridledger
