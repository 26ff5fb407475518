#include "services/history/mapping/lives/life_walk.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "services/base/invariant.h"
#include "services/base/nearest.h"
#include "services/history/mapping/lives/fact_kinds.h"
#include "services/history/mapping/values/columns.h"

namespace gridledger::mapping {
namespace {

using incident::Incident;
using incident::Phase;
using v1::Fact;

// Where a state can bring an incident: the facts of a life's stations, and its other ends.
const std::vector<std::string>& StationNames() {
  static const auto* const names = new std::vector<std::string>{"reported",
                                                                "accepted",
                                                                "verified",
                                                                "filed",
                                                                "dispatched",
                                                                "dispatch_accepted",
                                                                "handling_started",
                                                                "handling_paused",
                                                                "handling_finished",
                                                                "check_passed",
                                                                "closed",
                                                                "refused",
                                                                "voided"};
  return *names;
}

// kNone where it stays.
Phase PhaseAfter(const Fact& fact) {
  for (const incident::Transition& row : incident::Transitions()) {
    if (row.fact == fact.kind_case()) return row.to;
  }
  return Phase::kNone;
}

absl::StatusOr<Target> TargetOf(const std::string& where, const v1::FactRule& rule,
                                const std::string& pause) {
  bool known = false;
  for (const std::string& name : StationNames()) known = known || name == rule.fact();
  if (!known) {
    return MappingError(absl::StrCat(where, ".fact"),
                        absl::StrCat("no state is reached by \"", rule.fact(), "\"",
                                     Instead(rule.fact(), StationNames())));
  }
  Target target;
  if (rule.fact() == "handling_paused") {
    v1::PauseKind kind = v1::PAUSE_KIND_UNSPECIFIED;
    if (!pause.empty() &&
        !v1::PauseKind_Parse(absl::StrCat("PAUSE_KIND_", absl::AsciiStrToUpper(pause)), &kind)) {
      return MappingError(
          absl::StrCat(where, ".pause"),
          absl::StrCat("there is no ", pause, Instead(pause, {"PENDED", "DEFERRED", "AWAITING"})));
    }
    target.fact.mutable_handling_paused()->set_kind(kind);
    return target;
  }
  if (!pause.empty()) {
    return MappingError(absl::StrCat(where, ".pause"), "only \"handling_paused\" has one");
  }
  if (absl::Status status = SetKind(where, rule, &target.fact); !status.ok()) return status;
  target.phase = PhaseAfter(target.fact);
  return target;
}

// Whether the fold takes `fact` where the incident stands.
bool IsLawful(const Incident& now, const Fact& fact) {
  const Fact::KindCase kind = fact.kind_case();
  if (kind == Fact::kHandlingFinished && now.paused_at) return false;
  if (fact.closed().disposition() == v1::DISPOSITION_SOLVED && now.phase != Phase::kChecked) {
    return false;
  }
  for (const incident::Transition& row : incident::Transitions()) {
    if (row.fact == kind) return (row.from & (1u << static_cast<int>(now.phase))) != 0;
  }
  return false;
}

bool IsOver(Phase phase) {
  return phase == Phase::kRefused || phase == Phase::kVoided || phase == Phase::kMerged;
}

absl::StatusOr<std::vector<Target>> StateTargetsOf(const v1::Mapping& mapping) {
  std::vector<Target> targets;
  for (int i = 0; i < mapping.events().states_size(); ++i) {
    const v1::StateRule& state = mapping.events().states(i);
    const std::string where = absl::StrCat("events.states[", i + 1, "]");
    if (state.names().empty()) return MappingError(where, "it names no state");
    if (state.fact().empty()) {
      targets.emplace_back().tells_nothing = true;
      continue;
    }
    v1::FactRule rule;
    rule.set_fact(state.fact());
    rule.set_disposition(state.disposition());
    rule.set_reason(state.reason());
    absl::StatusOr<Target> target = TargetOf(where, rule, state.pause());
    if (!target.ok()) return target.status();
    targets.push_back(*std::move(target));
  }
  for (int i = 0; i < mapping.facts_size(); ++i) {
    const std::string where = absl::StrCat("facts[", i + 1, "]");
    if (mapping.facts(i).fact() == "reported") {
      return MappingError(where, "the first event reports; its time is events.reported_at");
    }
    absl::StatusOr<Target> target = TargetOf(where, mapping.facts(i), "");
    if (!target.ok()) return target.status();
    targets.push_back(*std::move(target));
  }
  return targets;
}

absl::StatusOr<std::vector<Target>> FactTargetsOf(const v1::Mapping& mapping) {
  std::vector<Target> targets;
  for (int i = 1; i < mapping.facts_size(); ++i) {
    Target& target = targets.emplace_back();
    const std::string where = absl::StrCat("facts[", i + 1, "]");
    if (absl::Status status = SetKind(where, mapping.facts(i), &target.fact); !status.ok()) {
      return status;
    }
    target.phase = PhaseAfter(target.fact);
  }
  return targets;
}

}  // namespace

absl::StatusOr<std::vector<Target>> TargetsOf(const v1::Mapping& mapping) {
  return mapping.has_events() ? StateTargetsOf(mapping) : FactTargetsOf(mapping);
}

absl::StatusOr<LifeWalk::Setting> LifeWalk::SettingOf(const v1::Mapping& mapping) {
  absl::StatusOr<std::vector<Target>> targets = TargetsOf(mapping);
  if (!targets.ok()) return targets.status();
  return Setting{.targets = *std::move(targets),
                 .after_closing = mapping.events().after_closing(),
                 .actor = mapping.source(),
                 .default_unit = mapping.incident().unit().default_(),
                 .by_facts = !mapping.has_events()};
}

LifeWalk::LifeWalk(const Setting* setting)
    : targets_(setting->targets),
      after_closing_(setting->after_closing),
      actor_(setting->actor),
      default_unit_(setting->default_unit),
      by_facts_(setting->by_facts) {}

void LifeWalk::Begin(const Observation* observation) {
  INVARIANT(observation->target <= targets_.size(), "an observation of another mapping");
  observation_ = observation;
  target_ = observation->target == 0 ? nullptr : &targets_[observation->target - 1];
  if (target_ != nullptr && target_->tells_nothing) target_ = nullptr;
  told_ = 0;
  ended_ = false;
}

bool LifeWalk::Next(const Incident* now, Fact* fact) {
  if (ended_) return false;
  if (!observation_->report.empty()) {
    ended_ = true;
    // An incident that the ledger has from elsewhere: nothing new. One row an incident, that is for
    // whoever asks for it to be told: the report may be another one.
    return (now == nullptr || by_facts_) && Tell(Fact::kReported, now, fact);
  }
  if (observation_->overtaken) {
    ended_ = true;
    return TellOvertaken(now, fact);
  }
  const Kind kind = now != nullptr       ? by_facts_ ? StepToFact(*now) : Step(*now)
                          : target_ != nullptr ? LastWord(target_->fact.kind_case())
                                         : Fact::KIND_NOT_SET;
  // A fact that came to nothing would be told for ever.
  const uint64_t bit = uint64_t{1} << kind;
  if (kind == Fact::KIND_NOT_SET || (told_ & bit) != 0) {
    ended_ = true;
    return false;
  }
  told_ |= bit;
  return Tell(kind, now, fact);
}

bool LifeWalk::TellOvertaken(const Incident* now, Fact* fact) {
  const bool moves = observation_->target_changed && target_ != nullptr;
  const Kind kind = moves                              ? target_->fact.kind_case()
                    : observation_->unit_changed       ? Fact::kDispatched
                    : observation_->new_due_at_ms != 0 ? Fact::kDeadlineExtended
                                                       : Fact::KIND_NOT_SET;
  if (now == nullptr || kind == Fact::KIND_NOT_SET || kind == Fact::kReported) return false;
  Tell(kind, now, fact);
  // The stage that it was said at has passed; which one that was nobody knows any more.
  fact->set_stage(now->stage.value - 1);
  return true;
}

LifeWalk::Kind LifeWalk::LastWord(Kind kind) {
  ended_ = true;
  return kind;
}

bool LifeWalk::MovesUnit(const Incident& now) const {
  // A service may have sent it elsewhere meanwhile: the source knows where it went.
  return (observation_->unit_changed || (!observation_->unit.empty() && !now.unit.empty())) &&
         (told_ & (uint64_t{1} << Fact::kDispatched)) == 0 &&
         now.unit != UnitCode(observation_->unit);
}

bool LifeWalk::MovesDeadline(const Incident& now) const {
  const int64_t due_at_ms = observation_->new_due_at_ms;
  return due_at_ms != 0 && (told_ & (uint64_t{1} << Fact::kDeadlineExtended)) == 0 &&
         now.due_at != FromMillis(due_at_ms) &&
         // The report's own deadline counts from the filing on.
         (incident::IsOpenCase(now.phase) || now.named_due_at != FromMillis(due_at_ms));
}

LifeWalk::Kind LifeWalk::Step(const Incident& now) {
  const Phase phase = now.phase;
  const Kind goal_kind = target_ == nullptr ? Fact::KIND_NOT_SET : target_->fact.kind_case();
  if (IsOver(phase)) {
    return target_ == nullptr || target_->phase == phase ? Fact::KIND_NOT_SET : LastWord(goal_kind);
  }
  if (target_ != nullptr && IsOver(target_->phase)) return LastWord(goal_kind);
  const bool pauses = goal_kind == Fact::kHandlingPaused;
  if (target_ != nullptr) {
    if (phase == Phase::kClosed && goal_kind != Fact::kClosed) {
      return after_closing_ == v1::AFTER_CLOSING_VOID ? LastWord(goal_kind) : Fact::kReopened;
    }
    if (now.paused_at && !pauses) return Fact::kHandlingResumed;
    if (phase == Phase::kHandled && (pauses || target_->phase < Phase::kHandled)) {
      return Fact::kCheckFailed;
    }
  }
  if (phase < Phase::kHandled && MovesUnit(now)) {
    return phase < Phase::kFiled ? Fact::kFiled : Fact::kDispatched;
  }
  if (incident::IsOpenCase(phase) && MovesDeadline(now)) return Fact::kDeadlineExtended;
  if (const Kind forward = StepForward(now); forward != Fact::KIND_NOT_SET) return forward;
  if (MovesDeadline(now)) return LastWord(Fact::kDeadlineExtended);
  // It is handled, or closed: no unit can be told any more, but the source did.
  return observation_->unit_changed && MovesUnit(now) ? LastWord(Fact::kDispatched)
                                                      : Fact::KIND_NOT_SET;
}

LifeWalk::Kind LifeWalk::StepToFact(const Incident& now) {
  if (target_ == nullptr) return Fact::KIND_NOT_SET;
  const Kind goal_kind = target_->fact.kind_case();
  const bool is_station =
      goal_kind != Fact::kCheckFailed && goal_kind != Fact::kReopened && !IsOver(target_->phase);
  if (IsLawful(now, target_->fact) || !is_station || IsOver(now.phase)) return LastWord(goal_kind);
  if (now.paused_at && now.phase < target_->phase) return Fact::kHandlingResumed;
  const Kind forward = now.phase < target_->phase ? StepForward(now) : Fact::KIND_NOT_SET;
  return forward == Fact::KIND_NOT_SET ? LastWord(goal_kind) : forward;
}

LifeWalk::Kind LifeWalk::StepForward(const Incident& now) {
  if (target_ == nullptr) return Fact::KIND_NOT_SET;
  const Kind goal_kind = target_->fact.kind_case();
  const Phase phase = now.phase;
  if (goal_kind == Fact::kHandlingPaused) {
    if (phase < Phase::kFiled) return Fact::kFiled;
    return now.paused_at ? Fact::KIND_NOT_SET : goal_kind;
  }
  const Phase goal = target_->phase;
  // Back into the queue, to be handled anew.
  if (phase == Phase::kHandling && goal >= Phase::kFiled && goal < Phase::kHandling) {
    return now.unit.empty() ? Fact::KIND_NOT_SET : Fact::kDispatched;
  }
  if (phase >= goal) return Fact::KIND_NOT_SET;
  switch (phase) {
    case Phase::kReported:
      return goal == Phase::kAccepted || goal == Phase::kVerified ? goal_kind : Fact::kFiled;
    case Phase::kAccepted: return goal == Phase::kVerified ? goal_kind : Fact::kFiled;
    case Phase::kVerified: return Fact::kFiled;
    case Phase::kFiled:
      if (!observation_->unit.empty() || !default_unit_.empty()) return Fact::kDispatched;
      return LastWord(goal_kind);  // closing is lawful without a unit; all else is not
    case Phase::kDispatched:
      return goal == Phase::kAcknowledged ? goal_kind : Fact::kHandlingStarted;
    case Phase::kAcknowledged: return Fact::kHandlingStarted;
    case Phase::kHandling: return Fact::kHandlingFinished;
    case Phase::kHandled:
      return target_->fact.closed().disposition() == v1::DISPOSITION_SOLVED ? Fact::kCheckPassed
                                                                            : goal_kind;
    case Phase::kChecked: return goal_kind;
    case Phase::kNone:
    case Phase::kClosed:
    case Phase::kRefused:
    case Phase::kVoided:
    case Phase::kMerged: return Fact::KIND_NOT_SET;
  }
  return Fact::KIND_NOT_SET;
}

bool LifeWalk::Tell(Kind kind, const Incident* now, Fact* fact) {
  if (kind == Fact::kReported && !observation_->report.empty()) {
    INVARIANT(fact->ParseFromString(observation_->report), "an observed report does not parse");
    return true;
  }
  const bool is_goal = target_ != nullptr && kind == target_->fact.kind_case();
  if (is_goal) {
    *fact = target_->fact;
  } else {
    fact->Clear();
  }
  fact->set_incident_id(observation_->incident_id);
  fact->set_happened_at_ms(observation_->happened_at_ms);
  fact->mutable_actor()->set_role(v1::ROLE_SOURCE);
  fact->mutable_actor()->set_code(actor_);
  // What a step back, or the end of a pause, comes to is where the source says that it stands.
  bool told = is_goal && observation_->target_changed;
  const auto reaches = [&](Phase phase) {
    return observation_->target_changed && target_ != nullptr && target_->phase <= phase &&
           target_->phase >= Phase::kFiled;
  };
  switch (kind) {
    case Fact::kDispatched: {
      const std::string& unit = !observation_->unit.empty() ? observation_->unit
                                : !now->unit.empty()        ? now->unit.text()
                                                            : default_unit_;
      fact->mutable_dispatched()->set_unit(unit);
      fact->mutable_dispatched()->set_reason(v1::DISPATCH_REASON_NAMED_BY_SOURCE);
      told = told || observation_->unit_changed || now->phase == Phase::kHandling;
      break;
    }
    case Fact::kDeadlineExtended:
      fact->mutable_deadline_extended()->set_due_at_ms(observation_->new_due_at_ms);
      told = true;
      break;
    case Fact::kFiled: fact->mutable_filed(); break;
    case Fact::kHandlingStarted: fact->mutable_handling_started(); break;
    case Fact::kHandlingFinished: fact->mutable_handling_finished(); break;
    case Fact::kCheckPassed: fact->mutable_check_passed(); break;
    case Fact::kHandlingResumed:
      fact->mutable_handling_resumed();
      told = observation_->target_changed && now->phase == target_->phase;
      break;
    case Fact::kCheckFailed:
      fact->mutable_check_failed();
      told = reaches(Phase::kAcknowledged);
      break;
    case Fact::kReopened:
      fact->mutable_reopened();
      told = reaches(Phase::kFiled);
      break;
    default: break;  // only as a goal
  }
  fact->set_inferred(!told);
  return true;
}

}  // namespace gridledger::mapping
