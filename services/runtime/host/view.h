// A view of the city: tasks of some services, opened where the ledger or the state lets them begin
// and folded on, to the end of the ledger, to an instant or to an offset. Nothing is written but a
// scratch folder, which goes with the view; a writer in another process is not disturbed.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/engine/task.h"
#include "services/runtime/host/folder.h"

namespace gridledger::host {

// Where a view's tasks begin. What stands beyond the view's bound is never begun from.
enum class Begin {
  kNewest,    // at the newest checkpoint, else at a snapshot, else at zero
  kSnapshot,  // at the newest snapshot before the end, else at the oldest one, else at zero
  kZero,      // at offset 0
};

// A digest to be taken on the way.
struct Probe {
  TaskId task;
  Offset at;
  std::optional<Digest> digest;  // filled in when the view's task passes that offset
};

struct View {
  Folder* folder = nullptr;
  std::vector<engine::Service> services;
  std::vector<Partition> partitions;  // empty: all
  Begin begin = Begin::kNewest;
  // At most one of the three. All records until the partition's time passes the instant …
  std::optional<absl::Time> until;
  // … or all below this offset of each partition …
  std::optional<Offset> to;
  // … or all below these, by partition.
  std::vector<Offset> ends;
  std::optional<Offset> UpTo(Partition partition) const {
    return ends.empty() ? to : ends.at(static_cast<size_t>(partition.value));
  }
  int threads = 1;
  // Of the process. Tasks that would not fit go to a scratch store on disk as they are folded.
  size_t memory_bytes = size_t{1} << 30;
  // Null: none. Outlives the view.
  std::vector<Probe>* probes = nullptr;
  // Called with each record right before it is folded, and its entry, null for one that does not
  // decode; on the thread that folds its partition. An error ends the view.
  std::function<absl::Status(const Record&, const v1::Entry*)> before_folding;
  // Visits when all partitions are folded, in their order: for figures that need the latest time of
  // all of them first.
  bool together = false;
  // A partition that is damaged, cannot be reached or needs a newer build is handed over all the
  // same, with its status, as far as it could be folded.
  bool through_damage = false;
  // Set from outside to end the work early, with Aborted.
  const std::atomic<bool>* stop = nullptr;
};

struct SeenTask {
  engine::Task* task = nullptr;
  Offset from;           // the first record folded by this view
  std::string begun_at;  // "zero", "checkpoint" or "snapshot NAME"
};

// One partition as the view sees it. The tasks are gone when the visitor returns, or when FoldView
// returns if they come together.
struct Seen {
  Partition partition;
  Offset end;                   // the first record that the view does not see
  absl::Time now;               // the partition's time there
  std::vector<SeenTask> tasks;  // in the order of View.services
  absl::Status status;          // why reading ended before the view's end; the tasks stand there
  std::optional<BadPlace> bad_place;  // when that is a place that cannot be read
};

// Counts while the work goes on, for a progress line.
struct ViewTotals {
  std::atomic<int64_t> records{0};   // read and folded, once for all services
  std::atomic<int64_t> expected{0};  // grows as partitions are begun; 0 is not known yet
};

// Folds, and hands each partition to `visit`, one at a time, in no particular order unless they
// come together. The first error, also of `visit`, ends all. DataLoss names the partition and
// offset that cannot be read, or a state that is of another ledger.
absl::Status FoldView(const View& view, ViewTotals* totals,
                      absl::FunctionRef<absl::Status(const Seen&)> visit);

}  // namespace gridledger::host
