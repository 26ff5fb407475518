#include "services/runtime/engine/lockstep.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <tuple>

namespace gridledger::engine {
namespace {

// Ticks at one instant before we call it a loop: a tick fires up to a thousand timers, and a
// partition never has a thousand million of them due at once.
constexpr int kTicksAtOnceMax = 1'000'000;
constexpr int kTicksBetween = 256;  // at ~20 µs each some 5 ms
// Where an entry comes from that names no source.
constexpr absl::string_view kPeople = "/gridledger/people";

}  // namespace

LockStep::LockStep(Partition partition, std::vector<Task*> tasks, LedgerSink* sink)
    : partition_(partition), tasks_(std::move(tasks)), sink_(sink) {
  INVARIANT(!tasks_.empty(), "lock-step drives at least one task");
  for (const Task* task : tasks_) {
    INVARIANT(task->next() == tasks_[0]->next(), "lock-step begins with all tasks at one offset");
  }
}

absl::Status LockStep::Continue() {
  // In a run without interruption these would have been appended by (cause, rank); so they are now.
  struct Waiting {
    Offset cause;
    size_t rank;
    NewRecord record;
  };
  std::vector<Waiting> order;
  const absl::Time now = tasks_[0]->now();
  for (size_t rank = 0; rank < tasks_.size(); ++rank) {
    PendingDecisions& pending = tasks_[rank]->pending();
    pending.Visit(Offset{-1}, pending.size(), [&](const PendingDecision& one) {
      order.push_back({one.cause, rank, tasks_[rank]->MakeDecision(one, now)});
    });
    if (absl::Status status = tasks_[rank]->status(); !status.ok()) return status;
  }
  std::sort(order.begin(), order.end(), [](const Waiting& a, const Waiting& b) {
    return std::tie(a.cause, a.rank) < std::tie(b.cause, b.rank);
  });
  for (Waiting& one : order) queue_.push_back(std::move(one.record));
  return Settle();
}

absl::StatusOr<bool> LockStep::Step(OutsideSource& source) {
  const incident::State& view = tasks_[0]->incidents();
  absl::StatusOr<bool> more = source.Next(view, &next_);
  if (!more.ok() || !*more) return more;
  v1::Entry& entry = next_.entry;
  if (entry.has_source() &&
      IsIn(tasks_[0]->Mark(SourceName(entry.source().source())), entry.source())) {
    ++passed_over_;
    return true;
  }
  if (absl::Status fired = FireDue(next_.at); !fired.ok()) return fired;
  if (next_.at < tasks_[0]->now()) ++late_;
  if (entry.has_fact() && entry.fact().stage() == 0 && !entry.fact().has_reported()) {
    v1::Fact& fact = *entry.mutable_fact();
    fact.set_stage(incident::PresentStage(view, IncidentId(fact.incident_id())).value);
  }
  entry.set_schema(kEntrySchema);
  id_.clear();
  if (entry.has_source()) {
    absl::StrAppend(&id_, entry.source().row(), ".", entry.source().ordinal());
  } else {
    absl::StrAppend(&id_, partition_.value, ".", tasks_[0]->next().value);
  }
  outside_.timestamp = std::max(next_.at, tasks_[0]->now());
  outside_.key = next_.key;
  // A CloudEvents source is never empty.
  const absl::string_view ce_source =
      entry.has_source() ? absl::string_view(entry.source().source()) : kPeople;
  EncodeEntry(entry, ce_source, id_, &outside_.headers, &outside_.value);
  // Written and read again it would be the same entry: that way is saved here.
  absl::Status status = Take(outside_, entry);
  if (status.ok()) status = Settle();
  if (!status.ok()) return status;
  return true;
}

absl::Status LockStep::RunTo(absl::Time until) {
  if (absl::Status fired = FireDue(until); !fired.ok()) return fired;
  if (tasks_[0]->now() >= until) return absl::OkStatus();
  queue_.push_back(tasks_[0]->MakeTick(until));
  return Settle();
}

absl::Status LockStep::FireDue(absl::Time upto) {
  absl::Time instant = absl::InfinitePast();
  int at_once = 0;  // ticks at that instant
  for (int ticks = 1;; ++ticks) {
    const Task* earliest = tasks_[0];
    for (const Task* task : tasks_) {
      if (task->EarliestTimer() < earliest->EarliestTimer()) earliest = task;
    }
    if (earliest->EarliestTimer() > upto) return absl::OkStatus();
    const absl::Time at = std::max(earliest->EarliestTimer(), earliest->now());
    at_once = at == instant ? at_once + 1 : 1;
    instant = at;
    if (at_once > kTicksAtOnceMax) {
      return absl::InternalError(absl::StrCat(
          "timers of ", Describe(earliest->id(), earliest->next()), " do not come to rest"));
    }
    queue_.push_back(earliest->MakeTick(at));
    if (absl::Status settled = Settle(); !settled.ok()) return settled;
    if (ticks % kTicksBetween != 0 || between_ == nullptr) continue;
    if (absl::Status status = between_(); !status.ok()) return status;
  }
}

absl::Status LockStep::Settle() {
  while (!queue_.empty()) {
    const NewRecord queued = std::move(queue_.front());
    queue_.pop_front();
    if (absl::Status status = decoder_.Decode(queued.value); !status.ok()) return status;
    if (absl::Status status = Take(queued, decoder_.entry()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LockStep::Take(const NewRecord& record, const v1::Entry& entry) {
  const Offset offset = tasks_[0]->next();
  absl::Status status = sink_->Append(
      Record{partition_, offset, record.timestamp, record.key, record.headers, record.value});
  if (!status.ok()) return status;
  ++appended_;
  for (Task* task : tasks_) {
    status = task->FoldEntry(offset, record.timestamp, entry, record.value);
    if (!status.ok()) return status;
  }
  EnqueuePending(offset);
  return absl::OkStatus();
}

void LockStep::EnqueuePending(Offset cause) {
  for (const Task* task : tasks_) {
    const PendingDecision* pending = task->pending().FindNew(cause);
    if (pending == nullptr) continue;
    queue_.push_back(task->MakeDecision(*pending, task->now()));
  }
}

}  // namespace gridledger::engine
