#include "services/domain/incident/incident.h"

#include <algorithm>

#include "services/domain/incident/limits.h"
#include "services/domain/incident/speakers.h"

namespace gridledger::incident {
namespace {

using v1::Fact;

constexpr uint32_t Bit(Phase phase) { return 1u << static_cast<int>(phase); }
template <class... Phases>
constexpr uint32_t In(Phases... phases) {
  return (Bit(phases) | ...);
}

constexpr uint32_t kUnfiled = In(Phase::kReported, Phase::kAccepted, Phase::kVerified);
constexpr uint32_t kWithUnit = In(Phase::kDispatched, Phase::kAcknowledged, Phase::kHandling);
constexpr uint32_t kCase =
    kWithUnit | In(Phase::kFiled, Phase::kHandled, Phase::kChecked);  // 立案 … before 结案
constexpr uint32_t kOpen = kUnfiled | kCase;

// The life of an incident, row by row. GB/T 30428.8 as far as public sources show it (domain.md
// §2.1).
const std::vector<Transition>& Rows() {
  static const auto* const rows = new std::vector<Transition>{
      {Fact::kReported, "reported", Bit(Phase::kNone), Phase::kReported, true},
      {Fact::kAccepted, "accepted", Bit(Phase::kReported), Phase::kAccepted, true},
      {Fact::kRefused, "refused", kUnfiled, Phase::kRefused, true},
      {Fact::kVerified, "verified", In(Phase::kReported, Phase::kAccepted), Phase::kVerified, true},
      {Fact::kFiled, "filed", kUnfiled, Phase::kFiled, true},
      {Fact::kDispatched, "dispatched", In(Phase::kFiled) | kWithUnit, Phase::kDispatched, true},
      {Fact::kDispatchAccepted, "dispatch_accepted", Bit(Phase::kDispatched), Phase::kAcknowledged,
       true},
      {Fact::kDispatchDeclined, "dispatch_declined", Bit(Phase::kDispatched), Phase::kFiled, true},
      {Fact::kDispatchReturned, "dispatch_returned", In(Phase::kDispatched, Phase::kAcknowledged),
       Phase::kFiled, true},
      {Fact::kHandlingStarted, "handling_started", In(Phase::kDispatched, Phase::kAcknowledged),
       Phase::kHandling, true},
      {Fact::kHandlingPaused, "handling_paused", kCase, Phase::kNone, true},
      {Fact::kHandlingResumed, "handling_resumed", kCase, Phase::kNone, true},
      {Fact::kDeadlineExtended, "deadline_extended", kCase, Phase::kNone, true},
      {Fact::kHandlingFinished, "handling_finished", kWithUnit, Phase::kHandled, true},
      {Fact::kCheckPassed, "check_passed", Bit(Phase::kHandled), Phase::kChecked, true},
      {Fact::kCheckFailed, "check_failed", Bit(Phase::kHandled), Phase::kDispatched, true},
      {Fact::kClosed, "closed", kCase, Phase::kClosed, true},
      {Fact::kVoided, "voided", kOpen, Phase::kVoided, true},
      {Fact::kReopened, "reopened", Bit(Phase::kClosed), Phase::kFiled, true},
      {Fact::kMerged, "merged", kOpen, Phase::kMerged, true},
      {Fact::kRated, "rated", Bit(Phase::kClosed), Phase::kNone, false},
      {Fact::kDeadlineWarned, "deadline_warned", kCase, Phase::kNone, false},
      {Fact::kDeadlineMissed, "deadline_missed", kCase, Phase::kNone, false},
      {Fact::kEscalationRaised, "escalation_raised", kCase, Phase::kNone, false},
  };
  return *rows;
}

const Transition* RowOf(Fact::KindCase kind) {
  // Kind numbers are small: an index built once makes the fold's look-up one load.
  static const auto* const index = [] {
    auto* by_kind = new std::vector<const Transition*>(64, nullptr);
    for (const Transition& row : Rows()) (*by_kind)[row.fact] = &row;
    return by_kind;
  }();
  return kind < static_cast<int>(index->size()) ? (*index)[kind] : nullptr;
}

bool Has(uint32_t phases, Phase phase) { return (phases & Bit(phase)) != 0; }

bool IsHandler(const Incident& incident, const v1::Actor& actor) {
  return !actor.code().empty() && std::find(incident.handled_by.begin(), incident.handled_by.end(),
                                            actor.code()) != incident.handled_by.end();
}

// What makes a fact void whatever it is about. Void before it may wait for its report.
VoidReason ObjectionToWords(const Fact& fact, absl::string_view decided_by) {
  if (!TextsFit(fact)) return VoidReason::kTooLong;
  if (!InstantsFit(fact)) return VoidReason::kOutOfRange;
  if (MaySay(fact, decided_by)) return VoidReason::kNone;
  const bool is_check = fact.has_check_passed() || fact.has_check_failed();
  return is_check ? VoidReason::kNoChecker : VoidReason::kNotPermitted;
}

// Whoever handled it does not check it (S21). A source's word carries no names to compare.
VoidReason ObjectionToChecker(const Incident& incident, const v1::Actor& actor) {
  return actor.role() != v1::ROLE_SOURCE && IsHandler(incident, actor)
             ? VoidReason::kCheckerIsHandler
             : VoidReason::kNone;
}

// By hand a case goes only to a unit and a member that are there. A history goes where it went; and
// the service's own decision stands, too, though its member may have gone out of service since its
// cause: such a member's other cases stay where they are as well, and somebody moves them by hand.
VoidReason ObjectionToReceiver(const State& state, const Fact& fact) {
  const UnitCode unit(fact.dispatched().unit());
  if (!state.policy.now().Knows(unit) && state.registry.units.Find(unit) == nullptr) {
    return VoidReason::kNoSuchUnit;
  }
  if (fact.dispatched().member().empty()) return VoidReason::kNone;
  const Member* member = state.registry.members.Find(fact.dispatched().member());
  if (member == nullptr) return VoidReason::kNoSuchMember;
  if (!member->active) return VoidReason::kOutOfService;
  return member->unit == unit ? VoidReason::kNone : VoidReason::kOtherUnitsMember;
}

// The rules beyond stage and phase. kNone lets the fact through.
VoidReason Objection(const State& state, const Incident& incident, const Fact& fact,
                     bool is_decided) {
  const bool by_hand = !is_decided && fact.actor().role() != v1::ROLE_SOURCE;
  switch (fact.kind_case()) {
    case Fact::kFiled: return incident.confirmed ? VoidReason::kNone : VoidReason::kNotConfirmed;
    case Fact::kHandlingPaused:
      return incident.paused_at.has_value() ? VoidReason::kPaused : VoidReason::kNone;
    case Fact::kHandlingResumed:
      return incident.paused_at.has_value() ? VoidReason::kNone : VoidReason::kNotPaused;
    case Fact::kHandlingFinished:
      return incident.paused_at.has_value() ? VoidReason::kPaused : VoidReason::kNone;
    case Fact::kDispatched:
      if (fact.dispatched().unit().empty()) return VoidReason::kMalformed;
      return by_hand ? ObjectionToReceiver(state, fact) : VoidReason::kNone;
    case Fact::kDeadlineExtended:
      if (fact.deadline_extended().due_at_ms() <= 0) return VoidReason::kMalformed;
      return incident.due_at && fact.deadline_extended().due_at_ms() <= ToMillis(*incident.due_at)
                 ? VoidReason::kNotLonger
                 : VoidReason::kNone;
    case Fact::kCheckPassed:
    case Fact::kCheckFailed: return ObjectionToChecker(incident, fact.actor());
    case Fact::kClosed:
      if (fact.closed().disposition() == v1::DISPOSITION_UNSPECIFIED) return VoidReason::kMalformed;
      if (IsHandler(incident, fact.actor())) return VoidReason::kCheckerIsHandler;
      return fact.closed().disposition() == v1::DISPOSITION_SOLVED &&
                     incident.phase != Phase::kChecked
                 ? VoidReason::kNotChecked
                 : VoidReason::kNone;
    case Fact::kMerged:
      return fact.merged().into().empty() || fact.merged().into() == fact.incident_id()
                 ? VoidReason::kMalformed
                 : VoidReason::kNone;
    case Fact::kRated:
      return fact.rated().stars() < 1 || fact.rated().stars() > 5 ? VoidReason::kMalformed
                                                                  : VoidReason::kNone;
    case Fact::kDeadlineWarned:
      if (!incident.due_at || ToMillis(*incident.due_at) != fact.deadline_warned().due_at_ms()) {
        return VoidReason::kStaleDeadline;
      }
      return incident.warned ? VoidReason::kAlreadyRecorded : VoidReason::kNone;
    case Fact::kDeadlineMissed:
      if (!incident.due_at || ToMillis(*incident.due_at) != fact.deadline_missed().due_at_ms()) {
        return VoidReason::kStaleDeadline;
      }
      return incident.missed ? VoidReason::kAlreadyRecorded : VoidReason::kNone;
    case Fact::kEscalationRaised:
      if (!incident.missed) return VoidReason::kStaleDeadline;
      if (fact.escalation_raised().level() < 1 ||
          fact.escalation_raised().level() > state.policy.now().ladder().size()) {
        return VoidReason::kNoSuchLevel;
      }
      return fact.escalation_raised().level() <= incident.level ? VoidReason::kAlreadyRecorded
                                                                : VoidReason::kNone;
    case Fact::kReported:
    case Fact::kAccepted:
    case Fact::kRefused:
    case Fact::kVerified:
    case Fact::kDispatchAccepted:
    case Fact::kDispatchDeclined:
    case Fact::kDispatchReturned:
    case Fact::kHandlingStarted:
    case Fact::kVoided:
    case Fact::kReopened: return VoidReason::kNone;
    case Fact::KIND_NOT_SET: return VoidReason::kMalformed;
  }
  return VoidReason::kMalformed;
}

// A new deadline opens a new account of warnings and levels.
void SetDeadline(Incident& incident, absl::Time named_at) {
  const absl::Time due_at = NotBeyond(named_at);
  if (incident.due_at == due_at) return;
  incident.due_at = due_at;
  incident.warned = incident.missed = false;
  incident.level = 0;
}

// A paused clock leaves the distance to the deadline as it was.
void EndPause(Incident& incident, absl::Time at) {
  if (!incident.paused_at) return;
  if (StandsBefore(incident.paused_at, incident.due_at)) {
    SetDeadline(incident, *incident.due_at + (at - *incident.paused_at));
  }
  incident.paused_at.reset();
}

void File(const policy::Compiled& policy, Incident& incident, const v1::IncidentFiled& filed,
          absl::Time at) {
  incident.filed_at = at;
  if (filed.due_at_ms() != 0) {
    SetDeadline(incident, FromMillis(filed.due_at_ms()));
  } else if (incident.named_due_at) {
    SetDeadline(incident, *incident.named_due_at);
  } else if (const auto limit = policy.Limit(incident.category)) {
    SetDeadline(incident, at + *limit);
  }
}

void Acknowledge(Incident& incident, absl::Time at) {
  if (!incident.first_acknowledged_at) incident.first_acknowledged_at = at;
}

void RememberHandler(Incident& incident, const v1::Actor& actor) {
  if (actor.role() == v1::ROLE_SOURCE || actor.code().empty() || IsHandler(incident, actor) ||
      incident.handled_by.size() >= kHandlersMax) {
    return;
  }
  incident.handled_by.push_back(actor.code());
}

void Mutate(const policy::Compiled& policy, Incident& incident, const Fact& fact, absl::Time at) {
  switch (fact.kind_case()) {
    case Fact::kReported: {
      const v1::IncidentReported& reported = fact.reported();
      incident.category = CategoryCode(reported.category());
      incident.community = CommunityCode(reported.community());
      incident.area = AreaCode(reported.area());
      incident.channel = reported.channel();
      incident.named_unit = UnitCode(reported.unit());
      incident.reported_at = at;
      incident.reported_hour = static_cast<uint32_t>(policy.zone().HourAt(at));
      if (reported.due_at_ms() != 0) incident.named_due_at = FromMillis(reported.due_at_ms());
      break;
    }
    case Fact::kAccepted:
    case Fact::kRefused:
    case Fact::kVoided: break;
    case Fact::kVerified: incident.confirmed = fact.verified().confirmed(); break;
    case Fact::kFiled: File(policy, incident, fact.filed(), at); break;
    case Fact::kDispatched:
      incident.unit = UnitCode(fact.dispatched().unit());
      incident.member = MemberCode(fact.dispatched().member());
      incident.dispatched_at = at;
      break;
    case Fact::kDispatchAccepted: Acknowledge(incident, at); break;
    case Fact::kHandlingStarted:
      Acknowledge(incident, at);
      RememberHandler(incident, fact.actor());
      break;
    case Fact::kDispatchDeclined: incident.member = MemberCode(); break;
    case Fact::kDispatchReturned:
      ++incident.times_returned;
      incident.named_unit = UnitCode(fact.dispatch_returned().next_owner());
      incident.unit = UnitCode();
      incident.member = MemberCode();
      break;
    case Fact::kHandlingPaused:
      incident.paused_at = at;
      ++incident.times_paused;
      break;
    case Fact::kHandlingResumed: EndPause(incident, at); break;
    case Fact::kDeadlineExtended:
      ++incident.times_extended;
      SetDeadline(incident, FromMillis(fact.deadline_extended().due_at_ms()));
      break;
    case Fact::kHandlingFinished:
      Acknowledge(incident, at);
      incident.handled_at = at;
      RememberHandler(incident, fact.actor());
      break;
    case Fact::kCheckPassed: break;
    case Fact::kCheckFailed: ++incident.times_reworked; break;
    case Fact::kClosed:
      EndPause(incident, at);
      incident.closed_at = at;
      incident.disposition = fact.closed().disposition();
      break;
    case Fact::kReopened:
      ++incident.times_reopened;
      incident.closed_at.reset();
      incident.disposition = v1::DISPOSITION_UNSPECIFIED;
      incident.handled_by.clear();
      incident.unit = UnitCode();
      incident.member = MemberCode();
      // The category's limit runs anew; a deadline that somebody named stays what it was.
      if (const auto limit = policy.Limit(incident.category); limit && !incident.named_due_at) {
        SetDeadline(incident, at + *limit);
      }
      break;
    case Fact::kMerged: incident.merged_into = fact.merged().into(); break;
    case Fact::kRated: incident.stars = fact.rated().stars(); break;
    case Fact::kDeadlineWarned: incident.warned = true; break;
    case Fact::kDeadlineMissed: incident.missed = true; break;
    case Fact::kEscalationRaised: incident.level = fact.escalation_raised().level(); break;
    case Fact::KIND_NOT_SET: INVARIANT(false, "a fact without a kind has no transition");
  }
}

void Count(State& state, Phase from, Phase to) {
  if (from == to) return;
  Counts& counts = state.counts.Change();
  if (from == Phase::kNone) ++counts.incidents;
  if (IsOpen(from) != IsOpen(to)) IsOpen(to) ? ++counts.open : --counts.open;
  if ((from == Phase::kClosed) != (to == Phase::kClosed)) {
    to == Phase::kClosed ? ++counts.closed : --counts.closed;
  }
}

Before Snapshot(const Incident& incident) {
  return Before{.stage = incident.stage,
                .phase = incident.phase,
                .unit = incident.unit,
                .member = incident.member,
                .due_at = incident.due_at,
                .closed_at = incident.closed_at,
                .paused_at = incident.paused_at,
                .filed = incident.filed_at.has_value(),
                .solved = incident.Solved()};
}

// What a merged incident counts as from now on must count itself, and be of this partition: of
// another one, nothing is known here (law L1).
bool MayTakeIn(const State& state, const std::string& into) {
  const Incident* target = state.incidents.Find(into);
  return target != nullptr && target->phase != Phase::kVoided && target->phase != Phase::kMerged &&
         target->phase != Phase::kRefused;
}

void Park(State& state, const Moment& moment, const Fact& fact, ChangeSink sink) {
  if (fact.ByteSizeLong() > kAwaitingBytesMax) {
    return EvolveVoid(state, moment, fact, VoidReason::kTooLong, sink);
  }
  const IncidentId id(fact.incident_id());
  const Awaiting* found = state.awaiting.Find(id);
  if (found != nullptr && found->items.size() >= kAwaitingMax) {
    return EvolveVoid(state, moment, fact, VoidReason::kAwaitingFull, sink);
  }
  Awaiting& awaiting = found == nullptr ? state.awaiting.Insert(id) : state.awaiting.Change(found);
  awaiting.items.push_back(Awaiting::Item{moment.offset.value, fact.SerializeAsString()});
  ++state.counts.Change().awaiting;
  sink(Change{.moment = moment, .fact = &fact, .verdict = Verdict::kAwaiting});
}

// Judges and applies a fact of an incident that is there, or the report that makes it.
VoidReason Apply(State& state, const Moment& moment, const Fact& fact, const Transition& row,
                 const Incident* incident, bool any_stage, bool is_decided, ChangeSink sink) {
  static const Incident* const kNobody = new Incident;
  const Incident& old = incident == nullptr ? *kNobody : *incident;
  if (!any_stage && fact.stage() != old.stage.value) {
    return fact.stage() < old.stage.value ? VoidReason::kStaleStage : VoidReason::kFutureStage;
  }
  if (!Has(row.from, old.phase)) return VoidReason::kIllegalTransition;
  if (const VoidReason no = Objection(state, old, fact, is_decided); no != VoidReason::kNone)
    return no;
  if (fact.has_merged() && !MayTakeIn(state, fact.merged().into())) {
    return VoidReason::kNoSuchIncident;
  }

  Change change{.moment = moment, .fact = &fact, .before = Snapshot(old)};
  Incident& now = incident == nullptr ? state.incidents.Insert(IncidentId(fact.incident_id()))
                                      : state.incidents.Change(incident);
  Mutate(state.policy.now(), now, fact, moment.at);
  if (row.to != Phase::kNone) now.phase = row.to;
  if (row.moves_stage) now.stage = now.stage.Next();
  if (now.phase == Phase::kVoided || now.phase == Phase::kMerged || now.phase == Phase::kRefused) {
    now.paused_at.reset();
  }
  Count(state, change.before.phase, now.phase);
  change.now = &now;
  sink(change);
  return VoidReason::kNone;
}

// The report has come: what waited for it is judged now, in ledger order. Facts that name a later
// stage, or no stage and come too early in the life, get further passes, as long as a pass applies
// something; what is left is void.
void Release(State& state, const Moment& moment, const IncidentId& id, ChangeSink sink) {
  const Awaiting* found = state.awaiting.Find(id);
  if (found == nullptr) return;
  std::vector<Awaiting::Item> waiting = found->items;
  state.awaiting.Erase(id);
  state.counts.Change().awaiting -= waiting.size();
  Fact fact;
  const auto judge = [&](const Awaiting::Item& item) {
    INVARIANT(fact.ParseFromString(item.fact), "an awaiting fact does not parse");
    const Incident* incident = state.incidents.Find(id);
    // Stage 0 on an awaiting fact: its author knew of no stage, only the transition judges it.
    return Apply(state, moment, fact, *RowOf(fact.kind_case()), incident, fact.stage() == 0,
                 /*is_decided=*/false, sink);
  };
  for (bool progress = true; progress && !waiting.empty();) {
    progress = false;
    std::vector<Awaiting::Item> still;
    for (const Awaiting::Item& item : waiting) {
      const VoidReason no = judge(item);
      if (no == VoidReason::kNone) {
        progress = true;
      } else if (no == VoidReason::kFutureStage ||
                 (no == VoidReason::kIllegalTransition && fact.stage() == 0)) {
        still.push_back(item);
      } else {
        EvolveVoid(state, moment, fact, no, sink);
      }
    }
    waiting = std::move(still);
  }
  for (const Awaiting::Item& item : waiting) {
    EvolveVoid(state, moment, fact, judge(item), sink);
  }
}

}  // namespace

void Evolve(State& state, const Moment& moment, const v1::Fact& fact, ChangeSink sink,
            absl::string_view decided_by) {
  const Transition* row = RowOf(fact.kind_case());
  if (row == nullptr || fact.incident_id().empty()) {
    return EvolveVoid(state, moment, fact, VoidReason::kMalformed, sink);
  }
  if (const VoidReason no = ObjectionToWords(fact, decided_by); no != VoidReason::kNone) {
    return EvolveVoid(state, moment, fact, no, sink);
  }
  const Incident* incident = state.incidents.Find(fact.incident_id());
  const bool is_report = fact.kind_case() == Fact::kReported;
  if (incident == nullptr && !is_report) return Park(state, moment, fact, sink);
  if (incident != nullptr && is_report) {
    return EvolveVoid(state, moment, fact, VoidReason::kDuplicateReport, sink);
  }
  const VoidReason no =
      Apply(state, moment, fact, *row, incident, /*any_stage=*/false, !decided_by.empty(), sink);
  if (no != VoidReason::kNone) return EvolveVoid(state, moment, fact, no, sink);
  if (is_report && state.counts.Get().awaiting > 0) {
    Release(state, moment, IncidentId(fact.incident_id()), sink);
  }
}

void EvolveVoid(State& state, const Moment& moment, const v1::Fact& fact, VoidReason reason,
                ChangeSink sink) {
  std::vector<uint64_t>& voids = state.counts.Change().voids;
  const auto at = static_cast<size_t>(reason);
  if (voids.size() <= at) voids.resize(at + 1);
  ++voids[at];
  sink(Change{.moment = moment,
              .fact = &fact,
              .verdict = Verdict::kVoid,
              .reason = reason,
              .now = state.incidents.Find(fact.incident_id())});
}

Stage PresentStage(const State& state, const IncidentId& id) {
  const Incident* incident = state.incidents.Find(id);
  return incident == nullptr ? Stage{} : incident->stage;
}

const std::vector<Transition>& Transitions() { return Rows(); }

absl::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kNone: return "none";
    case Phase::kReported: return "reported";
    case Phase::kAccepted: return "accepted";
    case Phase::kVerified: return "verified";
    case Phase::kFiled: return "filed";
    case Phase::kDispatched: return "dispatched";
    case Phase::kAcknowledged: return "acknowledged";
    case Phase::kHandling: return "handling";
    case Phase::kHandled: return "handled";
    case Phase::kChecked: return "checked";
    case Phase::kClosed: return "closed";
    case Phase::kRefused: return "refused";
    case Phase::kVoided: return "voided";
    case Phase::kMerged: return "merged";
  }
  return "unknown";
}

