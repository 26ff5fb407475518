// The contract of the event log port as one suite. An adapter's test names its factory:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EventLogContract, testing::Values(EventLogFactory{...}),
//                            NameOfFactory);
//
// Knows no adapter.
#pragma once

#include <absl/types/span.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger {

class LogUnderTest {
 public:
  virtual ~LogUnderTest() = default;
  virtual EventLog& log() = 0;
  // Closes the log and opens it again, as after a restart. Readers are gone by then.
  virtual void Reopen() = 0;
  // None when the adapter has no bulk appending.
  virtual std::unique_ptr<BulkAppender> NewBulkAppender() = 0;
};

struct EventLogFactory {
  std::string name;
  std::function<std::unique_ptr<LogUnderTest>(int partitions)> make;
  // Timestamps before 1 ms after the epoch, and years ahead of now.
  bool takes_any_timestamp = true;
};
std::ostream& operator<<(std::ostream& out, const EventLogFactory& factory);
std::string NameOfFactory(const testing::TestParamInfo<EventLogFactory>& tested);

class EventLogContract : public testing::TestWithParam<EventLogFactory> {
 protected:
  void SetUp() override;  // with 4 partitions
  void Make(int partitions) { under_test_ = GetParam().make(partitions); }
  EventLog& log() { return under_test_->log(); }

  std::unique_ptr<LogUnderTest> under_test_;
};

std::ostream& operator<<(std::ostream& out, const OwnedRecord& record);

// Reads records from the offset on, until there are as many or one cannot be read.
absl::StatusOr<std::vector<OwnedRecord>> ReadRecords(EventLog& log, Partition partition,
                                                     Offset from, int64_t count);
// Reads what is there below the present end.
absl::StatusOr<std::vector<OwnedRecord>> ReadAll(EventLog& log, Partition partition);

}  // namespace gridledger
