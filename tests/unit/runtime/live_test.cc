// The live driver where its log says no, and where two of them decide the same: step by step, on a
// clock that stands.
#include "services/runtime/engine/live.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/adapters/memory/memory_state_store.h"
#include "tests/support/ledger.h"
#include "tests/support/small_services.h"
#include "tests/support/virtual_clock.h"

namespace gridledger::engine {
namespace {

using ::testing::HasSubstr;

constexpr Partition kPartition{0};

// One process's way to a log that others write, too: its appends wait until they are let through,
// or are refused.
class Way final : public EventLog {
 public:
  explicit Way(EventLog* log) : log_(log) {}

  int partitions() const override { return log_->partitions(); }
  absl::StatusOr<Offset> End(Partition partition) override { return log_->End(partition); }
  void Append(Partition partition, std::vector<NewRecord> records, Done done) override {
    ++appends;
    largest = std::max(largest, records.size());
    if (!refuses.ok()) return std::move(done)(refuses);
    waiting_.emplace_back(
        [this, partition, records = std::move(records), done = std::move(done)]() mutable {
          for (NewRecord& record : records) {
            if (stamps_ != nullptr) record.timestamp = stamps_->Now();
          }
          log_->Append(partition, std::move(records), std::move(done));
        });
  }
  void AskBounds(Partition partition, Answered done) override {
    ++asked[partition];
    if (leaderless.contains(partition)) {
      unanswered_.emplace_back(partition, std::move(done));
    } else {
      log_->AskBounds(partition, std::move(done));
    }
  }
  std::unique_ptr<LogReader> NewReader() override {
    return std::make_unique<ReaderWithoutWaiting>(log_->NewReader(), &waited, &reads);
  }

  // Others stamp what comes through, by their clock, as a cluster's brokers do.
  void StampBy(Clock* clock) { stamps_ = clock; }
  void LetThrough() {
    for (auto& one : std::exchange(waiting_, {})) std::move(one)();
  }
  void LetOneThrough() {
    std::move(waiting_.front())();
    waiting_.pop_front();
  }
  size_t waiting() const { return waiting_.size(); }
  // What a question comes to that nobody could answer in time.
  void TimeOut() {
    for (auto& [partition, done] : std::exchange(unanswered_, {})) {
      std::move(done)(absl::UnavailableError("no leader"));
    }
  }
  size_t unanswered() const { return unanswered_.size(); }

  absl::Status refuses;
  std::set<Partition> leaderless;
  std::map<Partition, int> asked;
  bool reads = true;  // false: what is appended does not come back
  int appends = 0;
  size_t largest = 0;     // append, in records
  absl::Duration waited;  // what the last turn would have waited for records

 private:
  class ReaderWithoutWaiting final : public LogReader {
   public:
    ReaderWithoutWaiting(std::unique_ptr<LogReader> reader, absl::Duration* waited,
                         const bool* reads)
        : reader_(std::move(reader)), waited_(waited), reads_(reads) {}
    absl::Status Assign(Partition partition, Offset from) override {
      return reader_->Assign(partition, from);
    }
    void Unassign(Partition partition) override { reader_->Unassign(partition); }
    absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) override {
      *waited_ = wait;
      batch->Clear();
      if (!*reads_) return absl::OkStatus();
      return reader_->Poll(absl::ZeroDuration(), records_max, batch);
    }
    void ReadHeaders(bool read) override { reader_->ReadHeaders(read); }
    void Wake() override { reader_->Wake(); }

   private:
    const std::unique_ptr<LogReader> reader_;
    absl::Duration* const waited_;
    const bool* const reads_;
  };

  EventLog* const log_;
  Clock* stamps_ = nullptr;
  std::vector<std::pair<Partition, Answered>> unanswered_;
  std::deque<absl::AnyInvocable<void() &&>> waiting_;
};

// Tells another time of day than the clock that it goes with.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(VirtualClock* right) : right_(right) {}
  absl::Time Now() override { return right_->Now() + ahead; }
  absl::Time Steady() override { return right_->Now(); }

  absl::Duration ahead;

 private:
  VirtualClock* const right_;
};

// A store that is busy until it is told to commit.
class SlowSink final : public CheckpointSink {
 public:
  void Submit(std::vector<TaskCheckpoint> checkpoints,
              absl::AnyInvocable<void(absl::Status)> done) override {
    ++submitted;
    checkpoints_ = std::move(checkpoints);
    done_ = std::move(done);
  }
  void Commit() { std::exchange(done_, nullptr)(store.Commit(std::move(checkpoints_))); }

  MemoryStateStore store;
  int submitted = 0;

 private:
  std::vector<TaskCheckpoint> checkpoints_;
  absl::AnyInvocable<void(absl::Status)> done_;
};

