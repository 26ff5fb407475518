// A long run of virtual time: who drives it is asked on the way, and may end it.
#include "services/runtime/engine/lockstep.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/ledger.h"
#include "tests/support/small_services.h"

namespace gridledger::engine {
namespace {

constexpr Partition kPartition{0};
constexpr int kAlarms = 2000;

// Alarms that fire one a tick, a second apart, and the ledger that lock-step makes of them.
struct Years {
  explicit Years(int64_t apart_ms = 1000) : task(NewTask(Alarms(1), kPartition)) {
    for (int i = 0; i < kAlarms; ++i) {
      v1::Entry reported = FactOn(absl::StrCat("I", i), 0);
      reported.mutable_fact()->mutable_reported()->set_community("C1");
      reported.mutable_fact()->mutable_reported()->set_due_at_ms(
          ToMillis(TestTime(1000 + i * apart_ms)));
      keeper.ledger.push_back(RecordOf(reported, TestTime(0)));
    }
    EXPECT_TRUE(FoldAll(*task, keeper.ledger).ok());
    lockstep = std::make_unique<LockStep>(kPartition, std::vector<Task*>{task.get()}, &keeper);
    EXPECT_TRUE(lockstep->Continue().ok());
  }

  LedgerKeeper keeper;
  std::unique_ptr<Task> task;
  std::unique_ptr<LockStep> lockstep;
};

TEST(LockStep, ALongRunOfTimeCallsOnTheWayWithAllSettled) {
  Years years;
  int calls = 0;
  years.lockstep->CallBetweenTicks([&] {
    ++calls;
    EXPECT_TRUE(years.task->pending().empty());
    EXPECT_EQ(years.task->next().value, static_cast<int64_t>(years.keeper.ledger.size()));
    return absl::OkStatus();
  });
  ASSERT_TRUE(years.lockstep->RunTo(TestTime(10'000'000)).ok());
  EXPECT_GE(calls, 5);
  EXPECT_EQ(Fired(years.task->subject()).size(), static_cast<size_t>(kAlarms));
}

TEST(LockStep, ARunThatWasStoppedOnTheWayGoesOnToTheSameLedger) {
  Years whole;
  ASSERT_TRUE(whole.lockstep->RunTo(TestTime(10'000'000)).ok());

  Years stopped;
  int calls = 0;
  stopped.lockstep->CallBetweenTicks(
      [&] { return ++calls == 2 ? absl::CancelledError("stopped") : absl::OkStatus(); });
  EXPECT_TRUE(absl::IsCancelled(stopped.lockstep->RunTo(TestTime(10'000'000))));
  EXPECT_LT(stopped.keeper.ledger.size(), whole.keeper.ledger.size());

  const auto again = NewTask(Alarms(1), kPartition);
  ASSERT_TRUE(FoldAll(*again, stopped.keeper.ledger).ok());
  LockStep goes_on(kPartition, {again.get()}, &stopped.keeper);
  ASSERT_TRUE(goes_on.Continue().ok());
  ASSERT_TRUE(goes_on.RunTo(TestTime(10'000'000)).ok());
  EXPECT_EQ(Difference(whole.keeper.ledger, stopped.keeper.ledger), "");
}

}  // namespace
}  // namespace gridledger::engine
