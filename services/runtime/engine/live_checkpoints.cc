// The live driver's checkpoints: when one is due, collected a few pairs a turn, handed over,
// awaited. Never writes one itself: that is the sink's.
#include <algorithm>
#include <limits>
#include <utility>

#include "services/runtime/engine/live.h"

namespace gridledger::engine {
namespace {

// Of pairs that a task has read and not changed: some hundred.
constexpr size_t kLoadedBytesMin = size_t{64} << 10;

}  // namespace

void Live::MeasureMemory() {
  if (!IsDirty(1)) return;
  AwaitCheckpoint();
  AnswerCheckpoint();
  MaybeCheckpoint(false);
}

// Folding on while a slow store takes a checkpoint makes the next one larger, and memory with it.
void Live::AwaitCheckpoint() {
  if (Flight::Landed(checkpoint_flight_)) return;
  if (IsDirty(2)) checkpoint_flight_->answered.wait(false);
}

bool Live::IsDirty(size_t times) const {
  size_t dirty = 0, bytes = 0;
  for (const Task* task : all_tasks_) {
    dirty += task->dirty();
    bytes += task->dirty_bytes();
  }
  return dirty >= times * options_.checkpoint_dirty_max ||
         bytes >= times * options_.checkpoint_dirty_bytes_max;
}

void Live::ShareLoaded() {
  const size_t share = std::max(
      kLoadedBytesMin, options_.tables_bytes_max / 8 / std::max<size_t>(1, all_tasks_.size()));
  for (Task* task : all_tasks_) task->set_loaded_bytes_max(share);
}

void Live::AnswerCheckpoint() {
  if (checkpoint_flight_ == nullptr || !Flight::Landed(checkpoint_flight_)) return;
  // What was collected and not stored is lost to the store: its tasks can only begin anew.
  checkpoint_status_ = checkpoint_flight_->status;
  if (checkpoint_status_.ok()) {
    // A busy partition may have what the quiet ones leave.
    size_t resident = 0;
    for (const Task* task : all_tasks_) resident += task->resident_bytes();
    const size_t share = resident <= options_.tables_bytes_max
                             ? options_.tables_bytes_max
                             : options_.tables_bytes_max / std::max<size_t>(1, all_tasks_.size());
    for (Task* task : collected_) task->Stored(share);
  }
  checkpoint_flight_.reset();
}

void Live::MaybeCheckpoint(bool at_once) {
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  // Nobody waits for a backlog, and what has piled up behind a collection may not pile up on.
  const bool all = at_once || !live() || (is_collecting_ && IsDirty(1));
  const size_t some = all ? kAll : options_.collect_pairs_max;
  if (is_collecting_) return CollectSome(some);
  if (checkpoints_ == nullptr || checkpoint_flight_ != nullptr || !checkpoint_status_.ok()) return;
  const absl::Time now = clock_->Steady();
  if (!at_once && now < checkpoint_at_ && !IsDirty(1)) return;
  checkpoint_at_ = now + options_.checkpoint_interval;
  collected_.clear();
  for (Group& group : groups_) {
    if (!group.status.ok()) continue;  // a stopped task's state stays where it was
    for (Owned& owned : group.owned) {
      if (owned.task->uncollected() == 0) continue;
      owned.task->BeginCollect();
      collected_.push_back(owned.task.get());
    }
  }
  is_collecting_ = !collected_.empty();
  if (is_collecting_) CollectSome(some);
}

void Live::CollectSome(size_t most) {
  for (size_t i = collecting_.size(); i < collected_.size(); ++i) {
    std::optional<TaskCheckpoint> one = collected_[i]->CollectSome(&most);
    if (!one.has_value()) return;
    collecting_.push_back(*std::move(one));
  }
  is_collecting_ = false;
  checkpoint_flight_ = std::make_shared<Flight>();
  checkpoints_->Submit(std::exchange(collecting_, {}),
                       [flight = checkpoint_flight_](absl::Status status) {
                         if (status.ok()) return flight->Answer(Offset{});
                         flight->Answer(std::move(status));
                       });
}

absl::Status Live::CheckpointNow() {
  if (checkpoints_ == nullptr) return absl::OkStatus();
  // What is being collected, what has changed since, and the answer to that.
  for (int step = 0; step < 3; ++step) {
    if (checkpoint_flight_ != nullptr) checkpoint_flight_->answered.wait(false);
    AnswerCheckpoint();
    if (step < 2) MaybeCheckpoint(true);
  }
  return checkpoint_status_;
}

}  // namespace gridledger::engine