struct Driver {
  Driver(const Service& service, EventLog* log, Clock* clock, LiveOptions options = {},
         SlowSink* sink = nullptr)
      : way(log) {
    std::vector<std::unique_ptr<Task>> tasks;
    absl::StatusOr<std::unique_ptr<Task>> task =
        Task::Open(service, kPartition, sink == nullptr ? nullptr : &sink->store, "test");
    EXPECT_TRUE(task.ok()) << task.status();
    tasks.push_back(*std::move(task));
    live = std::make_unique<Live>(std::move(tasks), &way, sink, clock, options);
    EXPECT_TRUE(live->Start().ok());
  }
  void Turn(int turns = 1) {
    for (int i = 0; i < turns; ++i) EXPECT_TRUE(live->Turn(absl::Minutes(1)).ok());
  }

  Way way;
  std::unique_ptr<Live> live;
};

class LiveTest : public ::testing::Test {
 protected:
  void Report(const std::string& incident, int64_t due_ms = 0) {
    v1::Entry reported = FactOn(incident, 0);
    reported.mutable_fact()->mutable_reported()->set_community("C1");
    if (due_ms != 0) {
      reported.mutable_fact()->mutable_reported()->set_due_at_ms(ToMillis(TestTime(due_ms)));
    }
    ASSERT_TRUE(log_.AppendAndWait(kPartition, {RecordOf(reported, clock_.Now())}).ok());
  }
  // One that waits for a dispatch.
  void File(const std::string& incident) {
    Report(incident);
    v1::Entry filed = FactOn(incident, 1);
    filed.mutable_fact()->mutable_filed();
    ASSERT_TRUE(log_.AppendAndWait(kPartition, {RecordOf(filed, clock_.Now())}).ok());
  }
  // How often each incident was dispatched.
  std::map<std::string, int> Dispatched() {
    std::map<std::string, int> times;
    for (const NewRecord& record : ReadLedger(log_, kPartition)) {
      v1::Entry entry;
      EXPECT_TRUE(entry.ParseFromString(record.value));
      for (const v1::Fact& fact : entry.decision().facts()) ++times[fact.incident_id()];
    }
    return times;
  }

  MemoryLog log_{MemoryLogOptions{1, 1, {}, false}};
  VirtualClock clock_{TestTime(0)};
};

TEST_F(LiveTest, ATickThatTheLogRefusesStopsThePartition) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  EXPECT_TRUE(driver.live->live());
  clock_.MoveTo(TestTime(100));
  driver.way.refuses = absl::InvalidArgumentError("a record's time is more than a minute ahead");
  driver.Turn(3);
  ASSERT_EQ(driver.live->stopped().size(), 1u);
  const Live::Stopped stopped = driver.live->stopped()[0];
  EXPECT_EQ(stopped.partition, kPartition);
  EXPECT_EQ(stopped.at, Offset{1});
  EXPECT_TRUE(absl::IsFailedPrecondition(stopped.why)) << stopped.why;
  EXPECT_THAT(std::string(stopped.why.message()),
              HasSubstr("a tick of escalation/0@1: a record's time is more than a minute ahead"));
  clock_.Advance(absl::Seconds(10));
  driver.Turn(3);
  EXPECT_EQ(driver.way.appends, 1);
}

TEST_F(LiveTest, ADecisionThatTheLogRefusesStopsThePartition) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  File("I1");
  driver.way.refuses = absl::PermissionDeniedError("no right to write");
  driver.Turn(3);
  ASSERT_EQ(driver.live->stopped().size(), 1u);
  EXPECT_THAT(std::string(driver.live->stopped()[0].why.message()),
              HasSubstr("decisions of dispatch/0@2: no right to write"));
  EXPECT_EQ(driver.way.appends, 1);
}

// What becomes due while the log is away fires with the ticks that wait for it, not with one more.
TEST_F(LiveTest, WhileTheLogIsAwayTicksGather) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  Report("I2", 300);
  driver.Turn();
  const auto at = [&](int ms) {
    clock_.MoveTo(TestTime(ms));
    driver.Turn(2);
    return driver.way.appends;
  };
  EXPECT_EQ(at(40), 0);
  EXPECT_EQ(at(100), 1);
  EXPECT_EQ(at(340), 1);
  EXPECT_EQ(at(350), 2);
  EXPECT_EQ(at(590), 2);
  driver.way.LetThrough();
  driver.Turn(2);
  EXPECT_EQ(driver.live->tasks()[0]->EarliestTimer(), absl::InfiniteFuture());
  std::set<std::string> ids;
  for (const NewRecord& record : ReadLedger(log_, kPartition)) {
    v1::Entry entry;
    ASSERT_TRUE(entry.ParseFromString(record.value));
    if (entry.has_tick()) ids.emplace(FindHeader(record.headers, "ce_id"));
  }
  EXPECT_EQ(ids, (std::set<std::string>{"tick.0", "tick.1"}));
}

