// How far behind the ledger a service says it is: nothing, as long as it does not know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/program/endpoints.h"
#include "tests/support/ledger.h"

namespace gridledger::host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Lag, OfAServiceThatHasNotAskedTheLogIsNotTold) {
  MemoryLog log(MemoryLog::Options{.partitions = 2, .faults = {}});
  log.Append(Partition{1}, {RecordOf(FactOn("I1", 1), TestTime(0))}, [](auto) {});
  LiveCityOptions options;
  options.services = {*FindService("audit")};
  options.outputs = false;
  const auto city = LiveCity::Start(&log, nullptr, options);
  ASSERT_TRUE(city.ok()) << city.status();

  EXPECT_THAT(PrometheusText("audit", (*city)->LookHere(), {}), Not(HasSubstr("gridledger_lag")));

  ASSERT_TRUE((*city)->WaitUntilIdle(absl::Now() + absl::Seconds(60)));
  (*city)->HearEnds([] { return false; });
  const std::string told = PrometheusText("audit", (*city)->LookHere(), {});
  EXPECT_THAT(told, HasSubstr("gridledger_lag{service=\"audit\",partition=\"0\"} 0"));
  EXPECT_THAT(told, HasSubstr("gridledger_lag{service=\"audit\",partition=\"1\"} 0"));
}

TEST(Lag, IsWhatLiesBetweenTheNextRecordAndTheEnd) {
  CityLook look;
  look.tasks.push_back({.task = {ServiceName("audit"), Partition{0}},
                        .next = Offset{3},
                        .end = Offset{10},
                        .now = TestTime(0)});
  look.tasks.push_back({.task = {ServiceName("audit"), Partition{1}},
                        .next = Offset{3},
                        .end = {},
                        .now = TestTime(0)});
  const std::string told = PrometheusText("audit", look, {});
  EXPECT_THAT(told, HasSubstr("gridledger_lag{service=\"audit\",partition=\"0\"} 7"));
  EXPECT_THAT(told, Not(HasSubstr("gridledger_lag{service=\"audit\",partition=\"1\"}")));
}

TEST(Lag, OfAPartitionThatWasAwayIsAskedAnew) {
  MemoryLog log(MemoryLog::Options{.partitions = 2, .faults = {}});
  LiveCityOptions options;
  options.services = {*FindService("audit")};
  const auto city = LiveCity::Start(&log, nullptr, options);
  ASSERT_TRUE(city.ok()) << city.status();
  (*city)->HearEnds([] { return false; });
  (*city)->SetPartitions({Partition{0}});
  (*city)->HearEnds([] { return false; });
  (*city)->SetPartitions({Partition{0}, Partition{1}});
  for (const TaskLook& one : (*city)->LookHere().tasks) {
    EXPECT_EQ(one.end.has_value(), one.task.partition == Partition{0});
  }
}

}  // namespace
}  // namespace gridledger::host