absl::string_view VoidReasonName(VoidReason reason) {
  switch (reason) {
    case VoidReason::kNone: return "none";
    case VoidReason::kMalformed: return "malformed";
    case VoidReason::kDuplicateReport: return "duplicate report";
    case VoidReason::kStaleStage: return "stale stage";
    case VoidReason::kFutureStage: return "future stage";
    case VoidReason::kIllegalTransition: return "illegal transition";
    case VoidReason::kNotConfirmed: return "not confirmed";
    case VoidReason::kPaused: return "paused";
    case VoidReason::kNotPaused: return "not paused";
    case VoidReason::kCheckerIsHandler: return "checker is handler";
    case VoidReason::kNotChecked: return "not checked";
    case VoidReason::kStaleDeadline: return "stale deadline";
    case VoidReason::kAlreadyRecorded: return "already recorded";
    case VoidReason::kAwaitingFull: return "too many parked";
    case VoidReason::kDuplicateDecision: return "duplicate decision";
    case VoidReason::kNoChecker: return "no checker";
    case VoidReason::kNoSuchIncident: return "no such incident";
    case VoidReason::kNotLonger: return "not a longer limit";
    case VoidReason::kNotPermitted: return "not permitted";
    case VoidReason::kNoSuchLevel: return "no such level";
    case VoidReason::kTooLong: return "too long";
    case VoidReason::kOutOfRange: return "out of range";
    case VoidReason::kNoSuchUnit: return "no such unit";
    case VoidReason::kNoSuchMember: return "no such member";
    case VoidReason::kOutOfService: return "out of service";
    case VoidReason::kOtherUnitsMember: return "member of another unit";
    case VoidReason::kUnknownService: return "unknown service";
  }
  return "unknown";
}

}  // namespace gridledger::incident