// Through an hour without a log they become rarer.
TEST_F(LiveTest, TheTicksOfALongOutageAreFew) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  for (int i = 0; i < 36'000; ++i) {
    clock_.Advance(absl::Milliseconds(100));
    driver.Turn();
  }
  EXPECT_GT(driver.way.appends, 50);
  EXPECT_LT(driver.way.appends, 80);
}

TEST_F(LiveTest, TheTicksThatALogNeverGivesBackAreBounded) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  for (int i = 0; i < 300; ++i) {  // each time as long as it takes to the next one
    clock_.Advance(std::max(absl::Milliseconds(250), (clock_.Now() - TestTime(0)) / 7));
    driver.Turn();
  }
  EXPECT_EQ(driver.way.appends, 96);
}

// A service whose clock is ahead asks too early; the log's clock decides, and says for how long to
// wait.
TEST_F(LiveTest, AClockThatIsAheadFiresNothingEarlyAndSendsFewTicks) {
  WrongClock wrong(&clock_);
  wrong.ahead = absl::Seconds(300);
  Driver driver(Alarms(), &log_, &wrong);
  driver.way.StampBy(&clock_);
  Report("I1", 60'000);
  driver.Turn();
  absl::Duration waited;
  while (clock_.Now() < TestTime(59'900)) {
    driver.way.LetThrough();
    driver.Turn();
    ASSERT_NE(driver.live->tasks()[0]->EarliestTimer(), absl::InfiniteFuture())
        << "fired at " << clock_.Now();
    waited += driver.way.waited;
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_LE(driver.way.appends, 14);  // one every five seconds, and no more at the end
  for (int i = 0; i < 10 && driver.live->tasks()[0]->EarliestTimer() != absl::InfiniteFuture();
       ++i) {
    clock_.Advance(absl::Milliseconds(100));
    driver.way.LetThrough();
    driver.Turn();
  }
  EXPECT_EQ(driver.live->tasks()[0]->EarliestTimer(), absl::InfiniteFuture());
  EXPECT_LE(driver.way.appends, 17);
  EXPECT_GT(waited, absl::Seconds(30)) << "it waits for its time, and does not turn idly";
}

// One that goes by the log's clock is on time, whatever was measured when.
TEST_F(LiveTest, AClockThatIsSetRightFiresAtOnce) {
  WrongClock wrong(&clock_);
  wrong.ahead = absl::Seconds(-300);
  Driver driver(Alarms(), &log_, &wrong);
  driver.way.StampBy(&clock_);
  Report("I1", 1'000);
  driver.Turn();
  clock_.MoveTo(TestTime(2'000));
  driver.Turn();
  EXPECT_EQ(driver.way.appends, 0);
  wrong.ahead = absl::ZeroDuration();
  driver.Turn();
  driver.way.LetThrough();
  driver.Turn(2);
  EXPECT_EQ(driver.live->tasks()[0]->EarliestTimer(), absl::InfiniteFuture());
  EXPECT_EQ(driver.way.appends, 2);  // a tick, and what is decided on it
}

// What lasts is measured by a clock that nobody sets.
TEST_F(LiveTest, AClockThatIsSetBackMakesNothingWait) {
  WrongClock wrong(&clock_);
  wrong.ahead = absl::Seconds(300);
  Driver driver(SendAllTo("unit"), &log_, &wrong);
  File("I1");
  driver.way.refuses = absl::UnavailableError("no broker");
  driver.Turn(3);
  EXPECT_EQ(driver.way.appends, 1);
  wrong.ahead = absl::ZeroDuration();
  driver.way.refuses = absl::OkStatus();
  clock_.Advance(absl::Milliseconds(200));
  driver.Turn(2);
  driver.way.LetThrough();
  driver.Turn();
  EXPECT_EQ(Dispatched(), (std::map<std::string, int>{{"I1", 1}}));
}

TEST_F(LiveTest, WhatTheLogDoesNotTakeIsCountedAtOnce) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  clock_.MoveTo(TestTime(100));
  driver.way.refuses = absl::UnavailableError("the producer ended");
  driver.Turn(2);
  EXPECT_EQ(driver.live->refusals(), 1);
  EXPECT_THAT(driver.live->last_refusal().text,
              HasSubstr("a tick of escalation/0@1: the producer ended"));
  EXPECT_TRUE(driver.live->stopped().empty());
}

// An owner that something is wrong with leaves its work to a standby. Where there is none it goes
// on.
TEST_F(LiveTest, WhoStandsBackSendsNothingUnlessNobodyElseDoes) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  driver.Turn();
  driver.live->StandBack(absl::Seconds(3));
  File("I1");
  driver.Turn();
  clock_.Advance(absl::Milliseconds(2'900));
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 0);
  clock_.Advance(absl::Milliseconds(200));
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 1);
  EXPECT_EQ(driver.live->taken_over(), 1);
}

TEST_F(LiveTest, WhoStoodBackIsAnOwnerAgain) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  driver.Turn();
  driver.live->StandBack(absl::Seconds(3));
  File("I1");
  driver.Turn();
  driver.live->Promote();
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 1);
  EXPECT_EQ(driver.live->taken_over(), 0);
}

// The log takes them and does not give them back to be read, as behind an open transaction.
TEST_F(LiveTest, TicksDoNotPileUpInALogThatIsNotRead) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  driver.way.reads = false;
  for (int i = 0; i < 36'000; ++i) {
    clock_.Advance(absl::Milliseconds(100));
    driver.Turn();
    driver.way.LetThrough();
  }
  EXPECT_GE(driver.way.appends, 1);
  EXPECT_LE(driver.way.appends, 4);
  driver.way.reads = true;
  driver.Turn(3);
  EXPECT_EQ(driver.live->tasks()[0]->EarliestTimer(), absl::InfiniteFuture());
}

// A city of some partitions, all of one driver.
struct Partitions {
  Partitions(int count, VirtualClock* clock)
      : log(MemoryLogOptions{count, 1, {}, false}), way(&log) {
    for (Partition p{0}; p.value < count; p = p.Next()) {
      v1::Entry reported = FactOn(absl::StrCat("I", p.value), 0);
      reported.mutable_fact()->mutable_reported()->set_community("C1");
      v1::Entry filed = FactOn(absl::StrCat("I", p.value), 1);
      filed.mutable_fact()->mutable_filed();
      EXPECT_TRUE(
          log.AppendAndWait(p, {RecordOf(reported, clock->Now()), RecordOf(filed, clock->Now())})
              .ok());
      tasks.push_back(NewTask(SendAllTo("unit"), p));
    }
    live = std::make_unique<Live>(std::move(tasks), &way, nullptr, clock, LiveOptions{});
  }
  void Turn(int turns = 1) {
    for (int i = 0; i < turns; ++i) {
      ASSERT_TRUE(live->Turn(absl::Minutes(1)).ok());
      way.LetThrough();
    }
  }
  bool Dispatched(Partition partition) {
    return log.End(partition)->value > 2 && live->tasks()[partition.value]->pending().empty();
  }

  MemoryLog log;
  Way way;
  std::vector<std::unique_ptr<Task>> tasks;
  std::unique_ptr<Live> live;
};

TEST_F(LiveTest, APlaceThatCannotBeReadStopsItsPartitionOnly) {
  Partitions city(4, &clock_);
  const BadPlace bad{Partition{2}, Offset{1}, BadPlace::Damage::kChecksum};
  city.log.Break(bad);
  ASSERT_TRUE(city.live->Start().ok());
  city.Turn(5);
  ASSERT_EQ(city.live->stopped().size(), 1u);
  const Live::Stopped stopped = city.live->stopped()[0];
  EXPECT_EQ(stopped.partition, Partition{2});
  EXPECT_EQ(stopped.at, Offset{1});
  EXPECT_EQ(stopped.bad_place, bad);
  EXPECT_TRUE(absl::IsDataLoss(stopped.why)) << stopped.why;
  EXPECT_EQ(city.live->tasks()[2]->next(), Offset{1}) << "what is before it is folded";
  EXPECT_TRUE(city.live->live());
  for (const int p : {0, 1, 3}) EXPECT_TRUE(city.Dispatched(Partition{p})) << p;
  EXPECT_TRUE(city.live->Idle());
}

TEST_F(LiveTest, APlaceThatBreaksWhileTheCityRunsStopsItsPartitionOnly) {
  Partitions city(2, &clock_);
  ASSERT_TRUE(city.live->Start().ok());
  city.Turn(5);
  EXPECT_TRUE(city.live->stopped().empty());
  const Offset end = *city.log.End(Partition{0});
  city.log.Break({Partition{0}, end, BadPlace::Damage::kMissing});
  for (int p = 0; p < 2; ++p) {
    v1::Entry reported = FactOn("late", 0);
    reported.mutable_fact()->mutable_reported()->set_community("C1");
    ASSERT_TRUE(city.log.AppendAndWait(Partition{p}, {RecordOf(reported, clock_.Now())}).ok());
  }
  city.Turn(5);
  ASSERT_EQ(city.live->stopped().size(), 1u);
  EXPECT_EQ(city.live->stopped()[0].at, end);
  EXPECT_EQ(city.live->tasks()[1]->next(), *city.log.End(Partition{1}));
}

TEST_F(LiveTest, PartitionsWithoutALeaderKeepNobodyWaiting) {
  Partitions city(32, &clock_);
  for (int p = 2; p < 32; ++p) city.way.leaderless.insert(Partition{p});
  ASSERT_TRUE(city.live->Start().ok());
  EXPECT_EQ(city.way.unanswered(), 30u) << "each is asked once, and nobody waits for the answer";
  city.Turn(5);
  EXPECT_TRUE(city.Dispatched(Partition{0}));
  EXPECT_TRUE(city.Dispatched(Partition{1}));
  EXPECT_EQ(city.way.unanswered(), 30u) << "one question of a partition is under way at a time";
  EXPECT_FALSE(city.live->live());
  EXPECT_FALSE(city.live->Idle());
  EXPECT_TRUE(city.live->stopped().empty());
  city.way.TimeOut();
  city.Turn();
  EXPECT_EQ(city.way.unanswered(), 0u) << "not at once again";
  city.way.leaderless.clear();
  clock_.Advance(absl::Seconds(1));
  city.Turn(5);
  EXPECT_TRUE(city.live->live());
  for (int p = 0; p < 32; ++p) EXPECT_TRUE(city.Dispatched(Partition{p})) << p;
}

// Who waits for all to be done asks for the ends of then.
TEST_F(LiveTest, AnOldAnswerDoesNotMakeItIdle) {
  Partitions city(2, &clock_);
  ASSERT_TRUE(city.live->Start().ok());
  city.Turn(5);
  EXPECT_TRUE(city.live->Idle());
  city.way.leaderless.insert(Partition{1});
  EXPECT_FALSE(city.live->Idle());
  city.way.TimeOut();
  clock_.Advance(absl::Minutes(1));
  EXPECT_FALSE(city.live->Idle()) << "the answer of a minute ago";
  city.way.leaderless.clear();
  city.way.TimeOut();
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(city.live->Idle());
}

TEST_F(LiveTest, MarksOfTransactionsAreFoldedOver) {
  Partitions city(1, &clock_);
  NewRecord nothing;
  nothing.kind = PlaceKind::kNothing;
  ASSERT_TRUE(city.log.AppendAndWait(Partition{0}, {nothing, nothing}).ok());
  ASSERT_TRUE(city.live->Start().ok());
  city.Turn(5);
  EXPECT_TRUE(city.live->stopped().empty());
  EXPECT_EQ(city.live->tasks()[0]->place_counts().without_record, 2u);
  EXPECT_TRUE(city.Dispatched(Partition{0}));
  EXPECT_TRUE(city.live->Idle());
}

TEST_F(LiveTest, WhatDidNotComeThroughIsSentAgain) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  File("I1");
  driver.way.refuses = absl::UnavailableError("no broker");
  driver.Turn(3);
  EXPECT_TRUE(driver.live->stopped().empty());
  driver.way.refuses = absl::OkStatus();
  clock_.Advance(absl::Seconds(1));
  driver.Turn(2);
  driver.way.LetThrough();
  EXPECT_EQ(Dispatched()["I1"], 1);
}

