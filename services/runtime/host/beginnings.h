// Where a view's tasks begin: the newest state, a snapshot, or zero, on stores that may take what
// does not fit in memory. Opens tasks and folds nothing; never writes to the city's own state.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "services/runtime/adapters/rocksdb/snapshots.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/checkpoint_writer.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/scratch_folder.h"
#include "services/runtime/host/view.h"

namespace gridledger::host {

struct Begun {
  std::unique_ptr<engine::Task> task;
  std::string at;
  CheckpointWriter* writer = nullptr;  // null: all of it fits in memory
};

// The places that tasks can begin at. Used by all threads of a view.
class Beginnings {
 public:
  explicit Beginnings(const View& view);

  size_t task_bytes_max() const { return task_bytes_max_; }
  // Of a task's changed pairs, when they are worth a checkpoint: they are in its tables, and once
  // more on their way to the store.
  size_t dirty_bytes_max() const { return dirty_bytes_max_; }

  // `bound` is where the view ends in that partition, or later when it ends at an instant.
  absl::StatusOr<Begun> Open(const engine::Service& service, Partition partition, Offset bound);

  // Where Open would most likely begin, without opening anything.
  Offset Estimate(const engine::Service& service, Partition partition, Offset bound);

  // One that nothing is folded into.
  static absl::StatusOr<Begun> Unbegun(const engine::Service& service, Partition partition);

  absl::StatusOr<Begun> FromZero(const engine::Service& service, Partition partition, Offset bound);

 private:
  struct Store {
    std::unique_ptr<RocksStateStore> store;
    std::unique_ptr<CheckpointWriter> writer;  // goes first
  };

  static const Checkpoint* CheckpointIn(const SnapshotSummary& snapshot, const TaskId& id);

  bool Fits(int64_t records) const;

  // An empty Begun when the task cannot begin there: it stands beyond the view's end, or is of
  // another layout.
  absl::StatusOr<Begun> Take(const engine::Service& service, Partition partition, StateStore* store,
                             std::string at, CheckpointWriter* writer);

  absl::StatusOr<Begun> FromState(const engine::Service& service, Partition partition,
                                  Offset bound);

  absl::StatusOr<Begun> FromSnapshot(size_t index, const engine::Service& service,
                                     Partition partition, Offset bound);

  // A snapshot is copied, mostly by hard links, so that it stays as it is.
  absl::StatusOr<Store*> OpenSnapshot(size_t index);

  absl::Status OpenStore(const std::string& path, Store* store);

  const View& view_;
  const MemoryShares shares_;
  size_t task_bytes_max_ = 0;
  size_t dirty_bytes_max_ = 0;
  std::vector<SnapshotSummary> snapshots_;  // newest first
  ScratchFolder scratch_;                   // goes after the stores
  absl::Mutex mutex_;
  std::vector<Store> opened_;  // by snapshot
  Store zero_;
};

}  // namespace gridledger::host
