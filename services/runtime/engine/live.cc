#include "services/runtime/engine/live.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace gridledger::engine {
namespace {

constexpr int kBatchMax = 4096;            // records a turn; × ~300 B ≈ 1.2 MB
constexpr int kDecisionsAtOnceMax = 1000;  // in one append: a synced batch of 1000 costs ~5 ms
constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);
// A standby stands down when another settled so many causes in a row before it could. Of two that
// are equally quick one sees that after 2^4 - 2 = 14 causes, as a rule …
constexpr int kCameFirstMax = 3;
// … and one that is always the quicker by this: of so many causes three quarters were there twice.
constexpr int kRivalCauses = 16;
constexpr size_t kPlacesMax = 4 * kDecisionsAtOnceMax;  // × ~64 B = 256 KB a task

}  // namespace

Live::Live(std::vector<std::unique_ptr<Task>> tasks, EventLog* log, CheckpointSink* checkpoints,
           Clock* clock, LiveOptions options)
    : log_(log), checkpoints_(checkpoints), clock_(clock), options_(options) {
  AddTasks(std::move(tasks));
  checkpoint_at_ = clock_->Now() + options_.checkpoint_interval;
}

Live::~Live() {
  if (checkpoint_flight_ != nullptr) checkpoint_flight_->answered.wait(false);
}

void Live::AddTasks(std::vector<std::unique_ptr<Task>> tasks) {
  for (std::unique_ptr<Task>& task : tasks) {
    const Partition partition = task->id().partition;
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const Group& g) { return g.partition == partition; });
    if (group == groups_.end()) {
      group = groups_.insert(groups_.end(), Group{});
      group->partition = partition;
      group->outputs = options_.outputs;
    }
    all_tasks_.push_back(task.get());
    group->owned.emplace_back().task = std::move(task);
  }
}

// Reads from one record before the tasks' position: it tells whether this is the log that they
// folded.
absl::Status Live::OpenReader(Group& group) {
  const absl::StatusOr<Offset> end = log_->End(group.partition);
  if (!end.ok()) return end.status();
  Offset from = group.owned[0].task->next();
  for (Owned& owned : group.owned) {
    const Offset next = owned.task->next();
    if (next > *end) return OtherLog(*owned.task);
    owned.is_same_log = next.value == 0;
    from = std::min(from, next);
  }
  from.value = std::max<int64_t>(0, from.value - 1);
  return reader_->Assign(group.partition, from);
}

void Live::Open(Group& group) {
  const absl::Status opened = OpenReader(group);
  group.opened = !absl::IsUnavailable(opened);
  if (!group.opened) return;  // the log comes back, and the next turn tries again
  if (!opened.ok()) return Stop(group, *group.owned[0].task, opened);
  CatchUp(group);
}

void Live::Stop(Group& group, const Task& task, absl::Status why) {
  group.status = std::move(why);
  group.stopped_at = task.next();
  reader_->Unassign(group.partition);
}

// Unavailable passes. Anything else the log would say again and again, and nobody would hear of it.
bool Live::CameThrough(Group& group, Owned& owned, const Flight& flight, absl::string_view what) {
  if (flight.status.ok()) return true;
  if (absl::IsUnavailable(flight.status)) {
    owned.retry_at = clock_->Now() + kRetryDelay;
    return false;
  }
  const std::string text =
      absl::StrCat("the log does not take ", what, " of ",
                   Describe(owned.task->id(), owned.task->next()), ": ", flight.status.message());
  Stop(group, *owned.task,
       absl::IsDataLoss(flight.status) ? absl::DataLossError(text)
                                       : absl::FailedPreconditionError(text));
  return false;
}

absl::Status Live::Start() {
  reader_ = log_->NewReaderOfValues();
  for (Group& group : groups_) Open(group);
  return absl::OkStatus();
}

void Live::Adopt(std::vector<std::unique_ptr<Task>> tasks) {
  const size_t before = groups_.size();
  AddTasks(std::move(tasks));
  for (size_t i = before; i < groups_.size(); ++i) Open(groups_[i]);
}

absl::Status Live::Release(Partition partition) {
  const auto group = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const Group& g) { return g.partition == partition; });
  if (group == groups_.end()) return absl::OkStatus();
  group->outputs = false;
  reader_->Unassign(partition);
  const absl::Status status = CheckpointNow();
  collected_.clear();  // its tasks go; those that stay learn of the next one
  std::erase_if(all_tasks_, [&](const Task* task) { return task->id().partition == partition; });
  groups_.erase(group);
  return status;
}

bool Live::live() const {
  return std::all_of(groups_.begin(), groups_.end(),
                     [](const Group& group) { return group.live || !group.status.ok(); });
}

bool Live::Sends(Partition partition) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return group.partition == partition && group.live && group.outputs && group.status.ok();
  });
}

