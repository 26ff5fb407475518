// What a service says of each of its partitions, and how far behind the ledger it is: nothing, as
// long as it does not know.
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
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
  (*city)->HearEnds();
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

TEST(TaskFigures, AreThoseOfEachPartition) {
  CityLook look;
  look.tasks.push_back({.task = {ServiceName("dispatch"), Partition{2}},
                        .next = Offset{3},
                        .end = Offset{10},
                        .now = TestTime(0),
                        .pending = 4,
                        .decisions_too_large = 1});
  const std::string told = PrometheusText("dispatch", look, {});
  const auto figure = [](absl::string_view name, int value) {
    return HasSubstr(absl::StrCat("\n", name, "{service=\"dispatch\",partition=\"2\"} ", value));
  };
  EXPECT_THAT(told, figure("gridledger_offset", 3));
  EXPECT_THAT(told, figure("gridledger_lag", 7));
  EXPECT_THAT(told, figure("gridledger_pending_decisions", 4));
  EXPECT_THAT(told, figure("gridledger_decisions_too_large_total", 1));
  EXPECT_THAT(told, HasSubstr("# TYPE gridledger_decisions_too_large_total counter"));
}

TEST(Lag, OfAPartitionThatWasAwayIsAskedAnew) {
  MemoryLog log(MemoryLog::Options{.partitions = 2, .faults = {}});
  LiveCityOptions options;
  options.services = {*FindService("audit")};
  const auto city = LiveCity::Start(&log, nullptr, options);
  ASSERT_TRUE(city.ok()) << city.status();
  (*city)->HearEnds();
  (*city)->SetPartitions({Partition{0}});
  (*city)->HearEnds();
  (*city)->SetPartitions({Partition{0}, Partition{1}});
  for (const TaskLook& one : (*city)->LookHere().tasks) {
    EXPECT_EQ(one.end.has_value(), one.task.partition == Partition{0});
  }
}

}  // namespace
}  // namespace gridledger::host
