// A task of a view that is being folded, and its checkpoint under way to a scratch store. Never
// sends anything, and never touches the city's own state.
#pragma once

#include <absl/status/status.h>
#include <absl/synchronization/notification.h>

#include <memory>

#include "services/runtime/engine/task.h"
#include "services/runtime/host/beginnings.h"
#include "services/runtime/host/view.h"

namespace gridledger::host {

class FoldingTask {
 public:
  FoldingTask(Begun begun, const Beginnings& beginnings);
  ~FoldingTask() { WaitForCheckpoint(beginnings_.task_bytes_max()).IgnoreError(); }

  engine::Task& task() { return *begun_.task; }
  SeenTask AsSeen() { return SeenTask{begun_.task.get(), from_, begun_.at}; }

  absl::Status MaybeCheckpoint();
  // Nothing is under way any more; with `leave_memory`, what has a place on disk is only there.
  absl::Status Finish(bool leave_memory);

 private:
  absl::Status BeginCheckpoint();
  absl::Status WaitForCheckpoint(size_t bytes_max);

  const Beginnings& beginnings_;
  Begun begun_;
  const Offset from_;
  std::unique_ptr<absl::Notification> flight_;
  absl::Status flight_status_;
};

}  // namespace gridledger::host
