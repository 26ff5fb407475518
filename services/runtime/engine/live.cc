#include "services/runtime/engine/live.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace gridledger::engine {
namespace {

constexpr int kBatchMax = 4096;  // records a turn; × ~300 B ≈ 1.2 MB
// Values folded between two looks at what has changed: a thousand usual ones. A batch of large ones
// is up to 32 MiB, and four services may each keep most of it.
constexpr size_t kBytesBetweenLooks = size_t{256} << 10;
// Appends of decisions under way in a partition: what is decided while one waits for its answer
// does not wait for it, too; and behind the last of them it gathers.
constexpr size_t kFlightsMax = 4;
// Decisions in one append. A backlog wants large ones; all partitions' together are what the
// options allow.
constexpr size_t kDecisionsAtOnceMin = 50;
constexpr size_t kDecisionsAtOnceMax = 8000;
constexpr size_t kDecisionsAtOnceWatched = 250;
// And so many bytes for each of them that may be under way; one at least, of up to 1 MiB.
constexpr size_t kDecisionBytes = 1024;
// Of pairs that a task has read and not changed: some hundred.
constexpr size_t kLoadedBytesMin = size_t{64} << 10;
// What is under way is to be answered within this: more of a backlog than the log takes meanwhile
// would wait there, and with it everybody's records. It begins with so many decisions, grows by
// what is answered in time, and is halved by what is not.
constexpr absl::Duration kAnswerAim = absl::Milliseconds(250);
constexpr size_t kUnderWayFirst = 2'000;
constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);
// While a log is away ticks gather that say how late it is by then, so that what has become due
// meanwhile does not wait for a second journey: one after so long, or an eighth of the time that
// they have been gathering for.
constexpr absl::Duration kTickAgain = absl::Milliseconds(250);
constexpr int kTickAgainPart = 8;
// So they are some 70 after an hour: 8 in two seconds, then ln(1800) / ln(9/8); and these after a
// day. Then another one would tell nothing new. × ~200 B ≈ 20 KB a partition.
constexpr size_t kTicksMax = 96;
// A tick that came back and was not late enough says how far the clock of whoever stamped it is
// behind: the next one waits for as long, and no longer than this, for that clock may be set.
constexpr absl::Duration kTickHoldMax = absl::Seconds(5);
// The log has taken so many, and they do not come back to be read: then it stands still, and more
// of them would only wait there, too.
constexpr size_t kTicksUnreadMax = 4;
// How often a question that the log has not answered is looked at.
constexpr absl::Duration kAnswerLook = absl::Milliseconds(20);
// An answer that nobody looked at for so long is of another time.
constexpr absl::Duration kAnswerAge = absl::Seconds(1);
// A standby that took over looks as often as it would take over whether another has three quarters
// of what was settled, and stands down when it was so each of so many times: one who comes back
// may fall behind again, and what is decided twice meanwhile costs little.
constexpr int kAbreastMax = 4;

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

// Unavailable passes. Anything else the log would say again and again, and nobody would hear of it.
bool Live::CameThrough(Group& group, Owned& owned, const Flight& flight, absl::string_view what) {
  if (flight.status.ok()) return true;
  const std::string text =
      absl::StrCat("the log does not take ", what, " of ",
                   Describe(owned.task->id(), owned.task->next()), ": ", flight.status.message());
  ++refusals_;
  last_refusal_ = Refusal{group.partition, owned.task->next(), text};
  if (absl::IsUnavailable(flight.status)) {
    owned.retry_at = clock_->Steady() + kRetryDelay;
    return false;
  }
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
      LookAtMemory();
    }
    return true;
  });
}

