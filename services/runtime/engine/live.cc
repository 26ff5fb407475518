#include "services/runtime/engine/live.h"

#include <algorithm>
#include <utility>

#include "services/runtime/engine/same_log.h"

namespace gridledger::engine {
namespace {

constexpr int kBatchMax = 4096;  // records a turn; × ~300 B ≈ 1.2 MB
// Values folded between two looks at what has changed: a thousand usual ones. A batch of large ones
// is up to 32 MiB, and four services may each keep most of it.
constexpr size_t kBytesBetweenLooks = size_t{256} << 10;
// How often a question that the log has not answered is looked at.
constexpr absl::Duration kAnswerLook = absl::Milliseconds(20);
// An answer that nobody looked at for so long is of another time.
constexpr absl::Duration kAnswerAge = absl::Seconds(1);

}  // namespace

Live::Live(std::vector<std::unique_ptr<Task>> tasks, EventLog* log, CheckpointSink* checkpoints,
           Clock* clock, LiveOptions options)
    : log_(log),
      checkpoints_(checkpoints),
      clock_(clock),
      options_(options),
      owners_takeover_after_(options.takeover_after),
      decisions_under_way_(std::min(options.decisions_under_way_max, kUnderWayFirst)) {
  AddTasks(std::move(tasks));
  checkpoint_at_ = clock_->Steady() + options_.checkpoint_interval;
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
  ShareLoaded();
}

// Reads from one record before the tasks' position: it tells whether this is the log that they
// folded.
absl::Status Live::OpenReader(Group& group, const LogBounds& bounds) {
  for (const Owned& owned : group.owned) {
    if (absl::Status known = owned.task->CheckKnown(); !known.ok()) return known;
  }
  Offset from = group.owned[0].task->next();
  for (Owned& owned : group.owned) {
    const Offset next = owned.task->next();
    if (next > bounds.end) return OtherLog(*owned.task);
    owned.is_same_log = next.value == 0;
    from = std::min(from, next);
  }
  from.value = std::max<int64_t>(0, from.value - 1);
  return reader_->AssignWithin(group.partition, from, bounds);
}

std::optional<absl::StatusOr<LogBounds>> Live::AskBounds(Group& group) {
  const absl::Time now = clock_->Now();
  if (group.question != nullptr && group.question->answered &&
      now - group.question->asked_at > kAnswerAge) {
    group.question.reset();
  }
  if (group.question == nullptr) {
    if (now < group.ask_at) return std::nullopt;
    group.question = std::make_shared<Question>();
    group.question->asked_at = now;
    log_->AskBounds(group.partition, [question = group.question](absl::StatusOr<LogBounds> answer) {
      question->answer = std::move(answer);
      question->answered = true;
    });
  }
  if (!group.question->answered) return std::nullopt;
  absl::StatusOr<LogBounds> answer = std::move(group.question->answer);
  group.question.reset();
  if (!answer.ok()) group.ask_at = now + kRetryDelay;
  return answer;
}

void Live::Open(Group& group) {
  const std::optional<absl::StatusOr<LogBounds>> bounds = AskBounds(group);
  if (!bounds.has_value()) return;
  const absl::Status opened = bounds->ok() ? OpenReader(group, **bounds) : bounds->status();
  group.opened = !absl::IsUnavailable(opened);
  if (!group.opened) return;  // the log comes back, and a later turn tries again
  if (!opened.ok()) {
    Offset first = group.owned[0].task->next();
    for (const Owned& owned : group.owned) first = std::min(first, owned.task->next());
    if (!bounds->ok() || first >= (*bounds)->begin) {
      return Stop(group, *group.owned[0].task, opened);
    }
    return StopAt(BadPlace{group.partition, first, BadPlace::Damage::kRemoved}, opened);
  }
  group.live_at = (*bounds)->end;
  CatchUp(group);
}

void Live::StopAt(const BadPlace& place, absl::Status why) {
  Group* const group = GroupOf(place.partition);
  if (group == nullptr || !group->status.ok()) return;
  Stop(*group, *group->owned[0].task, std::move(why));
  group->stopped_at = place.offset;
  group->bad_place = place;
}

void Live::Stop(Group& group, const Task& task, absl::Status why) {
  group.status = std::move(why);
  group.stopped_at = task.next();
  reader_->Unassign(group.partition);
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
  ShareLoaded();
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
  AwaitCheckpoint();
  AnswerCheckpoint();
  absl::Status polled = reader_->Poll(UntilNextDuty(wait), kBatchMax, &batch_);
  if (!polled.ok()) {
    if (!batch_.bad_place().has_value()) return polled;
    StopAt(*batch_.bad_place(), std::move(polled));
  }
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
  // Only traces hang on them: what comes live is read with its headers, a backlog without.
  if (const bool reads = live(); reads != reads_headers_) {
    reader_->ReadHeaders(reads);
    reads_headers_ = reads;
  }
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
  size_t bytes = 0;
  window_.Walk(batch_.records(), expect, [&](const Record& record, const v1::Entry* entry) {
    Group* group = GroupOf(record.partition);
    if (group != nullptr && group->status.ok()) FoldRecord(*group, record, entry);
    bytes += record.value.size();
    if (bytes >= kBytesBetweenLooks) {
      bytes = 0;
      MeasureMemory();
    }
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
    if (group.took_over && entry != nullptr) WatchRecord(owned, *entry);
    const absl::Status status =
        entry != nullptr
            ? owned.task->FoldEntry(record.offset, record.timestamp, *entry, record.value)
            : owned.task->Fold(record);
    ++folded_;
    if (status.ok() && !record.headers.empty()) owned.task->ContinueTraceOf(record.headers);
    if (!status.ok()) return Stop(group, *owned.task, status);
  }
}

void Live::CatchUp(Group& group) {
  if (!group.status.ok() || !group.opened) return;
  if (group.live_at.value < 0) {
    const std::optional<absl::StatusOr<LogBounds>> bounds = AskBounds(group);
    if (!bounds.has_value() || !bounds->ok()) return;
    group.live_at = (*bounds)->end;
  }
  group.live = std::all_of(group.owned.begin(), group.owned.end(), [&](const Owned& owned) {
    return owned.is_same_log && owned.task->next() >= group.live_at;
  });
}

absl::Duration Live::UntilNextDuty(absl::Duration wait) const {
  const absl::Time now = clock_->Steady();
  const absl::Time ledger_now = clock_->Now();
  if (is_collecting_) return absl::ZeroDuration();
  if (checkpoints_ != nullptr) {
    // While one is out the next is not handed over, and its answer wakes nobody.
    const bool is_out = checkpoint_flight_ != nullptr;
    wait = std::min(wait, is_out ? kRetryDelay : checkpoint_at_ - now);
  }
  for (const Group& group : groups_) {
    if (!group.status.ok()) continue;
    if (group.question != nullptr) wait = std::min(wait, kAnswerLook);
    if (!group.live) {
      // What the log could not say is not asked at once again.
      wait = std::min(wait, group.live_at.value < 0 ? kRetryDelay : wait);
      continue;
    }
    for (const Owned& owned : group.owned) {
      if (!group.outputs) {
        if (options_.takeover_after == absl::InfiniteDuration()) continue;
        const absl::Time since = owned.waiting.value < 0 ? now : owned.waiting_since;
        wait = std::min({wait, since + options_.takeover_after - now,
                         owned.task->EarliestTimer() + options_.takeover_after - ledger_now});
        continue;
      }
      const bool busy = !owned.flights.empty() || !owned.ticks.empty();
      if (busy) wait = std::min(wait, kRetryDelay);
      if (owned.retry_at > now) wait = std::min(wait, owned.retry_at - now);
      if (owned.ticks.empty()) {
        wait = std::min(wait, std::max(TickAt(owned, now), owned.retry_at) - now);
      }
    }
  }
  return std::max(wait, absl::ZeroDuration());
}

bool Live::Idle() {
  bool idle = true;
  for (Group& group : groups_) {  // each of them is asked, so that the answers come together
    if (!group.status.ok()) continue;
    if (!group.live) {
      idle = false;
      continue;
    }
    const std::optional<absl::StatusOr<LogBounds>> bounds = AskBounds(group);
    if (!bounds.has_value() || !bounds->ok()) {
      idle = false;
      continue;
    }
    for (Owned& owned : group.owned) {
      if (owned.task->next() < (*bounds)->end) idle = false;
      if (!group.outputs) continue;
      if (!owned.task->pending().empty()) idle = false;
      if (owned.task->EarliestTimer() <= std::max(clock_->Now(), owned.task->now())) idle = false;
    }
  }
  return idle;
}

std::vector<Live::Stopped> Live::stopped() const {
  std::vector<Stopped> result;
  for (const Group& group : groups_) {
    if (!group.status.ok())
      result.push_back(Stopped{group.partition, group.stopped_at, group.status, group.bad_place});
  }
  return result;
}

}  // namespace gridledger::engine
