#include "services/runtime/engine/same_log.h"

#include <absl/strings/str_cat.h>

#include <memory>

namespace gridledger::engine {

absl::Status OtherLog(const Task& task) {
  return absl::DataLossError(absl::StrCat(
      "the state of ", Describe(task.id(), task.next()),
      " was made from another log, or this log was cut: restore the log, or remove the state"));
}

absl::Status CheckSameLog(EventLog* log, const Task& task) {
  if (task.next().value == 0) return absl::OkStatus();
  const Offset last{task.next().value - 1};
  const std::unique_ptr<LogReader> reader = log->NewReader();
  RecordBatch batch;
  absl::Status status = reader->Assign(task.id().partition, last);
  if (status.ok()) status = reader->Poll(absl::Seconds(10), 1, &batch);
  if (!status.ok() && !absl::IsOutOfRange(status)) return status;
  if (!status.ok() || batch.records().empty() || !task.FoldedLast(batch.records()[0].value)) {
    return OtherLog(task);
  }
  return absl::OkStatus();
}

}  // namespace gridledger::engine
