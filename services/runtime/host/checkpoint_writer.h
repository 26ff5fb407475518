// Makes checkpoints durable on a thread of its own, one commit at a time, so that no fold waits for
// a disk. What several loops hand in meanwhile goes in one commit.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <functional>
#include <thread>
#include <vector>

#include "services/runtime/engine/live.h"

namespace gridledger::host {

class CheckpointWriter : public engine::CheckpointSink {
 public:
  // `store` outlives the checkpoint writer. `committed` is called after each commit, on its thread.
  explicit CheckpointWriter(StateStore* store, std::function<void()> committed = [] {});
  // Commits what was handed in before.
  ~CheckpointWriter() override;

  void Submit(std::vector<TaskCheckpoint> checkpoints,
              absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  struct Job {
    std::vector<TaskCheckpoint> checkpoints;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  void Run();

  StateStore* const store_;
  const std::function<void()> committed_;
  absl::Mutex mutex_;
  std::vector<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gridledger::host