absl::Status Live::Turn(absl::Duration wait) {
  AnswerCheckpoint();
  absl::Status polled = reader_->Poll(UntilNextDuty(wait), kBatchMax, &batch_);
  if (!polled.ok()) return polled;
  FoldBatch();
  for (Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (!group.opened) Open(group);
    if (!group.live) CatchUp(group);
    if (!group.live) continue;
    if (group.took_over) MaybeStandDown(group);
    if (!group.outputs) MaybeTakeOver(group);
    if (!group.outputs) continue;
    for (Owned& owned : group.owned) {
      if (group.status.ok()) Send(group, owned);
      if (group.status.ok()) Tick(group, owned);
    }
  }
  MaybeCheckpoint(false);
  return checkpoint_status_;
}

void Live::Wake() { reader_->Wake(); }

Live::Group* Live::GroupOf(Partition partition) {
  for (Group& group : groups_) {
    if (group.partition == partition) return &group;
  }
  return nullptr;
}

void Live::FoldBatch() {
  const auto expect = [this](const Record& record, const v1::Entry& entry, Ahead ahead) {
    const Group* group = GroupOf(record.partition);
    if (group == nullptr) return;
    for (const Owned& owned : group->owned) owned.task->Expect(entry, ahead);
  };
  window_.Walk(batch_.records(), expect, [this](const Record& record, const v1::Entry* entry) {
    Group* group = GroupOf(record.partition);
    if (group != nullptr && group->status.ok()) FoldRecord(*group, record, entry);
    return true;
  });
}

void Live::FoldRecord(Group& group, const Record& record, const v1::Entry* entry) {
  for (Owned& owned : group.owned) {
    if (!owned.is_same_log && record.offset.Next() == owned.task->next()) {
      owned.is_same_log = owned.task->FoldedLast(record.value);
      if (!owned.is_same_log) return Stop(group, *owned.task, OtherLog(*owned.task));
    }
    if (owned.task->next() != record.offset) {
      // Tasks of a partition may begin at different offsets; none may ever find a gap.
      INVARIANT(owned.task->next() > record.offset, "the reader skipped a record");
      continue;
    }
    if (group.took_over && entry != nullptr) WatchRecord(owned, record.offset, *entry);
    const absl::Status status =
        entry != nullptr
            ? owned.task->FoldEntry(record.offset, record.timestamp, *entry, record.value)
            : owned.task->Fold(record);
    ++folded_;
    if (!status.ok()) return Stop(group, *owned.task, status);
  }
}

void Live::CatchUp(Group& group) {
  if (!group.status.ok() || !group.opened) return;
  if (group.live_at.value < 0) {
    const absl::StatusOr<Offset> end = log_->End(group.partition);
    if (!end.ok()) return;
    group.live_at = *end;
  }
  group.live = std::all_of(group.owned.begin(), group.owned.end(), [&](const Owned& owned) {
    return owned.is_same_log && owned.task->next() >= group.live_at;
  });
}

void Live::MaybeTakeOver(Group& group) {
  if (options_.takeover_after == absl::InfiniteDuration()) return;
  const absl::Time now = clock_->Now();
  for (Owned& owned : group.owned) {
    const auto& pending = owned.task->pending();
    const Offset waiting = pending.empty() ? Offset{-1} : pending.front().cause;
    if (waiting != owned.waiting) {
      owned.waiting = waiting;
      owned.waiting_since = now;
    }
    const bool unsettled =
        waiting.value >= 0 && now - owned.waiting_since >= options_.takeover_after;
    const bool unticked = now - owned.task->EarliestTimer() >= options_.takeover_after;
    if (!unsettled && !unticked) continue;
    ++taken_over_;
    group.outputs = true;
    group.took_over = true;
    for (Owned& one : group.owned) one.rival = Rival{};
    return;
  }
}

// Costs nothing but time when it was wrong: what nobody settles is taken over again (L2, L4). None
// but a standby ever does so, and of two standbys the one who comes second.
void Live::MaybeStandDown(Group& group) {
  bool stands_down = false;
  for (Owned& owned : group.owned) {
    Rival& rival = owned.rival;
    stands_down |= rival.came_first >= kCameFirstMax;
    if (rival.settled < kRivalCauses) continue;
    stands_down |= rival.doubled * 4 >= rival.settled * 3;
    rival.settled = rival.doubled = 0;
  }
  if (!stands_down) return;
  ++stood_down_;
  group.outputs = false;
  group.took_over = false;
  for (Owned& owned : group.owned) owned.waiting = Offset{-1};  // counted anew
}