TEST_F(LiveTest, WhatIsDecidedMeanwhileDoesNotWaitForAnAnswer) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  for (int i = 0; i < 10; ++i) {
    File("I" + std::to_string(i));
    driver.Turn();
  }
  EXPECT_EQ(driver.way.appends, 4);  // and what comes then goes together
  driver.way.LetThrough();
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 5);
  driver.way.LetThrough();
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 5);
  const std::map<std::string, int> dispatched = Dispatched();
  EXPECT_EQ(dispatched.size(), 10u);
  for (const auto& [incident, times] : dispatched) EXPECT_EQ(times, 1) << incident;
}

TEST_F(LiveTest, BehindAFailureNothingIsSentUntilAllBeforeItIsAnswered) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  File("I0");
  driver.Turn();
  File("I1");
  driver.way.refuses = absl::UnavailableError("no broker");
  driver.Turn();
  driver.way.refuses = absl::OkStatus();
  File("I2");
  clock_.Advance(absl::Seconds(1));
  driver.Turn(3);
  EXPECT_EQ(driver.way.appends, 2);  // I0 is under way, I1 has failed
  driver.way.LetThrough();
  driver.Turn(2);
  clock_.Advance(absl::Seconds(1));
  driver.Turn(2);
  EXPECT_EQ(driver.way.appends, 3);
  driver.way.LetThrough();
  EXPECT_EQ(Dispatched(), (std::map<std::string, int>{{"I0", 1}, {"I1", 1}, {"I2", 1}}));
}

