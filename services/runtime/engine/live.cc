#include "services/runtime/engine/live.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace gridledger::engine {
namespace {

constexpr int kBatchMax = 4096;            // records a turn; × ~300 B ≈ 1.2 MB
constexpr int kDecisionsAtOnceMax = 1000;  // in one append: a synced batch of 1000 costs ~5 ms
constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);

}  // namespace

Live::Live(std::vector<std::unique_ptr<Task>> tasks, EventLog* log, CheckpointSink* checkpoints,
           Clock* clock, LiveOptions options)
    : log_(log), checkpoints_(checkpoints), clock_(clock), options_(options) {
  for (std::unique_ptr<Task>& task : tasks) {
    const Partition partition = task->id().partition;
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const Group& g) { return g.partition == partition; });
    if (group == groups_.end()) {
      group = groups_.insert(groups_.end(), Group{});
      group->partition = partition;
    }
    all_tasks_.push_back(task.get());
    group->owned.emplace_back().task = std::move(task);
  }
  checkpoint_at_ = clock_->Now() + options_.checkpoint_interval;
}

Live::~Live() {
  // A callback holds only its Flight and the reader; the reader must outlive it.
  const auto wait = [](const std::shared_ptr<Flight>& flight) {
    if (flight != nullptr) flight->answered.wait(false);
  };
  for (Group& group : groups_) {
    for (Owned& owned : group.owned) {
      wait(owned.flight);
      wait(owned.tick);
    }
  }
  wait(checkpoint_flight_);
}

absl::Status Live::Start() {
  reader_ = log_->NewReader();
  for (Group& group : groups_) {
    Offset from = group.owned[0].task->next();
    for (const Owned& owned : group.owned) from = std::min(from, owned.task->next());
    for (const Owned& owned : group.owned) {
      if (group.status.ok()) group.status = CheckSameLog(log_, *owned.task);
    }
    if (group.status.ok()) group.status = reader_->Assign(group.partition, from);
  }
  for (Group& group : groups_) CatchUp(group);
  return absl::OkStatus();
}

absl::Status Live::Turn(absl::Duration wait) {
  AnswerCheckpoint();
  absl::Status polled = reader_->Poll(UntilNextDuty(wait), kBatchMax, &batch_);
  if (!polled.ok()) return polled;
  FoldBatch();
  for (Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (!group.live) CatchUp(group);
    if (!group.live || !options_.outputs) continue;
    for (Owned& owned : group.owned) {
      Send(group, owned);
      Tick(group, owned);
    }
  }
  MaybeCheckpoint(false);
  return checkpoint_status_;
}

void Live::Wake() { reader_->Wake(); }

void Live::FoldBatch() {
  for (const Record& record : batch_.records()) {
    for (Group& group : groups_) {
      if (group.partition != record.partition) continue;
      if (group.status.ok()) FoldRecord(group, record);
      break;
    }
  }
}

void Live::FoldRecord(Group& group, const Record& record) {
  bool decoded = false;
  bool readable = false;
  for (Owned& owned : group.owned) {
    if (owned.task->next() != record.offset) {
      // Tasks of a partition may begin at different offsets; none may ever find a gap.
      INVARIANT(owned.task->next() > record.offset, "the reader skipped a record");
      continue;
    }
    if (!decoded) {
      decoded = true;
      readable = decoder_.Decode(record.value).ok();
    }
    const absl::Status status = readable ? owned.task->FoldEntry(record.offset, record.timestamp,
                                                                 decoder_.entry(), record.value)
                                         : owned.task->Fold(record);
    ++folded_;
    if (!status.ok()) {
      group.status = status;
      reader_->Unassign(group.partition);
      return;
    }
  }
}

void Live::CatchUp(Group& group) {
  const absl::StatusOr<Offset> end = log_->End(group.partition);
  if (!end.ok()) return;
  group.live = std::all_of(group.owned.begin(), group.owned.end(),
                           [&](const Owned& owned) { return owned.task->next() >= *end; });
}

void Live::Send(Group& group, Owned& owned) {
  if (owned.flight != nullptr) {
    if (!Flight::Landed(owned.flight)) return;
    if (!owned.flight->status.ok()) {
      // Some of them may be there, some not: what is not settled by then is sent again, and what
      // was there twice is void.
      owned.retry_at = clock_->Now() + kRetryDelay;
      owned.sent = owned.task->Settled(owned.task->id().service);
    } else {
      owned.sent = owned.flight_upto;
    }
    owned.flight.reset();
  }
  if (clock_->Now() < owned.retry_at) return;
  std::vector<NewRecord> records;
  for (const PendingDecision& pending : owned.task->pending()) {
    if (pending.cause <= owned.sent) continue;
    if (records.size() >= kDecisionsAtOnceMax) break;
    records.push_back(NewRecord{clock_->Now(), pending.key, pending.headers, pending.value});
    owned.flight_upto = pending.cause;
  }
  if (records.empty()) return;
  decisions_sent_ += static_cast<int64_t>(records.size());
  owned.flight = Append(group.partition, std::move(records));
}

