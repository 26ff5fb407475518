// A task folds one partition for one service: decode, shared incident fold, service fold, decide.
// It is single-threaded, does no I/O but reading its own cold tier, and is driven either live or in
// lock-step; both drivers see the very same state, decisions and digests.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/entry_window.h"
#include "services/runtime/engine/fold_watch.h"
#include "services/runtime/engine/pending_decisions.h"
#include "services/runtime/engine/subject.h"
#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::engine {

// The highest cause that a service has settled (law L4).
struct SettledCause {
  Offset cause{-1};
  template <class A>
  void Fields(A& a) {
    a(cause);
  }
};

// How far an imported source is in the partition: the position of its newest entry.
struct SourceMark {
  int64_t at_ms = 0;
  int64_t version = 0;
  uint64_t row = 0;
  uint32_t ordinal = 0;
  bool last = false;
  uint64_t entries = 0;
  uint64_t rows = 0;  // that made an entry
  template <class A>
  void Fields(A& a) {
    a(at_ms, version, row, ordinal, last, entries, rows);
  }
};
// Whether the entry made at that position is in the ledger already; a null mark has none.
bool IsIn(const SourceMark* mark, const v1::SourcePosition& at);
using SourceName = Name<struct SourceTag>;

// Where the partition stands.
struct Progress {
  absl::Time now = absl::FromUnixMillis(0);  // the partition's time: the running maximum
  uint64_t last_fingerprint =
      0;                        // of the last record's value: tells a log that was cut and regrown
  uint64_t undecodable = 0;     // records parked as dead letters
  uint64_t decisions_void = 0;  // decisions of causes settled before
  uint64_t ticks = 0;           // whoever asked for them; the next one is named after it
  template <class A>
  void Fields(A& a) {
    a(now, last_fingerprint, undecodable, decisions_void, ticks);
  }
};

// A record that could not be read, and why.
struct DeadLetterKey {
  Offset offset;
  friend auto operator<=>(const DeadLetterKey&, const DeadLetterKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const DeadLetterKey& k) {
    return H::combine(std::move(h), k.offset);
  }
  void AppendKey(std::string* out) const { AppendOrdered(out, offset.value); }
  bool ParseKey(absl::string_view bytes) {
    return TakeOrdered(&bytes, &offset.value) && bytes.empty();
  }
};
struct DeadLetter {
  std::string reason;
  template <class A>
  void Fields(A& a) {
    a(reason);
  }
};

// What became of a dead letter. One without is waiting for somebody.
struct Resolution {
  Offset by;  // the entry that retried or discarded it
  bool retried = false;
  template <class A>
  void Fields(A& a) {
    a(by, retried);
  }
};
struct ResolutionCounts {
  uint64_t retried = 0;
  uint64_t discarded = 0;
  uint64_t void_entries = 0;  // about no dead letter, or one that somebody has seen to
  template <class A>
  void Fields(A& a) {
    a(retried, discarded, void_entries);
  }
};

// What the partition has been raised to. One that never was has no pair of this.
struct SchemaState {
  uint32_t present = kBaseSchema;
  Offset raised_by{-1};       // the newest entry that raised it
  uint64_t void_entries = 0;  // that would have, and said it of another place or too late
  template <class A>
  void Fields(A& a) {
    a(present, raised_by, void_entries);
  }
};

// Places that the log took for itself: no record is there, and the fold passes them.
struct PlaceCounts {
  uint64_t without_record = 0;
  template <class A>
  void Fields(A& a) {
    a(without_record);
  }
};

class Task {
 public:
  // Opens the task at its newest checkpoint in `store`, or at offset 0 when there is none of this
  // schema. A null `store` starts at 0 and keeps everything in memory. `code_id` names the build.
  static absl::StatusOr<std::unique_ptr<Task>> Open(const Service& service, Partition partition,
                                                    StateStore* store, std::string code_id);

  // The tables of such a task that its cold tier is never asked for single pairs of.
  static std::vector<ScannedTable> ScannedTables(const Service& service);

  const TaskId& id() const { return id_; }
  // The first record that is not folded in.
  Offset next() const { return next_; }
  absl::Time now() const { return progress_.Get().now; }
  const Progress& progress() const { return progress_.Get(); }
  // Whether `value` is the record that was folded last; that of a place without one is empty.
  bool FoldedLast(absl::string_view value) const;