void Live::WatchRecord(Owned& owned, Offset at, const v1::Entry& entry) {
  const TaskId& id = owned.task->id();
  if (!entry.has_decision() || entry.decision().service() != id.service.text()) return;
  Rival& rival = owned.rival;
  const Offset cause{entry.decision().cause()};
  if (cause <= rival.sent_again) return;
  if (cause <= owned.task->Settled(id.service)) {
    ++rival.doubled;
    return;
  }
  ++rival.settled;
  if (cause > std::max(owned.sent, owned.flight_upto)) {
    ++rival.came_first;  // before we had sent ours
    return;
  }
  if (rival.places.size() >= kPlacesMax) rival.places.clear();
  const auto place = rival.places.try_emplace(cause).first;
  place->second.settled = at;
  Judge(rival, place);
}

void Live::WatchAnswer(Owned& owned, const Flight& flight) {
  Rival& rival = owned.rival;
  if (!flight.status.ok()) {
    rival.places.clear();
    rival.sent_again = owned.flight_upto;
    return;
  }
  // Others' records may stand between ours: each is where we reckon, or behind it.
  Offset own = flight.first;
  for (const Offset cause : rival.flight) {
    const auto place = rival.places.try_emplace(cause).first;
    place->second.own = own;
    own = own.Next();
    Judge(rival, place);
  }
  rival.flight.clear();
}

void Live::Judge(Rival& rival, std::map<Offset, Rival::Place>::iterator cause) {
  const Rival::Place& place = cause->second;
  if (place.settled.value < 0 || place.own.value < 0) return;
  rival.came_first = place.settled < place.own ? rival.came_first + 1 : 0;
  rival.places.erase(cause);
}

void Live::Send(Group& group, Owned& owned) {
  if (owned.flight != nullptr) {
    if (!Flight::Landed(owned.flight)) return;
    if (group.took_over) WatchAnswer(owned, *owned.flight);
    // Some of them may be there, some not: what is not settled by then is sent again, and what was
    // there twice is void.
    owned.sent = CameThrough(group, owned, *owned.flight, "decisions")
                     ? owned.flight_upto
                     : owned.task->Settled(owned.task->id().service);
    owned.flight.reset();
    if (!group.status.ok()) return;
  }
  if (clock_->Now() < owned.retry_at) return;
  owned.rival.flight.clear();
  std::vector<NewRecord> records;
  for (const PendingDecision& pending : owned.task->pending()) {
    if (pending.cause <= owned.sent) continue;
    if (records.size() >= kDecisionsAtOnceMax) break;
    records.push_back(NewRecord{clock_->Now(), pending.key, pending.headers, pending.value});
    owned.flight_upto = pending.cause;
    if (group.took_over) owned.rival.flight.push_back(pending.cause);
  }
  if (records.empty()) return;
  decisions_sent_ += static_cast<int64_t>(records.size());
  owned.flight = Append(group.partition, std::move(records));
}

std::shared_ptr<Live::Flight> Live::Append(Partition partition, std::vector<NewRecord> records) {
  auto flight = std::make_shared<Flight>();
  log_->Append(partition, std::move(records),
               // A success is seen by the record itself, an error when the next turn looks: the
               // callback may come when this driver is gone, and holds nothing of it.
               [flight](absl::StatusOr<Offset> first) { flight->Answer(first); });
  return flight;
}

void Live::Tick(Group& group, Owned& owned) {
  const absl::Time due = owned.task->EarliestTimer();
  if (owned.tick != nullptr) {
    if (!Flight::Landed(owned.tick)) return;
    if (!CameThrough(group, owned, *owned.tick, "a tick")) {
      owned.tick.reset();
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
  for (const Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (!group.live) {
      // What is not asked yet could not be: not at once again.
      wait = std::min(wait, group.live_at.value < 0 ? kRetryDelay : wait);
      continue;
    }
    for (const Owned& owned : group.owned) {
      if (!group.outputs) {
        if (options_.takeover_after == absl::InfiniteDuration()) continue;
        const absl::Time since = owned.waiting.value < 0 ? now : owned.waiting_since;
        wait = std::min({wait, since + options_.takeover_after - now,
                         owned.task->EarliestTimer() + options_.takeover_after - now});
        continue;
      }
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
    if (status.ok()) return flight->Answer(Offset{});
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
      if (!group.outputs) continue;
      if (!owned.task->pending().empty()) return false;
      if (owned.task->EarliestTimer() <= std::max(clock_->Now(), owned.task->now())) return false;
    }
  }
  return true;
}

void Live::Promote() {
  options_.outputs = true;
  for (Group& group : groups_) {
    group.outputs = true;
    group.took_over = false;
    group.live = false;
    group.live_at = Offset{-1};
  }
  Wake();
}

std::vector<Live::Stopped> Live::stopped() const {
  std::vector<Stopped> result;
  for (const Group& group : groups_) {
    if (!group.status.ok())
      result.push_back(Stopped{group.partition, group.stopped_at, group.status});
  }
  return result;
}

}  // namespace gridledger::engine