std::shared_ptr<Live::Flight> Live::Append(Partition partition, std::vector<NewRecord> records) {
  auto flight = std::make_shared<Flight>();
  log_->Append(partition, std::move(records),
               [flight, reader = reader_.get()](absl::StatusOr<Offset> first) {
                 if (!first.ok()) reader->Wake();  // a success wakes it with the record itself
                 flight->Answer(first.status());
               });
  return flight;
}

void Live::Tick(Group& group, Owned& owned) {
  const absl::Time due = owned.task->EarliestTimer();
  if (owned.tick != nullptr) {
    if (!Flight::Landed(owned.tick)) return;
    if (!owned.tick->status.ok()) {
      owned.tick.reset();
      owned.retry_at = clock_->Now() + kRetryDelay;
      return;
    }
    // Answered, but not yet read back: wait for it.
    if (due == owned.ticked_for && owned.task->now() < due) return;
    owned.tick.reset();
  }
  const absl::Time now = clock_->Now();
  if (now < owned.retry_at || due > std::max(now, owned.task->now())) return;
  std::vector<NewRecord> records;
  records.push_back(owned.task->MakeTick(std::max(now, owned.task->now())));
  owned.ticked_for = due;
  owned.tick = Append(group.partition, std::move(records));
}

absl::Duration Live::UntilNextDuty(absl::Duration wait) const {
  const absl::Time now = clock_->Now();
  if (checkpoints_ != nullptr) wait = std::min(wait, checkpoint_at_ - now);
  if (!options_.outputs) return std::max(wait, absl::ZeroDuration());
  for (const Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (!group.live) return absl::ZeroDuration();
    for (const Owned& owned : group.owned) {
      const bool busy = owned.flight != nullptr || owned.tick != nullptr;
      if (busy) wait = std::min(wait, kRetryDelay);
      if (owned.retry_at > now) wait = std::min(wait, owned.retry_at - now);
      if (owned.tick == nullptr) wait = std::min(wait, owned.task->EarliestTimer() - now);
    }
  }
  return std::max(wait, absl::ZeroDuration());
}

void Live::AnswerCheckpoint() {
  if (checkpoint_flight_ == nullptr || !Flight::Landed(checkpoint_flight_)) return;
  // What was collected and not stored is lost to the store: its tasks can only begin anew.
  checkpoint_status_ = checkpoint_flight_->status;
  if (checkpoint_status_.ok()) {
    const size_t share = options_.tables_bytes_max / std::max<size_t>(1, all_tasks_.size());
    for (Task* task : collected_) task->Stored(share);
  }
  checkpoint_flight_.reset();
}

void Live::MaybeCheckpoint(bool at_once) {
  if (checkpoints_ == nullptr || checkpoint_flight_ != nullptr || !checkpoint_status_.ok()) return;
  size_t dirty = 0;
  for (const Task* task : all_tasks_) dirty += task->dirty();
  const absl::Time now = clock_->Now();
  if (!at_once && now < checkpoint_at_ && dirty < options_.checkpoint_dirty_max) return;
  checkpoint_at_ = now + options_.checkpoint_interval;
  std::vector<TaskCheckpoint> checkpoints;
  collected_.clear();
  for (Group& group : groups_) {
    if (!group.status.ok()) continue;  // a stopped task's state stays where it was
    for (Owned& owned : group.owned) {
      if (owned.task->uncollected() == 0) continue;
      checkpoints.push_back(owned.task->Collect());
      collected_.push_back(owned.task.get());
    }
  }
  if (checkpoints.empty()) return;
  checkpoint_flight_ = std::make_shared<Flight>();
  checkpoints_->Submit(std::move(checkpoints), [flight = checkpoint_flight_](absl::Status status) {
    flight->Answer(std::move(status));
  });
}

absl::Status Live::CheckpointNow() {
  if (checkpoints_ == nullptr) return absl::OkStatus();
  for (int round = 0; round < 2; ++round) {
    if (checkpoint_flight_ != nullptr) checkpoint_flight_->answered.wait(false);
    AnswerCheckpoint();
    if (round == 0) MaybeCheckpoint(true);
  }
  return checkpoint_status_;
}

bool Live::Idle() {
  for (Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (!group.live) return false;
    const absl::StatusOr<Offset> end = log_->End(group.partition);
    if (!end.ok()) return false;
    for (Owned& owned : group.owned) {
      if (owned.task->next() < *end) return false;
      if (!options_.outputs) continue;
      if (!owned.task->pending().empty()) return false;
      if (owned.task->EarliestTimer() <= std::max(clock_->Now(), owned.task->now())) return false;
    }
  }
  return true;
}

void Live::Promote() {
  options_.outputs = true;
  for (Group& group : groups_) group.live = false;
  Wake();
}

std::vector<Live::Stopped> Live::stopped() const {
  std::vector<Stopped> result;
  for (const Group& group : groups_) {
    if (!group.status.ok()) result.push_back(Stopped{group.partition, group.status});
  }
  return result;
}

}  // namespace gridledger::engine