  // From now on the task makes no decisions: for whoever only looks, and sends nothing.
  void OnlyFold() { decides_ = false; }
  // Outlives the task, or is taken off again by null.
  void set_watch(FoldWatch* watch) { watch_ = watch; }

  // Folds the next record. REQUIRES: record.offset == next(). A record that cannot be read, or is
  // newer than the partition's schema, is counted and parked, not an error. FailedPrecondition
  // where the partition is raised beyond what this program knows, DataLoss when a stored pair
  // cannot be read: then the task must not go on, and nothing of it may leave the process.
  // A place without a record takes the task on, and changes nothing else: no time, no decision.
  absl::Status Fold(const Record& record);
  // The same for a record whose entry is at hand; `value` is its serialised form.
  absl::Status FoldEntry(Offset offset, absl::Time timestamp, const v1::Entry& entry,
                         absl::string_view value);

  // What the partition has been raised to.
  uint32_t schema() const { return schema_state_.Get().present; }
  const SchemaState& schema_state() const { return schema_state_.Get(); }
  // FailedPrecondition when the task was opened at a checkpoint of a newer program, beyond a schema
  // that this one does not know: it folds nothing.
  absl::Status CheckKnown() const;

  // The record that was folded last had these headers: what is decided on it goes on in its trace,
  // as far as that is sent by this process.
  void ContinueTraceOf(absl::string_view headers);

  // An entry of a later record: fetches to the cache what folding it will touch. Changes nothing.
  void Expect(const v1::Entry& entry, Ahead ahead) const;

  // Decisions made and not yet settled, in cause order.
  const PendingDecisions& pending() const { return pending_; }
  PendingDecisions& pending() { return pending_; }
  // One of them as a record.
  NewRecord MakeDecision(const PendingDecision& pending, absl::Time at) const;
  absl::Time EarliestTimer() const { return subject_->EarliestTimer(); }
  // The tick that this task wants, as a record of that timestamp; `before` of them are on their
  // way.
  NewRecord MakeTick(absl::Time at, size_t before = 0) const;

  const Digest& digest() { return tables_.digest(); }
  // Pairs changed since the last Collect.
  size_t dirty() const { return tables_.dirty() + pending_.dirty(); }
  // Memory of those.
  size_t dirty_bytes() const { return tables_.dirty_bytes() + pending_.dirty_bytes(); }
  // Memory of all that the task holds: pairs, changed or not, decisions, and what has been
  // collected for a checkpoint that is not complete.
  size_t resident_bytes() const {
    return tables_.resident_bytes() + pending_.resident_bytes() +
           (collecting_.has_value() ? collecting_->pairs.bytes() : 0);
  }
  // What reading brings into memory, and nothing changes, leaves it again when it is more than so
  // much: a record of a hundred bytes may ask for pairs of a million.
  void set_loaded_bytes_max(size_t bytes) { loaded_bytes_max_ = bytes; }
  // Decisions that were not made, for no record could hold them.
  int64_t decisions_too_large() const { return decisions_too_large_; }
  // Records folded since the last collection began.
  int64_t uncollected() const { return next_.value - collected_.value; }
  // DataLoss when a stored pair could not be read.
  absl::Status status() const { return tier_ == nullptr ? absl::OkStatus() : tier_->status(); }
  // All that changed since the last collection, for the store. One collection is in flight at a
  // time: the next one follows Stored().
  TaskCheckpoint Collect();
  // The same in steps, while the task folds on: the checkpoint is of where BeginCollect found it.
  void BeginCollect();
  // Collects up to `most` pairs and takes them off it; nothing until that was all. REQUIRES: a
  // collection has begun.
  std::optional<TaskCheckpoint> CollectSome(size_t* most);
  bool collecting() const { return collecting_.has_value(); }
  // The last collection is durable. Clean pairs leave memory, resting ones first.
  void Stored(size_t bytes_max);

