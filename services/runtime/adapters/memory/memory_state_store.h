// The state store in memory, for tests. Keeps the port's contract, and breaks what a test asks it
// to break.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/container/btree_map.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/ports/state_store.h"

namespace gridledger {

class MemoryStateStore : public StateStore {
 public:
  absl::StatusOr<std::optional<Checkpoint>> Find(const TaskId& task) override;
  std::vector<TaskId> Tasks() override;
  std::unique_ptr<TaskTier> Tier(const TaskId& task) override;
  absl::Status Commit(std::vector<TaskCheckpoint> checkpoints) override;
  // AlreadyExists when the name is taken, InvalidArgument when it is empty.
  absl::Status Snapshot(absl::string_view name) override;

  // A store that holds what the snapshot kept; null when there is none of that name.
  std::unique_ptr<MemoryStateStore> OpenSnapshot(absl::string_view name);

  // The next commit answers with `error`. `stored` says whether it is there nevertheless, as when
  // the disk fails after the last byte.
  void FailNextCommit(absl::Status error, bool stored = false);
  // From here on commits are answered, but lost in a crash: a disk that does not sync.
  void LoseFromNowOn();
  // What a crash takes is gone. The store is as one that was opened again.
  void Crash();
  // Every read of a pair fails from now on.
  void FailReads(absl::Status error);
  int64_t commits() const;

 private:
  class MemoryTier;
  using Pairs = absl::btree_map<std::string, std::string>;
  struct Stored {
    Checkpoint checkpoint;
    Pairs pairs;
  };
  using State = absl::btree_map<TaskId, Stored>;

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::optional<State> durable_ ABSL_GUARDED_BY(mutex_);  // unless it is state_
  absl::btree_map<std::string, State> snapshots_ ABSL_GUARDED_BY(mutex_);
  absl::Status next_error_ ABSL_GUARDED_BY(mutex_);
  bool next_stored_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status read_error_ ABSL_GUARDED_BY(mutex_);
  int64_t commits_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gridledger
