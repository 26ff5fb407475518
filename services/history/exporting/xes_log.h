// Lives as an event log for process mining: XES 2.0, IEEE 1849. A trace is an incident, in the
// order of partition and report; an event is a step of its life. Sorted on disk where memory does
// not hold it.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "services/history/exporting/step_row.h"
#include "services/history/files/sorting/sorter.h"

namespace gridledger::cli {

class XesLog {
 public:
  static absl::StatusOr<std::unique_ptr<XesLog>> Open(files::FactSorterOptions options);

  // In any order.
  absl::Status Add(const LifeStep& step, const StepRow& row);
  // All of it, in pieces, after the last Add. Call once; `stop` ends it early, with Aborted.
  absl::Status Write(const std::atomic<bool>& stop,
                     absl::FunctionRef<absl::Status(absl::string_view)> out);

  // Characters that XML cannot hold, which stand as U+FFFD.
  int64_t replaced() const { return replaced_; }
  int64_t events() const { return sorter_->count(); }
  // Of them, for a progress line.
  int64_t written() const { return written_; }

 private:
  XesLog(std::unique_ptr<files::FactSorter> sorter, int partitions)
      : sorter_(std::move(sorter)), partitions_(partitions) {}

  void AppendAttribute(absl::string_view key, FieldForm form, absl::string_view value, int depth);
  void AppendText(absl::string_view text);
  absl::Status WritePartition(Partition partition, const std::atomic<bool>& stop,
                              absl::FunctionRef<absl::Status(absl::string_view)> out);

  const std::unique_ptr<files::FactSorter> sorter_;
  const int partitions_;
  std::string text_;  // of the event being added; what is to be written next
  int64_t replaced_ = 0;
  std::atomic<int64_t> written_{0};
};

}  // namespace gridledger::cli
