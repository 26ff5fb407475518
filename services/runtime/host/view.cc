#include "services/runtime/host/view.h"

#include <absl/synchronization/mutex.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "services/runtime/host/beginnings.h"
#include "services/runtime/host/ends.h"
#include "services/runtime/host/partition_fold.h"

namespace gridledger::host {
namespace {

struct Part {
  Partition partition;
  Offset bound;
  Offset estimate;      // of where the folding begins
  absl::Status status;  // why its end is not known
};

// Whether a partition that ended so is handed over all the same.
bool IsHandedOver(const View& view, const absl::Status& status) {
  return status.ok() ||
         (view.through_damage && (absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) ||
                                  absl::IsUnavailable(status)));
}

absl::StatusOr<std::vector<Part>> PartsOf(const View& view, Beginnings& beginnings) {
  EventLog& log = view.folder->log();
  const std::vector<Partition> partitions =
      view.partitions.empty() ? AllPartitions(log) : view.partitions;
  const std::vector<absl::StatusOr<Offset>> ends = AskEnds(log, partitions, kPartPatience);
  std::vector<Part> parts;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const Partition partition = partitions[i];
    const absl::StatusOr<Offset>& end = ends[i];
    if (!end.ok()) {
      if (!IsHandedOver(view, end.status())) return end.status();
      parts.push_back(Part{partition, Offset{0}, Offset{0}, end.status()});
      continue;
    }
    Part part{partition, std::min(view.UpTo(partition).value_or(*end), *end), *end, {}};
    for (const engine::Service& service : view.services) {
      part.estimate = std::min(part.estimate, beginnings.Estimate(service, partition, part.bound));
    }
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

absl::Status FoldView(const View& view, ViewTotals* totals,
                      absl::FunctionRef<absl::Status(const Seen&)> visit) {
  INVARIANT(!view.services.empty() && !(view.until && view.to),
            "a view of nothing, or of two ends");
  Beginnings beginnings(view);
  const absl::StatusOr<std::vector<Part>> parts = PartsOf(view, beginnings);
  if (!parts.ok()) return parts.status();
  for (const Part& part : *parts) totals->expected += part.bound.value - part.estimate.value;

  std::atomic<size_t> next_part{0};
  absl::Mutex mutex;
  absl::Status first_error;                                          // guarded by mutex
  std::vector<std::unique_ptr<PartitionFold>> folds(parts->size());  // one is one thread's
  const auto one = [&](size_t index) -> absl::Status {
    const Part& part = (*parts)[index];
    std::unique_ptr<PartitionFold>& fold = folds[index];
    fold = std::make_unique<PartitionFold>(view, &beginnings, totals, part.partition, part.bound);
    absl::Status opened = part.status.ok() ? fold->Open(part.estimate) : part.status;
    if (!opened.ok()) {
      if (!IsHandedOver(view, opened)) return opened;
      opened = fold->LeaveOut(std::move(opened));
      if (!opened.ok()) return opened;
    }
    fold->Fold();
    if (!IsHandedOver(view, fold->status())) return fold->status();
    if (view.together) return absl::OkStatus();
    const std::unique_ptr<PartitionFold> mine = std::move(fold);
    absl::MutexLock lock(&mutex);
    return first_error.ok() ? visit(mine->AsSeen()) : absl::OkStatus();
  };
  const auto work = [&] {
    for (size_t i = next_part++; i < parts->size(); i = next_part++) {
      {
        absl::MutexLock lock(&mutex);
        if (!first_error.ok()) return;
      }
      const absl::Status status = one(i);
      absl::MutexLock lock(&mutex);
      if (first_error.ok()) first_error = status;
    }
  };
  const size_t threads = std::min(parts->size(), static_cast<size_t>(std::max(1, view.threads)));
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  for (size_t i = 0; view.together && first_error.ok() && i < folds.size(); ++i) {
    first_error = visit(folds[i]->AsSeen());
  }
  return first_error;
}

}  // namespace gridledger::host