  const incident::State& incidents() const { return incidents_; }
  const Subject& subject() const { return *subject_; }
  Subject& subject() { return *subject_; }
  // Nothing for a source that has no entry here.
  const SourceMark* Mark(const SourceName& source) const { return marks_.Find(source); }
  // Of every source that has one.
  void EachMark(absl::FunctionRef<void(const SourceName&, const SourceMark&)> visit) const {
    marks_.Scan(visit);
  }
  Offset Settled(const ServiceName& service) const;
  // Records that could not be read, and what became of them.
  AppendTable<DeadLetterKey, DeadLetter>& dead_letters() { return dead_letters_; }
  // Those at `from` or after it, in offset order, without a look at the others, until `enough` are
  // seen: the rest of a block of 65,536 records comes along. Answers where to go on; next() when
  // that was all.
  Offset ScanDeadLetters(Offset from, size_t enough,
                         absl::FunctionRef<void(Offset letter, const DeadLetter&)> visit);
  // Null for a letter that waits.
  const Resolution* FindResolution(Offset letter) const {
    return resolutions_.Find(DeadLetterKey{letter});
  }
  const ResolutionCounts& resolution_counts() const { return resolution_counts_.Get(); }
  const PlaceCounts& place_counts() const { return place_counts_.Get(); }

 private:
  Task(const Service& service, Partition partition, std::string code_id);

  // The record becomes a dead letter: the one way that there is.
  absl::Status Park(Offset offset, absl::Time timestamp, absl::string_view value,
                    std::string reason);
  absl::Status RaisedBeyondUs(Offset at, uint32_t to) const;
  absl::Status PassPlace(Offset offset);
  void FoldSource(const v1::SourcePosition& at);
  SourceMark& MarkOf(const std::string& source);
  void BoundLoaded();
  void FoldContent(const incident::Moment& moment, const v1::Entry& entry);
  void FoldFact(const incident::Moment& moment, const v1::Fact& fact, absl::string_view decided_by);
  // What the fold made of a fact: to the subject, and to whoever watches.
  void Tell(const incident::Change& change);
  // The record at that offset says nothing that counts, and waits for somebody.
  void AddDeadLetter(Offset offset, std::string why);
  void FoldDecision(const incident::Moment& moment, const v1::Decision& decision);
  void FoldRetry(const incident::Moment& moment, const v1::DeadLetterRetried& retried);
  void FoldDiscard(const incident::Moment& moment, const v1::DeadLetterDiscarded& discarded);
  void FoldRaise(const incident::Moment& moment, const v1::Entry& entry);
  // Whether the entry may say what becomes of that letter.
  bool Waits(Offset letter);
  void Decide(const incident::Moment& cause);

  const TaskId id_;
  const uint64_t layouts_;  // SchemaOf the service
  const uint32_t knows_;
  const std::string code_id_;
  const std::string ce_source_;
  StateStore* store_ = nullptr;
  std::unique_ptr<TaskTier> tier_;  // none before the task's own first checkpoint
  TableSet tables_;
  Cell<Progress> progress_{tables_, 1};
  incident::State incidents_{tables_};                           // tables 2 to 5
  OrderedTable<ServiceName, SettledCause> settled_{tables_, 6};  // of each decider
  // A city's imports have a name each, and names come from outside: they rest in the cold tier.
  Table<SourceName, SourceMark> marks_{tables_, 7};
  AppendTable<DeadLetterKey, DeadLetter> dead_letters_{tables_, 8};
  Table<DeadLetterKey, Resolution> resolutions_{tables_, 9};
  Cell<ResolutionCounts> resolution_counts_{tables_, 10};
  Cell<SchemaState> schema_state_{tables_, 11};
  Cell<PlaceCounts> place_counts_{tables_, 16};  // no pair before the first such place
  std::unique_ptr<Subject> subject_;
  std::string newest_source_;                // most entries come from the source of the one before
  const SourceMark* newest_mark_ = nullptr;  // of it; null when the tables may have moved it

  Offset next_;
  Offset collected_;
  bool decides_ = true;
  FoldWatch* watch_ = nullptr;
  size_t loaded_bytes_max_ = size_t{1} << 20;  // 1 MiB: some 2,000 pairs
  int64_t decisions_too_large_ = 0;
  std::optional<TaskCheckpoint> collecting_;
  bool replaces_all_ = false;  // the next collection replaces whatever the store holds
  PendingDecisions pending_;
  EntryDecoder decoder_;
  v1::Entry decision_;  // reused
  std::vector<IncidentId> touched_;
};

// Tells layouts of a service's state apart: digests and states of two builds are comparable when it
// is the same.
uint64_t SchemaOf(const Service& service);

// How a position is told to people and machines: "dispatch/3@1204".
std::string Describe(const TaskId& task, Offset offset);

}  // namespace gridledger::engine
