#include "services/runtime/host/folding_task.h"

#include <utility>
#include <vector>

namespace gridledger::host {

FoldingTask::FoldingTask(Begun begun, const Beginnings& beginnings)
    : beginnings_(beginnings), begun_(std::move(begun)), from_(task().next()) {
  task().OnlyFold();
}

absl::Status FoldingTask::MaybeCheckpoint() {
  if (begun_.writer == nullptr) return absl::OkStatus();
  const size_t dirty = task().dirty_bytes();
  if (dirty < beginnings_.dirty_bytes_max()) return absl::OkStatus();
  const bool busy = flight_ != nullptr && !flight_->HasBeenNotified();
  if (busy && dirty < 2 * beginnings_.dirty_bytes_max()) return absl::OkStatus();
  return BeginCheckpoint();
}

absl::Status FoldingTask::Finish(bool leave_memory) {
  if (begun_.writer != nullptr && leave_memory) {
    if (absl::Status status = BeginCheckpoint(); !status.ok()) return status;
    return WaitForCheckpoint(0);
  }
  return WaitForCheckpoint(beginnings_.task_bytes_max());
}

absl::Status FoldingTask::BeginCheckpoint() {
  if (absl::Status status = WaitForCheckpoint(beginnings_.task_bytes_max()); !status.ok()) {
    return status;
  }
  std::vector<TaskCheckpoint> checkpoints;
  checkpoints.push_back(task().Collect());
  flight_ = std::make_unique<absl::Notification>();
  begun_.writer->Submit(std::move(checkpoints), [this](absl::Status status) {
    flight_status_ = std::move(status);
    flight_->Notify();
  });
  return absl::OkStatus();
}

absl::Status FoldingTask::WaitForCheckpoint(size_t bytes_max) {
  if (flight_ == nullptr) return absl::OkStatus();
  flight_->WaitForNotification();
  flight_.reset();
  if (flight_status_.ok()) task().Stored(bytes_max);
  return flight_status_;
}

}  // namespace gridledger::host
