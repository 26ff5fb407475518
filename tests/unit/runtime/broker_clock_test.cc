// What time it is by the brokers, as answers tell it to a machine whose own clock may be wrong.
#include "services/runtime/adapters/kafka/broker_clock.h"

#include <gtest/gtest.h>

namespace gridledger::kafka {
namespace {

// Of the steady clock.
absl::Time Steady(int64_t ms) { return absl::UnixEpoch() + absl::Milliseconds(ms); }
// Of the brokers', when the steady clock says so much.
absl::Time Right(int64_t ms) {
  return absl::FromUnixSeconds(1'800'000'000) + absl::Milliseconds(ms);
}

// An answer that took `took_ms`, stamped half way by a clock that is `ahead_ms` ahead.
void Answer(BrokerClock& clock, int broker, int64_t at_ms, int64_t took_ms, int64_t ahead_ms = 0) {
  clock.Answered(broker, Steady(at_ms - took_ms), Steady(at_ms),
                 Right(at_ms - took_ms / 2 + ahead_ms));
}

int64_t OffMs(const BrokerClock& clock, int64_t at_ms, int64_t machine_ahead_ms = 0) {
  const auto now = clock.Now(Steady(at_ms), Right(at_ms + machine_ahead_ms));
  EXPECT_TRUE(now.has_value());
  return absl::ToInt64Milliseconds(now.value_or(absl::InfinitePast()) - Right(at_ms));
}

TEST(BrokerClockTest, NobodyHasTold) {
  BrokerClock clock;
  EXPECT_FALSE(clock.Now(Steady(0), Right(0)).has_value());
}

TEST(BrokerClockTest, AnAnswerTellsWhateverTheMachinesClockSays) {
  for (const int64_t ahead : {-300'000, -45'000, 0, 45'000, 300'000}) {
    BrokerClock clock;
    Answer(clock, 1, 1'000, 4);
    EXPECT_LE(std::abs(OffMs(clock, 1'000, ahead)), 3) << ahead;
    EXPECT_LE(std::abs(OffMs(clock, 61'000, ahead)), 3) << "a minute later";
  }
}

TEST(BrokerClockTest, ASlowAnswerDoesNotSpoilAQuickOne) {
  BrokerClock clock;
  Answer(clock, 1, 1'000, 4);
  // It waited for four seconds before it was stamped.
  clock.Answered(1, Steady(1'000), Steady(5'000), Right(4'990));
  EXPECT_LE(std::abs(OffMs(clock, 5'000)), 3);
}

TEST(BrokerClockTest, AClockThatIsSetIsFollowed) {
  BrokerClock clock;
  Answer(clock, 1, 1'000, 4);
  Answer(clock, 1, 2'000, 40, 300'000);
  EXPECT_LE(std::abs(OffMs(clock, 2'000) - 300'000), 25);
  Answer(clock, 1, 3'000, 40, 0);
  EXPECT_LE(std::abs(OffMs(clock, 3'000)), 25);
}

TEST(BrokerClockTest, OneWrongBrokerOfThreeSaysNothing) {
  BrokerClock clock;
  Answer(clock, 1, 1'000, 4, 300'000);
  Answer(clock, 2, 1'001, 4);
  Answer(clock, 3, 1'002, 4, 5);
  EXPECT_LE(std::abs(OffMs(clock, 1'002)), 10);
}

TEST(BrokerClockTest, OfTwoTheOneThatAgreesWithTheMachine) {
  BrokerClock clock;
  Answer(clock, 1, 1'000, 4, 300'000);
  Answer(clock, 2, 1'001, 4);
  EXPECT_LE(std::abs(OffMs(clock, 1'001)), 3);
  EXPECT_LE(std::abs(OffMs(clock, 1'001, 300'000) - 300'000), 5);
}

// Who only reads learns from a fresh record that its own clock is behind, and nothing from an old
// one.
TEST(BrokerClockTest, WhatIsReadTellsOnlyThatTheMachineIsBehind) {
  BrokerClock clock;
  clock.Saw(Steady(10'000), Right(4'000));
  EXPECT_FALSE(clock.Now(Steady(10'000), Right(10'000)).has_value());
  clock.Saw(Steady(11'000), Right(10'990));
  EXPECT_FALSE(clock.Now(Steady(11'000), Right(11'000)).has_value());
  EXPECT_EQ(OffMs(clock, 11'000, -300'000), -10);
  clock.Saw(Steady(12'000), Right(4'000));
  EXPECT_EQ(OffMs(clock, 12'000, -300'000), -10);
}

}  // namespace
}  // namespace gridledger::kafka
