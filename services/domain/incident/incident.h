// The incident fold: what one fact does to one incident. Every service folds with this same code,
// so all consumers agree on which facts count and which are void. Never decides anything.
//
// State, Evolve, queries; there is no Decide, because nobody owns an incident.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/incident/registry.h"
#include "services/domain/policy/policy.h"

namespace gridledger::incident {

// Where an incident stands in its life. Pausing (挂账/缓办) is beside it: the clock stops, the
// phase stays.
enum class Phase : uint8_t {
  kNone = 0,
  kReported = 1,      // 上报
  kAccepted = 2,      // 受理
  kVerified = 3,      // 核实
  kFiled = 4,         // 立案: waits for a dispatch
  kDispatched = 5,    // 派遣
  kAcknowledged = 6,  // a human has taken it
  kHandling = 7,      // 处置
  kHandled = 8,       // waits for the check
  kChecked = 9,       // 核查 passed, waits for closing
  kClosed = 10,       // 结案
  kRefused = 11,      // 不予受理
  kVoided = 12,       // 作废
  kMerged = 13,       // the same matter as another incident
};
absl::string_view PhaseName(Phase phase);

// Still somebody's work.
constexpr bool IsOpen(Phase phase) { return phase >= Phase::kReported && phase <= Phase::kChecked; }
// A case with a clock, still open.
constexpr bool IsOpenCase(Phase phase) {
  return phase >= Phase::kFiled && phase <= Phase::kChecked;
}

// Why a fact counts for nothing. The numbers are in states and exports: never reuse one.
enum class VoidReason : uint8_t {
  kNone = 0,
  kMalformed = 1,          // no id, no kind, or content that contradicts itself
  kDuplicateReport = 2,    // the incident is there already
  kStaleStage = 3,         // decided on a stage that has passed
  kFutureStage = 4,        // names a stage that the incident has not reached
  kIllegalTransition = 5,  // the phase does not allow it
  kNotConfirmed = 6,       // filed although the verification found nothing
  kPaused = 7,             // the clock stands: resume first
  kNotPaused = 8,
  kCheckerIsHandler = 9,    // whoever handled it neither checks nor closes it
  kNotChecked = 10,         // closed as solved, and no check has passed
  kStaleDeadline = 11,      // speaks of a deadline that is no longer the incident's
  kAlreadyRecorded = 12,    // the warning, miss or level is there already
  kAwaitingFull = 13,       // too many facts wait for this incident's report
  kDuplicateDecision = 14,  // at or below what its service has settled
  kNoChecker = 15,          // a check by nobody who has a name and may check
  kNoSuchIncident = 16,     // merged into one that is not there, or counts for nothing itself
  kNotLonger = 17,          // an extension to a deadline that is not later
  kNotPermitted = 18,       // nobody of that role, or without a name, may say it (speakers.h)
  kNoSuchLevel = 19,        // raised to a level that the ladder in force has not
  kTooLong = 20,            // a text beyond its limit (limits.h)
  kOutOfRange = 21,         // names an instant beyond those of limits.h
  kNoSuchUnit = 22,         // sent by hand to a unit that neither policy nor registry knows
  kNoSuchMember = 23,       // sent by hand to a member whom nobody has registered
  kOutOfService = 24,       // sent by hand to a member who is out of service
  kOtherUnitsMember = 25,   // sent by hand to a member of another unit than the one named
  kUnknownService = 26,     // in a decision of a service that does not decide
};
constexpr int kVoidReasons = 27;
absl::string_view VoidReasonName(VoidReason reason);

// ---- State --------------------------------------------------------------------------------------

struct Incident {
  // First what most facts need: it lies together, and a large city's incidents are far from the
  // processor.
  Stage stage;
  Phase phase = Phase::kNone;
  bool confirmed = true;        // false once a verification found nothing
  bool warned = false;          // of this deadline
  bool missed = false;          // this deadline
  uint32_t level = 0;           // of the ladder reached for this deadline; 0 is none
  uint32_t times_returned = 0;  // 回退
  uint32_t times_reworked = 0;  // 返工次数
  uint32_t times_reopened = 0;
  std::optional<absl::Time> due_at;  // the deadline in force (closing must not be later)
  std::optional<absl::Time> filed_at;
  std::optional<absl::Time> closed_at;  // of the present closing; empty while open
  std::optional<absl::Time> paused_at;  // set while the clock stands
  UnitCode unit;                        // responsible now; empty before dispatch
  MemberCode member;                    // on it now; empty when nobody is

  std::optional<absl::Time> first_acknowledged_at;  // kept across reopening (S26)
  std::optional<absl::Time> dispatched_at;          // the latest
  std::optional<absl::Time> handled_at;             // the latest
  std::optional<absl::Time> named_due_at;           // the report's own
  absl::Time reported_at;
  uint32_t reported_hour = 0;   // 0 to 23, by the clock of the policy that was in force
  uint32_t times_extended = 0;  // 延期
  uint32_t times_paused = 0;    // 挂账/缓办
  uint32_t stars = 0;           // the latest rating; 0 is none
  v1::Disposition disposition = v1::DISPOSITION_UNSPECIFIED;

