#include "services/runtime/engine/task.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "services/domain/incident/limits.h"
#include "services/runtime/engine/trace_context.h"

namespace gridledger::engine {
namespace {

// Of a decision: five CloudEvents headers, ~200 B, a traceparent and a tracestate of up to 512 B.
constexpr size_t kHeadersBytesMax = 4096;

// The same words whatever the build knows: a dead letter's reason is part of the state.
std::string TooNew(uint32_t schema, uint32_t present) {
  return absl::StrCat("its schema is ", schema, ", and its partition is raised to ", present);
}

}  // namespace

uint64_t SchemaOf(const Service& service) {
  return Fingerprint(
      absl::StrCat("shared ", kSharedSchema, " ", service.name.text(), " ", service.schema));
}

std::string Describe(const TaskId& task, Offset offset) {
  return absl::StrCat(task.service.text(), "/", task.partition.value, "@", offset.value);
}

Task::Task(const Service& service, Partition partition, std::string code_id)
    : id_{service.name, partition},
      layouts_(SchemaOf(service)),
      knows_(service.knows),
      code_id_(std::move(code_id)),
      ce_source_(absl::StrCat("/gridledger/", service.name.text(), "/", partition.value)),
      subject_(service.make(tables_, incidents_)) {}

absl::StatusOr<std::unique_ptr<Task>> Task::Open(const Service& service, Partition partition,
                                                 StateStore* store, std::string code_id) {
  std::unique_ptr<Task> task(new Task(service, partition, std::move(code_id)));
  if (store == nullptr) return task;
  task->store_ = store;
  absl::StatusOr<std::optional<Checkpoint>> found = store->Find(task->id_);
  if (!found.ok()) return found.status();
  if (!found->has_value() || (*found)->schema != task->layouts_) {
    task->replaces_all_ = true;
    return task;
  }
  const Checkpoint& checkpoint = **found;
  task->tier_ = store->Tier(task->id_);
  const bool parsed = task->tables_.Open(task->tier_.get(), checkpoint.digest);
  if (!task->tier_->status().ok()) return task->tier_->status();
  if (!parsed || !task->pending_.Open(task->tier_.get())) {
    if (absl::Status status = task->status(); !status.ok()) return status;
    return absl::DataLossError(
        absl::StrCat("the checkpoint of ", Describe(task->id_, checkpoint.next),
                     " does not parse: remove the state, it is rebuilt from the log"));
  }
  task->next_ = task->collected_ = checkpoint.next;
  return task;
}

std::vector<ScannedTable> Task::ScannedTables(const Service& service) {
  const Task task(service, Partition{0}, /*code_id=*/"");
  std::vector<ScannedTable> tables;
  for (const uint8_t id : task.tables_.scanned_only()) tables.push_back({service.name, id});
  return tables;
}

absl::Status Task::PassPlace(Offset offset) {
  INVARIANT(offset == next_, "a task folds its records in order, without gaps");
  next_ = next_.Next();
  progress_.Change().last_fingerprint = Fingerprint("");
  ++place_counts_.Change().without_record;
  return status();
}

absl::Status Task::Fold(const Record& record) {
  if (record.kind == PlaceKind::kNothing) return PassPlace(record.offset);
  const absl::Status parsed = decoder_.Decode(record.value);
  if (parsed.ok())
    return FoldEntry(record.offset, record.timestamp, decoder_.entry(), record.value);
  if (absl::Status known = CheckKnown(); !known.ok()) return known;
  // By the schema first: a build that has more contents to parse has to say the same.
  const uint32_t schema = SchemaIn(record.value);
  return Park(
      record.offset, record.timestamp, record.value,
      schema > this->schema() ? TooNew(schema, this->schema()) : std::string(parsed.message()));
}

absl::Status Task::RaisedBeyondUs(Offset at, uint32_t to) const {
  return absl::FailedPreconditionError(
      absl::StrCat(Describe(id_, at), ": the partition is raised to schema ", to,
                   " here, this program knows up to ", knows_, ": run a newer one on it"));
}

absl::Status Task::CheckKnown() const {
  if (schema() <= knows_) return absl::OkStatus();
  return RaisedBeyondUs(schema_state_.Get().raised_by, schema());
}

absl::Status Task::FoldEntry(Offset offset, absl::Time timestamp, const v1::Entry& entry,
                             absl::string_view value) {
  if (absl::Status known = CheckKnown(); !known.ok()) return known;
  if (entry.schema() > schema()) {
    if (!RaisesSchema(entry, id_.partition, schema())) {
      return Park(offset, timestamp, value, TooNew(entry.schema(), schema()));
    }
    if (entry.schema() > knows_) return RaisedBeyondUs(offset, entry.schema());
  }
  if (std::string why = incident::TooLongIn(entry); !why.empty()) {
    return Park(offset, timestamp, value, std::move(why));
  }
  INVARIANT(offset == next_, "a task folds its records in order, without gaps");
  next_ = next_.Next();
  Progress& progress = progress_.Change();
  const bool time_moved = timestamp > progress.now;
  if (time_moved) progress.now = timestamp;
  progress.last_fingerprint = Fingerprint(value);
  const incident::Moment moment{offset, progress.now};
  touched_.clear();
  if (time_moved) subject_->EvolveTime(moment);
  FoldContent(moment, entry);
  if (entry.has_source()) FoldSource(entry.source());
  subject_->EvolveEnd(moment, touched_);
  if (decides_) Decide(moment);
  if (watch_ != nullptr) watch_->Folded(*this, moment, &entry);
  BoundLoaded();
  return status();
}

// The newest mark may have been read, too.
void Task::BoundLoaded() {
  if (tables_.BoundLoaded(loaded_bytes_max_)) newest_mark_ = nullptr;
}

void Task::FoldContent(const incident::Moment& moment, const v1::Entry& entry) {
  switch (entry.content_case()) {
    case v1::Entry::kFact: return FoldFact(moment, entry.fact(), /*decided_by=*/"");
    case v1::Entry::kDecision: return FoldDecision(moment, entry.decision());
    case v1::Entry::kTick: ++progress_.Change().ticks; return subject_->EvolveTick(moment);
    case v1::Entry::kPolicyActivated:
      incidents_.policy.Activate(entry.policy_activated().policy());
      return subject_->EvolvePolicy(moment);
    case v1::Entry::kAreaDefined:
    case v1::Entry::kGridDefined:
    case v1::Entry::kMemberRegistered:
    case v1::Entry::kRosterPublished: {
      const absl::string_view refused = incident::EvolveRegistry(incidents_.registry, entry);
      if (!refused.empty()) AddDeadLetter(moment.offset, std::string(refused));
      return;
    }
    case v1::Entry::kDeadLetterRetried: return FoldRetry(moment, entry.dead_letter_retried());
    case v1::Entry::kDeadLetterDiscarded: return FoldDiscard(moment, entry.dead_letter_discarded());
    case v1::Entry::kSchemaRaised: return FoldRaise(moment, entry);
    case v1::Entry::kPlaceLost: return;  // does not decode
    case v1::Entry::CONTENT_NOT_SET: INVARIANT(false, "an entry without content does not decode");
  }
}

void Task::Tell(const incident::Change& change) {
  subject_->EvolveChange(change);
  if (watch_ != nullptr) watch_->Changed(*this, change);
}

void Task::FoldFact(const incident::Moment& moment, const v1::Fact& fact,
                    absl::string_view decided_by) {
  incident::Evolve(
      incidents_, moment, fact,
      [this](const incident::Change& change) {
        Tell(change);
        if (change.verdict == incident::Verdict::kApplied) {
          touched_.emplace_back(change.fact->incident_id());
        }
      },
      decided_by);
}

// One that is newer than the partition has been looked at before; one that is not comes too late,
// as where two people raise the same partition.
void Task::FoldRaise(const incident::Moment& moment, const v1::Entry& entry) {
  SchemaState& state = schema_state_.Change();
  if (entry.schema() <= state.present) {
    ++state.void_entries;
    return;
  }
  state.present = entry.schema();
  state.raised_by = moment.offset;
}

void Task::Expect(const v1::Entry& entry, Ahead ahead) const {
  const auto expect = [this, ahead](const v1::Fact& fact) {
    if (ahead == Ahead::kFar) {
      incidents_.incidents.PrefetchPlace(fact.incident_id());
    } else {
      incidents_.incidents.PrefetchPair(fact.incident_id());
    }
  };
  if (entry.has_fact()) expect(entry.fact());
  for (const v1::Fact& fact : entry.decision().facts()) expect(fact);
}

void Task::FoldDecision(const incident::Moment& moment, const v1::Decision& decision) {
  const ServiceName service(decision.service());
  const Offset cause{decision.cause()};
  const bool decider = IsDecider(decision.service());
  // A cause that is not before its decision was made up: no more than a duplicate.
  const bool settles =
      decider && cause > Settled(service) && cause < moment.offset && cause.value >= 0;
  if (!settles) {
    ++progress_.Change().decisions_void;
    for (const v1::Fact& fact : decision.facts()) {
      incident::EvolveVoid(incidents_, moment, fact,
                           decider ? incident::VoidReason::kDuplicateDecision
                                   : incident::VoidReason::kUnknownService,
                           [this](const incident::Change& change) { Tell(change); });
    }
    return;
  }
  settled_.At(service).cause = cause;
  if (service == id_.service) pending_.Settle(cause);
  for (const v1::Fact& fact : decision.facts()) FoldFact(moment, fact, service.text());
}

void Task::Decide(const incident::Moment& cause) {
  v1::Decision& decision = *decision_.mutable_decision();
  decision.clear_facts();
  subject_->Decide(cause, touched_, &decision);
  if (decision.facts().empty() || cause.offset <= Settled(id_.service)) return;
  decision.set_service(id_.service.text());
  decision.set_cause(cause.offset.value);
  decision.set_policy_version(incidents_.policy.now().version());
  for (v1::Fact& fact : *decision.mutable_facts()) {
    fact.set_happened_at_ms(ToMillis(cause.at));
    fact.mutable_actor()->set_role(v1::ROLE_SERVICE);
    fact.mutable_actor()->set_code(id_.service.text());
  }
  decision_.set_schema(kEntrySchema);
  PendingDecision pending;
  const incident::Incident* first =
      incidents_.incidents.Find(IncidentId(decision.facts(0).incident_id()));
  if (first != nullptr) pending.key = first->community.text();
  pending.cause = cause.offset;
  decision_.AppendToString(&pending.value);
  // Limits of texts and kDecisionBytesMax keep every decision far below. Should one slip through,
  // it is the same one for all who decide: the log would refuse it again and again, and the
  // partition would stand still behind it.
  if (pending.key.size() + pending.value.size() > kRecordBytesMax - kHeadersBytesMax) {
    ++decisions_too_large_;
    return;
  }
  pending_.Add(std::move(pending));
}

Offset Task::Settled(const ServiceName& service) const {
  const SettledCause* found = settled_.Find(service);
  return found == nullptr ? Offset{-1} : found->cause;
}

NewRecord Task::MakeDecision(const PendingDecision& pending, absl::Time at) const {
  NewRecord record{at, pending.key, "", pending.value};
  EncodeHeaders(v1::Decision::descriptor()->full_name(), ce_source_,
                absl::StrCat(pending.cause.value), &record.headers);
  record.headers += pending.trace;
  return record;
}

void Task::ContinueTraceOf(absl::string_view headers) {
  const Offset cause{next_.value - 1};
  if (pending_.FindNew(cause) == nullptr) return;
  // Of the decision's own name: the same one whoever sends it.
  const uint64_t span = Fingerprint(absl::StrCat(ce_source_, "/", cause.value));
  pending_.SetTrace(cause, ContinueTrace(headers, span));
}

NewRecord Task::MakeTick(absl::Time at, size_t before) const {
  v1::Entry tick;
  tick.set_schema(kEntrySchema);
  tick.mutable_tick()->set_service(id_.service.text());
  NewRecord record;
  record.timestamp = at;
  EncodeEntry(tick, ce_source_, absl::StrCat("tick.", progress_.Get().ticks + before),
              &record.headers, &record.value);
  return record;
}

bool Task::FoldedLast(absl::string_view value) const {
  return Fingerprint(value) == progress().last_fingerprint;
}

void Task::Stored(size_t bytes_max) {
  newest_mark_ = nullptr;
  if (tier_ == nullptr && store_ != nullptr) {
    // What leaves memory from now on is found in the store. Before, the store had nothing of this
    // task, or what another schema left.
    tier_ = store_->Tier(id_);
    tables_.Attach(tier_.get());
    pending_.Attach(tier_.get());
  }
  if (tier_ != nullptr && resident_bytes() > bytes_max) pending_.EvictStored();
  tables_.Stored(bytes_max);
}

TaskCheckpoint Task::Collect() {
  BeginCollect();
  size_t all = std::numeric_limits<size_t>::max();
  return *CollectSome(&all);
}

void Task::BeginCollect() {
  newest_mark_ = nullptr;
  TaskCheckpoint& out = collecting_.emplace();
  out.task = id_;
  out.checkpoint = Checkpoint{.next = next_, .digest = {}, .code_id = code_id_, .schema = layouts_};
  tables_.BeginCollect(&out.pairs);
  pending_.Collect(&out.pairs);
  out.replaces_all = replaces_all_;
  replaces_all_ = false;
  collected_ = next_;
}

std::optional<TaskCheckpoint> Task::CollectSome(size_t* most) {
  if (!tables_.CollectSome(most)) return std::nullopt;
  collecting_->checkpoint.digest = tables_.collected_digest();
  return std::exchange(collecting_, std::nullopt);
}

}  // namespace gridledger::engine
