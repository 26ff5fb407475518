#include "services/runtime/engine/same_log.h"

#include <absl/strings/str_cat.h>

#include <optional>

#include "services/runtime/ports/record_at.h"

namespace gridledger::engine {
namespace {

// Shorter than for others: a program that is told to end may be waiting here.
constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

absl::Status OtherLog(const Task& task) {
  return absl::DataLossError(absl::StrCat(
      "the state of ", Describe(task.id(), task.next()),
      " was made from another log, or this log was cut: restore the log, or remove the state"));
}

absl::Status CheckSameLog(EventLog* log, const Task& task) {
  if (task.next().value == 0) return absl::OkStatus();
  const Offset last{task.next().value - 1};
  const absl::StatusOr<std::optional<OwnedRecord>> record =
      ReadRecordAt(*log, task.id().partition, last, kPatience);
  if (!record.ok() && !absl::IsOutOfRange(record.status())) return record.status();
  if (!record.ok() || !record->has_value() || !task.FoldedLast((*record)->value)) {
    return OtherLog(task);
  }
  return absl::OkStatus();
}

}  // namespace gridledger::engine
