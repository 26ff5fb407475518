// One partition of a view: its tasks, on their way to the view's end. Reads the log and folds;
// never decides whether an error ends the view.
#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <memory>
#include <optional>
#include <vector>

#include "services/runtime/engine/entry_window.h"
#include "services/runtime/host/beginnings.h"
#include "services/runtime/host/folding_task.h"
#include "services/runtime/host/view.h"

namespace gridledger::host {

// For a record that the end promises, where the other partitions are answered for without it, and
// for an end at all.
inline constexpr absl::Duration kPartPatience = absl::Seconds(10);

class PartitionFold {
 public:
  PartitionFold(const View& view, Beginnings* beginnings, ViewTotals* totals, Partition partition,
                Offset bound)
      : view_(view),
        beginnings_(*beginnings),
        totals_(*totals),
        partition_(partition),
        bound_(bound) {}

  absl::Status Open(Offset estimate);

  // For a partition that cannot be opened: it is seen as far as nothing.
  absl::Status LeaveOut(absl::Status why);

  void Fold();
  const absl::Status& status() const { return status_; }

  Seen AsSeen();

 private:
  struct DueProbe {
    Probe* probe;
    engine::Task* task;
  };

  absl::Status FoldRecords();

  absl::Status FoldBatch(absl::Span<const Record> records, bool* reached);

  // Those of offsets up to `next`, which is not folded yet.
  void TakeProbes(Offset next);

  const View& view_;
  Beginnings& beginnings_;
  ViewTotals& totals_;
  const Partition partition_;
  Offset bound_;
  Offset next_;  // the first record that not all tasks have folded
  absl::Status opened_;
  absl::Status status_;
  std::optional<BadPlace> bad_place_;
  std::vector<std::unique_ptr<FoldingTask>> tasks_;
  std::vector<DueProbe> probes_;  // by offset
  size_t probe_ = 0;
  engine::EntryWindow window_;
};

}  // namespace gridledger::host
