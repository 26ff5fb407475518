// When a partition that stands still is called stalled, and when not.
#include "services/runtime/host/stall_watch.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/support/ledger.h"

namespace gridledger::host {
namespace {

CityLook LookOf(int64_t next, std::optional<int64_t> end, bool live = true) {
  CityLook look;
  look.live = live;
  look.tasks.push_back({.task = {ServiceName("audit"), Partition{0}},
                        .next = Offset{next},
                        .end = {},
                        .now = TestTime(0)});
  if (end) look.tasks.back().end = Offset{*end};
  return look;
}

TEST(StallWatch, ALogThatGoesOnAndIsNotReadStandsStill) {
  StallWatch watch(absl::Seconds(3));
  for (int ms = 0; ms < 3000; ms += 250) {
    EXPECT_TRUE(watch.Check(LookOf(7, 9 + ms), TestTime(ms)).empty()) << ms;
  }
  const std::vector<Stall> stalls = watch.Check(LookOf(7, 4000), TestTime(3000));
  ASSERT_EQ(stalls.size(), 1u);
  EXPECT_EQ(stalls[0].partition, Partition{0});
  EXPECT_EQ(stalls[0].next, Offset{7});
  EXPECT_EQ(stalls[0].end, Offset{4000});
  EXPECT_TRUE(watch.Check(LookOf(8, 4000), TestTime(3250)).empty()) << "it is read on";
}

TEST(StallWatch, OneThatIsReadIsNotHoweverFarBehind) {
  StallWatch watch(absl::Seconds(3));
  for (int s = 0; s < 100; ++s) {
    EXPECT_TRUE(watch.Check(LookOf(s, 1'000'000), TestTime(1000 * s)).empty()) << s;
  }
}

TEST(StallWatch, OneAtItsEndIsNotNorOneWhoseEndNobodyKnows) {
  StallWatch watch(absl::Seconds(3));
  for (int s = 0; s < 100; ++s) {
    EXPECT_TRUE(watch.Check(LookOf(7, 7), TestTime(1000 * s)).empty()) << s;
    EXPECT_TRUE(watch.Check(LookOf(7, std::nullopt), TestTime(1000 * s)).empty()) << s;
  }
}

TEST(StallWatch, AStoppedPartitionIsToldOtherwise) {
  StallWatch watch(absl::Seconds(3));
  CityLook look = LookOf(7, 9);
  look.stopped.push_back({Partition{0}, Offset{7}, absl::DataLossError("gone"), {}});
  for (int s = 0; s < 100; ++s) EXPECT_TRUE(watch.Check(look, TestTime(1000 * s)).empty()) << s;
}

TEST(StallWatch, ACityThatCatchesUpIsGivenTenTimesAsLong) {
  StallWatch watch(absl::Seconds(3));
  for (int s = 0; s < 30; ++s) {
    EXPECT_TRUE(watch.Check(LookOf(7, 9, false), TestTime(1000 * s)).empty()) << s;
  }
  EXPECT_EQ(watch.Check(LookOf(7, 9, false), TestTime(30'000)).size(), 1u);
}

TEST(StallWatch, AProcessThatStoodItselfIsNoStall) {
  StallWatch watch(absl::Seconds(3));
  EXPECT_TRUE(watch.Check(LookOf(7, 9), TestTime(0)).empty());
  EXPECT_TRUE(watch.Check(LookOf(7, 9), TestTime(3'600'000)).empty());
}

}  // namespace
}  // namespace gridledger::host
