// When a thread that stands still is called stuck, and when not.
#include "services/runtime/program/stuck_watch.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/ledger.h"

namespace gridledger::host {
namespace {

using Turns = std::vector<uint64_t>;

TEST(StuckWatch, AThreadThatStandsForTheLimitIsStuck) {
  StuckWatch watch(absl::Seconds(10));
  EXPECT_FALSE(watch.Check(Turns{5, 7}, TestTime(0)));
  for (int ms = 500; ms < 10'000; ms += 500) {
    EXPECT_FALSE(watch.Check(Turns{5, 7u + ms}, TestTime(ms))) << ms;
  }
  EXPECT_TRUE(watch.Check(Turns{5, 20'000}, TestTime(10'000)));
}

TEST(StuckWatch, OneThatComesRoundNowAndThenIsNot) {
  StuckWatch watch(absl::Seconds(10));
  for (int s = 0; s < 100; ++s) {
    EXPECT_FALSE(watch.Check(Turns{1u + s / 9}, TestTime(1000 * s))) << s;
  }
}

TEST(StuckWatch, AStoppedProcessIsNotAStuckThread) {
  StuckWatch watch(absl::Seconds(10));
  EXPECT_FALSE(watch.Check(Turns{5}, TestTime(0)));
  EXPECT_FALSE(watch.Check(Turns{5}, TestTime(3'600'000)));
  EXPECT_FALSE(watch.Check(Turns{6}, TestTime(3'600'100)));
  EXPECT_FALSE(watch.Check(Turns{6}, TestTime(0))) << "nor one whose clock was set back";
}

TEST(StuckWatch, AThreadAtItsBeginningIsNot) {
  StuckWatch watch(absl::Seconds(10));
  for (int s = 0; s < 100; ++s) EXPECT_FALSE(watch.Check(Turns{0}, TestTime(1000 * s)));
}

}  // namespace
}  // namespace gridledger::host
