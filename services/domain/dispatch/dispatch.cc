#include "services/domain/dispatch/dispatch.h"

#include <absl/container/flat_hash_set.h>
#include <absl/functional/function_ref.h>

#include <algorithm>

#include "services/domain/incident/decision_bytes.h"

namespace gridledger::dispatch {
namespace {

using incident::Incident;
using incident::Member;
using incident::Phase;
using incident::Roster;
using incident::RosterKey;
using incident::Shift;

// The member whose load the incident is; empty for nobody.
MemberCode Holder(Phase phase, const MemberCode& member) {
  const bool held = phase >= Phase::kDispatched && phase <= Phase::kChecked;
  return held ? member : MemberCode();
}

void MoveLoad(State& state, const MemberCode& from, const MemberCode& to) {
  if (from == to) return;
  if (!from.empty()) {
    const Load* load = state.loads.Find(from);
    INVARIANT(load != nullptr && load->open > 0, "a member lets go of what they never had");
    if (load->open == 1) {
      state.loads.Erase(from);
    } else {
      --state.loads.Change(load).open;
    }
  }
  if (!to.empty()) ++state.loads.At(to).open;
}

template <class Code>
void Remember(const Code& code, std::vector<Code>* codes) {
  if (code.empty() || codes->size() >= kSparedMax) return;
  if (std::find(codes->begin(), codes->end(), code) == codes->end()) codes->push_back(code);
}

template <class Code>
bool Contains(const std::vector<Code>& codes, const Code& code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

void KeepSpared(State& state, const IncidentId& id, const incident::Change& change) {
  if (change.fact->has_dispatch_declined()) {
    if (change.before.member.empty()) return;
    Remember(change.before.member, &state.spared.At(id).declined_by);
  } else if (change.fact->has_dispatch_returned()) {
    Remember(change.before.unit, &state.spared.At(id).returned_by);
  } else if (!incident::IsOpen(change.now->phase)) {
    state.spared.Erase(id);
  }
}

Responsible ByRule(const State& state, const policy::Compiled& policy, const IncidentId& id,
                   const Incident& incident) {
  if (!incident.named_unit.empty()) {
    return Responsible{incident.named_unit, v1::DISPATCH_REASON_NAMED_BY_SOURCE};
  }
  const policy::Responsible listed =
      policy.ResponsibleFor(incident.category, incident.community, incident.area);
  if (!listed.by_list) return Responsible{listed.unit, v1::DISPATCH_REASON_RESPONSIBILITY_GAP};
  if (incident.times_returned > 0) {
    const Spared* spared = state.spared.Find(id);
    if (spared != nullptr && Contains(spared->returned_by, listed.unit)) {
      return Responsible{policy.default_unit(), v1::DISPATCH_REASON_RESPONSIBILITY_GAP};
    }
  }
  return Responsible{listed.unit, v1::DISPATCH_REASON_RESPONSIBILITY_LIST};
}

bool WaitsForDispatch(const Incident& incident) {
  return incident.phase == Phase::kFiled && !incident.paused_at.has_value();
}

void KeepUndispatchable(State& state, const incident::State& incidents, const IncidentId& id,
                        const incident::Change& change) {
  const bool stuck = WaitsForDispatch(*change.now) &&
                     ResponsibleFor(state, incidents.policy.now(), id, *change.now).unit.empty();
  if (!stuck) {
    if (!state.undispatchable.empty()) state.undispatchable.Erase(id);
  } else if (state.undispatchable.Find(id) == nullptr) {
    state.undispatchable.Insert(id).since = change.moment.at;
  }
}

// In the order of preference: the fullest detail of place first. A place is asked once.
std::vector<std::string> RosterAreas(const Incident& incident) {
  std::vector<std::string> areas;
  for (const std::string& area : {incident.area.text(), incident.community.text()}) {
    if (!area.empty() && !Contains(areas, area)) areas.push_back(area);
  }
  areas.emplace_back();
  return areas;
}

void AddDispatch(const State& state, const incident::State& incidents,
                 const incident::Moment& cause, const IncidentId& id, const Incident& incident,
                 v1::Decision* decision) {
  const Responsible responsible = ResponsibleFor(state, incidents.policy.now(), id, incident);
  if (responsible.unit.empty()) return;
  const std::vector<Candidate> candidates =
      Candidates(state, incidents.registry, responsible.unit, id, incident, cause.at);
  v1::Fact& fact = *decision->add_facts();
  fact.set_incident_id(id.text());
  fact.set_stage(incident.stage.value);
  v1::IncidentDispatched& dispatched = *fact.mutable_dispatched();
  dispatched.set_unit(responsible.unit.text());
  dispatched.set_reason(responsible.reason);
  if (!candidates.empty()) {
    dispatched.set_member(candidates.front().member.text());
  } else if (responsible.reason != v1::DISPATCH_REASON_RESPONSIBILITY_GAP &&
             incident::HasRoster(incidents.registry, responsible.unit)) {
    // A gap in the list is the graver one, and stays visible; without rosters there is no gap in
    // them.
    dispatched.set_reason(v1::DISPATCH_REASON_ROSTER_GAP);
  }
  for (size_t i = 0; i < candidates.size() && i < kCandidatesMax; ++i) {
    v1::Candidate& recorded = *dispatched.add_candidates();
    recorded.set_member(candidates[i].member.text());
    recorded.set_load(candidates[i].load);
  }
}

// The cases of a record's decision, each once and in order.
void EachWaiting(const incident::State& incidents, absl::Span<const IncidentId> touched,
                 absl::FunctionRef<void(const IncidentId&, const Incident&)> visit) {
  absl::flat_hash_set<absl::string_view>
      seen;  // look-ups only: a record may touch one more than once
  for (const IncidentId& id : touched) {
    const Incident* found = incidents.incidents.Find(id);
    if (found == nullptr || !WaitsForDispatch(*found) || !seen.insert(id.text()).second) continue;
    visit(id, *found);
  }
}

// How much room a dispatch takes in a decision; nothing when it has no unit.
class Room {
 public:
  Room(const State& state, const incident::State& incidents, const incident::Moment& moment)
      : state_(state), incidents_(incidents), moment_(moment) {}

  bool is_left() const { return bytes_ < incident::kDecisionBytesMax; }
  void Take(const IncidentId& id, const Incident& incident) {
    said_.clear_facts();
    AddDispatch(state_, incidents_, moment_, id, incident, &said_);
    // Who says it and when is added to it.
    for (const v1::Fact& fact : said_.facts()) bytes_ += fact.ByteSizeLong() + incident::kFactBytes;
  }

 private:
  const State& state_;
  const incident::State& incidents_;
  const incident::Moment moment_;
  v1::Decision said_;
  size_t bytes_ = 0;
};

}  // namespace

void EvolveChange(State& state, const incident::State& incidents, const incident::Change& change) {
  if (change.verdict != incident::Verdict::kApplied) return;
  const IncidentId id(change.fact->incident_id());
  MoveLoad(state, Holder(change.before.phase, change.before.member),
           Holder(change.now->phase, change.now->member));
  KeepSpared(state, id, change);
  KeepUndispatchable(state, incidents, id, change);
  if (!state.postponed.empty()) state.postponed.Erase(id);
}

void EvolveTick(State& state, const incident::State& incidents, const incident::Moment& moment) {
  if (state.postponed.empty()) return;
  state.sent_now = SentNow{.record = moment.offset, .cases = {}};
  Room room(state, incidents, moment);
  while (room.is_left() && !state.postponed.empty()) {
    const IncidentId id = state.postponed.FirstKey();
    const Incident* found = incidents.incidents.Find(id);
    if (found != nullptr && WaitsForDispatch(*found)) room.Take(id, *found);
    state.postponed.Erase(id);
    state.sent_now.cases.push_back(id);
  }
}

void EvolveEnd(State& state, const incident::State& incidents, const incident::Moment& moment,
               absl::Span<const IncidentId> touched) {
  if (touched.size() <= kTouchedFew) return;
  Room room(state, incidents, moment);
  EachWaiting(incidents, touched, [&](const IncidentId& id, const Incident& incident) {
    if (room.is_left()) {
      room.Take(id, incident);
    } else {
      state.postponed.At(id).since = moment.at;
    }
  });
}

void Decide(const State& state, const incident::State& incidents, const incident::Moment& cause,
            absl::Span<const IncidentId> touched, v1::Decision* decision) {
  const auto send = [&](const IncidentId& id, const Incident& incident) {
    if (state.postponed.Find(id) == nullptr) {
      AddDispatch(state, incidents, cause, id, incident, decision);
    }
  };
  EachWaiting(incidents, touched, send);
  if (state.sent_now.record == cause.offset) EachWaiting(incidents, state.sent_now.cases, send);
  if (!decision->facts().empty())
    decision->set_rule("dispatch: responsible unit, least loaded on duty");
}

Responsible ResponsibleFor(const State& state, const policy::Compiled& policy, const IncidentId& id,
                           const incident::Incident& incident) {
  const Responsible ruled = ByRule(state, policy, id, incident);
  // Its member declined: the unit stays responsible. One that the rule does not name was sent there
  // by hand, or by a list that is no longer in force.
  if (incident.unit.empty() || incident.unit == ruled.unit) return ruled;
  return Responsible{incident.unit, v1::DISPATCH_REASON_BY_HAND};
}

std::vector<Candidate> Candidates(const State& state, const incident::Registry& registry,
                                  const UnitCode& unit, const IncidentId& id,
                                  const incident::Incident& incident, absl::Time at) {
  const Spared* spared = state.spared.Find(id);
  std::vector<Candidate> candidates;
  for (const std::string& area : RosterAreas(incident)) {
    const Roster* roster = registry.rosters.Find(RosterKey{unit, area});
    if (roster == nullptr) continue;
    for (const Shift& shift : roster->shifts) {
      if (!OnDuty(shift, at)) continue;
      const Member* member = registry.members.Find(shift.member);
      if (member == nullptr || !member->active || member->unit != unit) continue;
      if (spared != nullptr && Contains(spared->declined_by, shift.member)) continue;
      candidates.push_back(Candidate{shift.member, LoadOf(state, shift.member)});
    }
    if (!candidates.empty()) break;
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.load != b.load ? a.load < b.load : a.member < b.member;
  });
  // Two shifts of one member may overlap.
  const auto same = [](const Candidate& a, const Candidate& b) { return a.member == b.member; };
  candidates.erase(std::unique(candidates.begin(), candidates.end(), same), candidates.end());
  return candidates;
}

bool OnDuty(const Shift& shift, absl::Time at) {
  constexpr int64_t kMinuteMs = 60'000;
  constexpr int64_t kDayMs = 1440 * kMinuteMs;
  const int64_t offset_ms = shift.utc_offset_minutes * kMinuteMs;
  const int64_t of_day_ms = ((ToMillis(at) % kDayMs + offset_ms) % kDayMs + kDayMs) % kDayMs;
  const int64_t start_ms = shift.start_minute * kMinuteMs;
  const int64_t end_ms = shift.end_minute * kMinuteMs;
  if (start_ms <= end_ms) return start_ms <= of_day_ms && of_day_ms < end_ms;
  return start_ms <= of_day_ms || of_day_ms < end_ms;
}

uint32_t LoadOf(const State& state, const MemberCode& member) {
  const Load* load = state.loads.Find(member);
  return load == nullptr ? 0 : load->open;
}

absl::Time EarliestTimer(const State& state) {
  if (state.postponed.empty()) return absl::InfiniteFuture();
  return state.postponed.Find(state.postponed.FirstKey())->since;
}

}  // namespace gridledger::dispatch