void Live::LookAtMemory() {
  if (!IsDirty(1)) return;
  AwaitCheckpoint();
  AnswerCheckpoint();
  MaybeCheckpoint(false);
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

void Live::MaybeTakeOver(Group& group) {
  if (options_.takeover_after == absl::InfiniteDuration()) return;
  const absl::Time now = clock_->Steady();
  const absl::Time ledger_now = clock_->Now();
  for (Owned& owned : group.owned) {
    const PendingDecisions& pending = owned.task->pending();
    const Offset waiting = pending.empty() ? Offset{-1} : pending.front().cause;
    if (waiting != owned.waiting) {
      owned.waiting = waiting;
      owned.waiting_since = now;
    }
    const bool unsettled =
        waiting.value >= 0 && now - owned.waiting_since >= options_.takeover_after;
    const bool unticked = ledger_now - owned.task->EarliestTimer() >= options_.takeover_after;
    if (!unsettled && !unticked) continue;
    ++taken_over_;
    group.outputs = true;
    group.took_over = true;
    for (Owned& one : group.owned) {
      const Offset settled = one.task->Settled(one.task->id().service);
      one.rival = Rival{.lately = settled, .long_ago = settled, .looked_at = now};
    }
    return;
  }
}

// Costs nothing but time when it was wrong: what nobody settles is taken over again (L2, L4). None
// but a standby ever does so; two who do so at once take over again one after the other.
void Live::MaybeStandDown(Group& group) {
  const absl::Time now = clock_->Steady();
  bool stands_down = false;
  for (Owned& owned : group.owned) {
    Rival& rival = owned.rival;
    if (now - rival.looked_at < options_.takeover_after) continue;
    rival.looked_at = now;
    rival.long_ago = std::exchange(rival.lately, owned.task->Settled(owned.task->id().service));
    if (rival.settled == 0) continue;
    rival.abreast = rival.also_his * 4 >= rival.settled * 3 ? rival.abreast + 1 : 0;
    rival.settled = rival.also_his = 0;
    stands_down |= rival.abreast >= kAbreastMax;
  }
  if (!stands_down) return;
  ++stood_down_;
  group.outputs = false;
  group.took_over = false;
  for (Owned& owned : group.owned) owned.waiting = Offset{-1};  // counted anew
}

void Live::WatchRecord(Owned& owned, const v1::Entry& entry) {
  const TaskId& id = owned.task->id();
  if (!entry.has_decision() || entry.decision().service() != id.service.text()) return;
  Rival& rival = owned.rival;
  const Offset cause{entry.decision().cause()};
  if (cause <= rival.sent_again) return;
  if (cause > owned.task->Settled(id.service)) {
    ++rival.settled;
    if (cause > owned.sent) ++rival.also_his;  // before we had sent ours
  } else if (cause > rival.long_ago) {
    ++rival.also_his;
  }
}

void Live::Gauge(const Decided& decided) {
  const size_t least = std::min(options_.decisions_under_way_max, kUnderWayFirst);
  const absl::Time now = clock_->Steady();
  if (!decided.flight->status.ok()) {
    decisions_under_way_ = least;
  } else if (now - decided.at <= kAnswerAim) {
    decisions_under_way_ =
        std::min(options_.decisions_under_way_max, decisions_under_way_ + decided.filled);
  } else if (decided.at >= narrowed_at_) {  // others that were under way then say the same
    decisions_under_way_ = std::max(least, decisions_under_way_ / 2);
    narrowed_at_ = now;
  }
}

bool Live::LandDecisions(Group& group, Owned& owned) {
  const auto landed = [](const Decided& one) { return Flight::Landed(one.flight); };
  const auto failed = [&](const Decided& one) { return landed(one) && !one.flight->status.ok(); };
  if (std::none_of(owned.flights.begin(), owned.flights.end(), failed)) {
    while (!owned.flights.empty() && landed(owned.flights.front())) {
      Gauge(owned.flights.front());
      owned.flights.pop_front();
    }
    return true;
  }
  // What was handed over behind it fails as well. Some of them may be there, some not: what is not
  // settled by then is sent again, and what was there twice is void.
  if (!std::all_of(owned.flights.begin(), owned.flights.end(), landed)) return false;
  for (const Decided& one : std::exchange(owned.flights, {})) {
    Gauge(one);
    if (group.status.ok()) (void)CameThrough(group, owned, *one.flight, "decisions");
  }
  owned.rival.sent_again = std::max(owned.rival.sent_again, owned.sent);
  owned.sent = owned.task->Settled(owned.task->id().service);
  return group.status.ok();
}

void Live::Send(Group& group, Owned& owned) {
  if (!LandDecisions(group, owned)) return;
  if (owned.flights.size() >= kFlightsMax) return;
  const absl::Time now = clock_->Steady();
  if (now < owned.retry_at) return;
  const absl::Time at = clock_->Now();
  std::vector<NewRecord> records;
  const size_t most =
      std::clamp(decisions_under_way_ / groups_.size() / kFlightsMax, kDecisionsAtOnceMin,
                 group.took_over ? kDecisionsAtOnceWatched : kDecisionsAtOnceMax);
  Offset upto = owned.sent;
  owned.task->pending().Visit(
      owned.sent, most, most * kDecisionBytes, [&](const PendingDecision& pending) {
        records.push_back(owned.task->MakeDecision(pending, std::max(at, owned.task->now())));
        upto = pending.cause;
      });
  if (absl::Status read = owned.task->status(); !read.ok()) return Stop(group, *owned.task, read);
  if (records.empty()) return;
  const size_t count = records.size();
  decisions_sent_ += static_cast<int64_t>(count);
  owned.sent = upto;
  // One that was not full tells nothing of larger ones.
  const size_t filled = count == most ? count : 0;
  owned.flights.push_back({Append(group.partition, std::move(records)), now, filled});
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
  const absl::Time now = clock_->Steady();
  while (!owned.ticks.empty() && owned.ticks.front().flight->answered) {
    const std::shared_ptr<Flight> first = owned.ticks.front().flight;
    if (!CameThrough(group, owned, *first, "a tick")) {
      owned.ticks.clear();  // those behind it fail as well
      return;
    }
    if (owned.task->next() <= first->first) break;  // answered, but not yet read back
    const bool late_enough = owned.task->now() >= owned.ticks.front().due;
    owned.ticks.pop_front();
    owned.ticked_at = late_enough ? absl::InfinitePast() : now;
    owned.ticked_to = owned.task->now();
  }
  if (now < owned.retry_at || now < TickAt(owned, now)) return;
  if (!owned.ticks.empty()) {
    const bool unread = owned.ticks.front().flight->answered;
    if (owned.ticks.size() >= (unread ? kTicksUnreadMax : kTicksMax)) return;
    const absl::Duration away = owned.ticks.back().at - owned.ticks.front().at;
    if (now - owned.ticks.back().at < std::max(kTickAgain, away / kTickAgainPart)) return;
  }
  std::vector<NewRecord> records;
  records.push_back(
      owned.task->MakeTick(std::max(clock_->Now(), owned.task->now()), owned.ticks.size()));
  const absl::Time due = owned.task->EarliestTimer();
  owned.ticks.push_back({Append(group.partition, std::move(records)), now, due});
}

// A timer fires when a record is read back that is late enough, whatever our clock says (L6). Who
// stamps the ticks may have another clock than we think: what a tick came back with tells.
absl::Time Live::TickAt(const Owned& owned, absl::Time now) const {
  const absl::Time due = owned.task->EarliestTimer();
  if (due == absl::InfiniteFuture()) return due;
  const absl::Duration left = due - std::max(clock_->Now(), owned.task->now());
  const absl::Time at = now + std::max(left, absl::ZeroDuration());
  if (owned.task->now() >= due) return at;
  return std::max(at,
                  owned.ticked_at + std::clamp(due - owned.ticked_to, kTickAgain, kTickHoldMax));
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
  for (int round = 0; round < 3; ++round) {
    if (checkpoint_flight_ != nullptr) checkpoint_flight_->answered.wait(false);
    AnswerCheckpoint();
    if (round < 2) MaybeCheckpoint(true);
  }
  return checkpoint_status_;
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

void Live::StandBack(absl::Duration takeover_after) {
  options_.outputs = false;
  options_.takeover_after = takeover_after;
  for (Group& group : groups_) {
    group.outputs = false;
    group.took_over = false;
    for (Owned& owned : group.owned) owned.waiting = Offset{-1};  // counted from now on
  }
  Wake();
}

void Live::Promote() {
  options_.outputs = true;
  options_.takeover_after = owners_takeover_after_;
  for (Group& group : groups_) {
    group.outputs = true;
    group.took_over = false;
    group.live = false;
    group.live_at = Offset{-1};
    group.question.reset();  // what was asked before is of before
  }
  Wake();
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