// A backlog of decisions goes to the log in such portions as it answers at once: else those of
// everybody else would wait behind them.
TEST_F(LiveTest, ABacklogIsSentAsTheLogTakesIt) {
  for (int i = 0; i < 40'000; ++i) File("I" + std::to_string(i));
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  const auto largest_of_last = [&](int rounds, absl::Duration answered_after) {
    for (int i = 0; i < rounds; ++i) {
      driver.way.largest = 0;
      driver.Turn();
      clock_.Advance(answered_after);
      driver.way.LetThrough();
    }
    return driver.way.largest;
  };
  driver.Turn(20);
  driver.way.LetThrough();
  const size_t first = largest_of_last(1, absl::Milliseconds(100));
  EXPECT_LE(first, 1'000u);
  const size_t quick = largest_of_last(8, absl::Milliseconds(100));
  EXPECT_GE(quick, 4 * first);
  const size_t slow = largest_of_last(10, absl::Seconds(1));
  EXPECT_LE(slow, first);
  EXPECT_GE(slow, 1u);
}

// Few pairs, and large ones: their bytes bring a checkpoint forward as their number would.
TEST_F(LiveTest, LargePairsDoNotWaitForTheInterval) {
  SlowSink sink;
  LiveOptions options;
  options.checkpoint_interval = absl::Hours(1);
  options.checkpoint_dirty_bytes_max = 1'000'000;
  Driver driver(Alarms(), &log_, &clock_, options, &sink);
  const auto wait_for = [&](const std::string& incident) {  // ~220 KB
    for (int i = 0; i < incident::kAwaitingMax; ++i) {
      ASSERT_TRUE(
          log_.AppendAndWait(kPartition, {RecordOf(LongFactOn(incident), clock_.Now())}).ok());
    }
  };
  for (const char* incident : {"I1", "I2"}) wait_for(incident);
  driver.Turn(3);
  EXPECT_EQ(sink.submitted, 0);
  for (const char* incident : {"I3", "I4", "I5"}) wait_for(incident);
  driver.Turn(3);
  ASSERT_EQ(sink.submitted, 1);
  sink.Commit();
}

// Commits at once, and looks how much the tasks hold meanwhile.
class WatchingSink final : public CheckpointSink {
 public:
  void Submit(std::vector<TaskCheckpoint> checkpoints,
              absl::AnyInvocable<void(absl::Status)> done) override {
    size_t bytes = 0;
    for (const TaskCheckpoint& one : checkpoints) bytes += one.pairs.bytes();
    for (const Task* task : live->tasks()) bytes += task->resident_bytes();
    most = std::max(most, bytes);
    done(store.Commit(std::move(checkpoints)));
  }

  MemoryStateStore store;
  Live* live = nullptr;
  size_t most = 0;
};

// Ten times as much as it may hold, in one batch: reports that stay open, awaiting facts, and facts
// about what is closed.
TEST_F(LiveTest, RecordsWithLongTextsDoNotFillTheMemory) {
  constexpr int kIncidents = 100;
  const auto append = [&](const v1::Entry& entry) {
    ASSERT_TRUE(log_.AppendAndWait(kPartition, {RecordOf(entry, clock_.Now())}).ok());
  };
  for (int i = 0; i < kIncidents; ++i) {
    const std::string id = "I" + std::to_string(i);
    v1::Entry reported = FactOn(id, 0);
    reported.mutable_fact()->mutable_reported()->set_channel(std::string(256, 'x'));
    append(reported);
    for (int j = 0; j < incident::kAwaitingMax; ++j)
      append(LongFactOn("nobody " + std::to_string(i)));
    v1::Entry void_one = FactOn("I" + std::to_string(i * 7 % (i + 1)), 9);
    void_one.mutable_fact()->mutable_filed();
    append(void_one);
  }
  LiveOptions options;
  options.checkpoint_interval = absl::Hours(1);
  options.tables_bytes_max = 2'000'000;
  options.checkpoint_dirty_bytes_max = 500'000;
  WatchingSink sink;
  std::vector<std::unique_ptr<Task>> tasks;
  tasks.push_back(*Task::Open(Onlooker(), kPartition, &sink.store, "test"));
  Live live(std::move(tasks), &log_, &sink, &clock_, options);
  sink.live = &live;
  ASSERT_TRUE(live.Start().ok());
  for (int turn = 0; turn < 5; ++turn) ASSERT_TRUE(live.Turn(absl::ZeroDuration()).ok());
  EXPECT_EQ(live.folded(), kIncidents * (incident::kAwaitingMax + 2));
  // What is clean, and what changes until the next look, twice with what is collected of it. A
  // pair of awaiting facts is a quarter of a megabyte. All of them together are 20 MB.
  EXPECT_LE(sink.most, 2'000'000u + 2 * (500'000u + 256'000u + 500'000u) + 500'000u);
  EXPECT_GE(sink.store.commits(), 20);
}

// A driver that has nothing to do but wait leaves the processor to those whom it waits for.
TEST_F(LiveTest, WhileACheckpointIsOutItWaits) {
  SlowSink sink;
  LiveOptions options;
  options.checkpoint_interval = absl::Seconds(1);
  Driver driver(Alarms(), &log_, &clock_, options, &sink);
  Report("I1");
  driver.Turn();
  clock_.Advance(absl::Seconds(2));
  driver.Turn(2);
  ASSERT_EQ(sink.submitted, 1);
  Report("I2");
  clock_.Advance(absl::Seconds(2));  // the next one is due, and the store has not answered
  driver.Turn(2);
  EXPECT_GE(driver.way.waited, absl::Milliseconds(1));
  EXPECT_EQ(sink.submitted, 1);
  sink.Commit();
  driver.Turn(2);
  EXPECT_EQ(sink.submitted, 2);
  sink.Commit();
}

TEST_F(LiveTest, WhileTheLogIsAwayItWaitsBetweenTwoTicks) {
  Driver driver(Alarms(), &log_, &clock_);
  Report("I1", 50);
  driver.Turn();
  clock_.Advance(absl::Seconds(1));
  driver.way.refuses = absl::UnavailableError("no broker");
  driver.Turn(3);
  EXPECT_EQ(driver.way.appends, 1);
  EXPECT_GE(driver.way.waited, absl::Milliseconds(1));
  driver.way.refuses = absl::OkStatus();
  clock_.Advance(driver.way.waited);
  driver.Turn();
  EXPECT_EQ(driver.way.appends, 2);
}

TEST_F(LiveTest, WhatIsDecidedGoesOnInTheTraceOfWhatItIsAbout) {
  Driver driver(SendAllTo("unit"), &log_, &clock_);
  driver.Turn();  // live: what was there before is read without its headers
  File("untraced");
  Report("traced");
  v1::Entry filed = FactOn("traced", 1);
  filed.mutable_fact()->mutable_filed();
  NewRecord record = RecordOf(filed, clock_.Now());
  AppendHeader("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
               &record.headers);
  ASSERT_TRUE(log_.AppendAndWait(kPartition, {record}).ok());
  driver.Turn(2);
  driver.way.LetThrough();
  std::vector<std::string> traces;
  for (const NewRecord& decision : ReadLedger(log_, kPartition)) {
    v1::Entry entry;
    ASSERT_TRUE(entry.ParseFromString(decision.value));
    if (entry.has_decision()) traces.emplace_back(FindHeader(decision.headers, "traceparent"));
  }
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(traces[0], "");
  EXPECT_THAT(traces[1],
              ::testing::MatchesRegex("00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01"));
  EXPECT_THAT(traces[1], ::testing::Not(HasSubstr("00f067aa0ba902b7")));
}

class TwoDrivers : public LiveTest {
 protected:
  static LiveOptions Standby() {
    LiveOptions options;
    options.outputs = false;
    options.takeover_after = absl::Milliseconds(500);
    return options;
  }
  // An incident that nobody but the standby decides on.
  void TakeOver(const std::string& incident) {
    File(incident);
    standby_.Turn();
    clock_.Advance(absl::Seconds(1));
    standby_.Turn(2);
    standby_.way.LetThrough();
    standby_.Turn(2);
    EXPECT_TRUE(standby_.live->Sends(kPartition));
  }
  // One that both see before either has decided.
  void Both(const std::string& incident, bool standby_first) {
    File(incident);
    owner_.Turn();
    standby_.Turn();
    (standby_first ? standby_ : owner_).way.LetThrough();
    (standby_first ? owner_ : standby_).way.LetThrough();
    owner_.Turn(2);
    standby_.Turn(2);
  }
  // Until the standby leaves the partition to its owner; how many incidents it took.
  int BothUntilItStandsDown(const std::string& incident, bool standby_first) {
    int both = 0;
    while (both < 100 && standby_.live->Sends(kPartition)) {
      Both(absl::StrCat(incident, both++), standby_first);
      clock_.Advance(absl::Milliseconds(100));
      owner_.Turn();
      standby_.Turn();
    }
    return both;
  }

  Driver owner_{SendAllTo("unit"), &log_, &clock_};
  Driver standby_{SendAllTo("unit"), &log_, &clock_, Standby()};
};

TEST_F(TwoDrivers, AStandbyStandsDownWhenItsOwnerIsBack) {
  TakeOver("away");
  owner_.Turn(2);  // it was stopped, and goes on
  EXPECT_LE(BothUntilItStandsDown("first-", false), 30);
  EXPECT_EQ(standby_.live->stood_down(), 1);
  for (int i = 0; i < 20; ++i) Both("later-" + std::to_string(i), false);
  for (const auto& [incident, times] : Dispatched()) {
    EXPECT_EQ(times, incident.starts_with("first-") ? 2 : 1) << incident;
  }
  // And takes over again from one who dies.
  TakeOver("dead");
  EXPECT_EQ(standby_.live->taken_over(), 2);
  EXPECT_EQ(Dispatched()["dead"], 1);
}

TEST_F(TwoDrivers, AStandbyThatIsTheQuickerOneStandsDownToo) {
  TakeOver("away");
  owner_.Turn(2);
  EXPECT_LE(BothUntilItStandsDown("both-", true), 30);
  EXPECT_FALSE(standby_.live->Sends(kPartition));
  for (int i = 0; i < 20; ++i) Both("later-" + std::to_string(i), true);
  for (const auto& [incident, times] : Dispatched()) {
    EXPECT_LE(times, incident.starts_with("both-") ? 2 : 1) << incident;
  }
}

TEST_F(TwoDrivers, AStandbyGoesOnWhileItsOwnerIsAway) {
  TakeOver("away");
  for (int i = 0; i < 100; ++i) {
    File("alone-" + std::to_string(i));
    standby_.Turn();
    standby_.way.LetThrough();
    standby_.Turn(2);
  }
  EXPECT_TRUE(standby_.live->Sends(kPartition));
  EXPECT_EQ(standby_.live->stood_down(), 0);
  for (const auto& [incident, times] : Dispatched()) EXPECT_EQ(times, 1) << incident;
}

// One who comes back far behind repeats all that the standby settled meanwhile, and is not back
// yet.
TEST_F(TwoDrivers, AStandbyGoesOnWhileItsOwnerHasYetToCatchUp) {
  TakeOver("away");
  owner_.Turn(2);
  for (int i = 0; i < 40; ++i) {
    File("late-" + std::to_string(i));
    owner_.Turn();
    if (owner_.way.waiting() == 4) owner_.way.LetOneThrough();  // what it sent 1.6 s ago
    standby_.Turn();
    standby_.way.LetThrough();
    clock_.Advance(absl::Milliseconds(400));
    standby_.Turn();
  }
  EXPECT_TRUE(standby_.live->Sends(kPartition));
  EXPECT_EQ(standby_.live->stood_down(), 0);
  owner_.way.LetThrough();
  owner_.Turn(2);
  EXPECT_LE(BothUntilItStandsDown("both-", false), 40);
  EXPECT_FALSE(standby_.live->Sends(kPartition));
}

// One who is back, falls behind and is back again has not been there all the time.
TEST_F(TwoDrivers, AStandbyGoesOnWhileItsOwnerComesAndGoes) {
  TakeOver("away");
  owner_.Turn(2);
  for (int i = 0; i < 100; ++i) {
    const std::string incident = "some-" + std::to_string(i);
    if (i / 10 % 2 == 0) {
      Both(incident, false);
    } else {
      File(incident);
      standby_.Turn();
      standby_.way.LetThrough();
    }
    clock_.Advance(absl::Milliseconds(100));
    standby_.Turn(2);
  }
  EXPECT_TRUE(standby_.live->Sends(kPartition));
  EXPECT_EQ(standby_.live->stood_down(), 0);
}

// What becomes due while an answer is out does not wait for it: a log that is slow makes each of
// them late once, not twice.
TEST_F(TwoDrivers, AStandbyThatTookOverSendsOnWhileItsLogIsSlow) {
  TakeOver("away");
  for (int i = 0; i < 3; ++i) {
    File("slow-" + std::to_string(i));
    const int before = standby_.way.appends;
    standby_.Turn();
    EXPECT_EQ(standby_.way.appends, before + 1) << i;
  }
  standby_.way.LetThrough();
  standby_.Turn(2);
  EXPECT_TRUE(standby_.live->Sends(kPartition));
  for (const auto& [incident, times] : Dispatched()) EXPECT_EQ(times, 1) << incident;
}

// What it had to send twice itself is no other's.
TEST_F(TwoDrivers, AStandbyThatIsNotAnsweredGoesOn) {
  TakeOver("away");
  for (int i = 0; i < 40; ++i) {
    File("lost-" + std::to_string(i));
    standby_.way.refuses = absl::UnavailableError("no broker");
    standby_.Turn(2);
    standby_.way.refuses = absl::OkStatus();
    clock_.Advance(absl::Milliseconds(250));
    standby_.Turn();
    standby_.way.LetThrough();
    standby_.Turn(2);
  }
  EXPECT_TRUE(standby_.live->Sends(kPartition));
  EXPECT_EQ(standby_.live->stood_down(), 0);
}

}  // namespace
}  // namespace gridledger::engine