  CategoryCode category;
  CommunityCode community;
  AreaCode area;
  UnitCode named_unit;  // by the report or by the unit that returned it; empty: by the list
  // Who started or finished handling since the case was filed or reopened, each once, in that
  // order; without those whom a source speaks of.
  std::vector<std::string> handled_by;
  std::string channel;
  std::string merged_into;

  bool Resting() const { return !IsOpen(phase); }
  bool Solved() const { return phase == Phase::kClosed && disposition == v1::DISPOSITION_SOLVED; }
  template <class A>
  void Fields(A& a) {
    a(stage, phase, category, community, area, channel, named_unit, unit, member, handled_by,
      merged_into, reported_at, reported_hour, filed_at, dispatched_at, first_acknowledged_at,
      handled_at, closed_at, due_at, named_due_at, paused_at, times_returned, times_reworked,
      times_reopened, times_extended, times_paused, level, stars, confirmed, warned, missed,
      disposition);
  }
};

// The clock was stopped before the deadline, which moves on with the pause (缓办). One that passed
// before stays missed.
inline bool StandsBefore(const std::optional<absl::Time>& paused_at,
                         const std::optional<absl::Time>& due_at) {
  return paused_at && due_at && *paused_at < *due_at;
}

// Facts that came before their incident's report, in ledger order.
struct Awaiting {
  struct Item {
    int64_t offset = 0;
    std::string fact;  // v1.Fact as the ledger holds it
    template <class A>
    void Fields(A& a) {
      a(offset, fact);
    }
  };
  std::vector<Item> items;
  template <class A>
  void Fields(A& a) {
    a(items);
  }
};
// Of `handled_by`: 16 × ~20 B; further ones are not remembered, and a case has one or two.
constexpr size_t kHandlersMax = 16;
constexpr int kAwaitingMax =
    64;  // an incident; 64 × ~200 B ≈ 13 KB, and a life has about ten facts

constexpr int kFirstVoidReasons = 18;  // that every state counts, as the first layout had them

// Counts of one partition.
struct Counts {
  uint64_t incidents = 0;
  uint64_t open = 0;
  uint64_t closed = 0;
  uint64_t awaiting = 0;  // waiting now
  // By VoidReason. Longer only once a later reason has come: ledgers without one keep the digests
  // that they had before there was one.
  std::vector<uint64_t> voids = std::vector<uint64_t>(kFirstVoidReasons);
  template <class A>
  void Fields(A& a) {
    a(incidents, open, closed, awaiting, voids);
  }
  uint64_t Voids(VoidReason reason) const {
    const auto at = static_cast<size_t>(reason);
    return at < voids.size() ? voids[at] : 0;
  }
};

// When a record counts: its offset, and the partition's time once it was read.
struct Moment {
  Offset offset;
  absl::Time at;
};

enum class Verdict : uint8_t { kApplied = 1, kVoid = 2, kAwaiting = 3 };

// What a fact changed, for those who keep sums: the incident before, as far as sums need it.
struct Before {
  Stage stage;
  Phase phase = Phase::kNone;
  UnitCode unit;
  MemberCode member;
  std::optional<absl::Time> due_at;
  std::optional<absl::Time> closed_at;
  std::optional<absl::Time> paused_at;
  bool filed = false;
  bool solved = false;
};

struct Change {
  Moment moment;
  const v1::Fact* fact = nullptr;
  Verdict verdict = Verdict::kApplied;
  VoidReason reason = VoidReason::kNone;
  Before before = {};  // when applied
  const Incident* now =
      nullptr;  // after the change; null for a void or awaiting fact about an unknown incident
};
using ChangeSink = absl::FunctionRef<void(const Change&)>;

struct State {
  explicit State(TableSet& tables)
      : policy(tables),
        registry(tables),
        incidents(tables, 3),
        awaiting(tables, 4),
        counts(tables, 5) {}

  policy::State policy;
  Registry registry;
  Table<IncidentId, Incident> incidents;
  Table<IncidentId, Awaiting> awaiting;
  Cell<Counts> counts;
};

// ---- Evolve -------------------------------------------------------------------------------------

// Folds one fact. Calls `sink` once for the fact itself and then once for each awaiting fact that
// its report released, in ledger order. `decided_by`: the service in whose decision the fact is.
void Evolve(State& state, const Moment& moment, const v1::Fact& fact, ChangeSink sink,
            absl::string_view decided_by = "");

// Counts a fact that void for another reason than its incident (a decision settled before).
void EvolveVoid(State& state, const Moment& moment, const v1::Fact& fact, VoidReason reason,
                ChangeSink sink);

// ---- queries ------------------------------------------------------------------------------------

// The stage that a fact decided now would name: 0 for an incident that is not there.
Stage PresentStage(const State& state, const IncidentId& id);

// One row of the transition table, for documentation and tests.
struct Transition {
  v1::Fact::KindCase fact;
  absl::string_view name;  // as in Fact.kind
  uint32_t from;           // bits 1 << Phase
  Phase to;                // kNone: the phase stays
  bool moves_stage;
};
const std::vector<Transition>& Transitions();

}  // namespace gridledger::incident
