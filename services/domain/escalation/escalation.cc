#include "services/domain/escalation/escalation.h"

#include <algorithm>
#include <utility>

namespace gridledger::escalation {
namespace {

using incident::DueKey;
using incident::Incident;
using incident::IsOpenCase;

struct Next {
  Alarm alarm;
  absl::Time at;
};
// The next timer of a deadline that has come as far as `watch` says.
std::optional<Next> NextTimer(const policy::Compiled& policy, const Watch& watch) {
  if (!watch.yellow && !watch.missed) {
    const auto yellow_at = YellowAt(watch.began_at, watch.due_at, policy.warn_percent());
    if (yellow_at) return Next{Alarm::kYellow, *yellow_at};
  }
  const absl::Time missed_at = watch.due_at + absl::Milliseconds(1);
  if (!watch.missed) return Next{Alarm::kMissed, missed_at};
  if (watch.level >= policy.ladder().size()) return std::nullopt;
  return Next{Alarm::kLevel,
              std::max(missed_at, watch.due_at + policy.ladder()[watch.level].after)};
}

void CancelTimer(State& state, const IncidentId& id, Watch& watch) {
  if (!watch.timer_at) return;
  state.timers.Erase(DueKey{*watch.timer_at, id});
  watch.timer_at.reset();
}

void SetTimer(State& state, const policy::Compiled& policy, const IncidentId& id, Watch& watch) {
  const std::optional<Next> next = NextTimer(policy, watch);
  if (!next) return;
  watch.timer_alarm = next->alarm;
  watch.timer_at = FromMillis(ToMillis(next->at));  // what the table's bytes can hold
  state.timers.Insert(DueKey{*watch.timer_at, id});
}

// Begins an account at what the incident says, with nothing owed.
void Restart(State& state, const policy::Compiled& policy, const IncidentId& id, Watch& watch,
             const Incident& incident) {
  CancelTimer(state, id, watch);
  watch.due_at = *incident.due_at;
  watch.yellow = incident.warned;
  watch.missed = incident.missed;
  watch.level = incident.level;
  watch.owes_yellow = watch.owes_missed = false;
  watch.owes_level = 0;
  if (!incident.paused_at) SetTimer(state, policy, id, watch);
}

void Open(State& state, const policy::Compiled& policy, const IncidentId& id,
          const incident::Change& change) {
  Watch& watch = state.watches.Insert(id);
  const bool limit_anew = change.fact->has_reopened() && change.now->due_at != change.before.due_at;
  watch.began_at = limit_anew ? change.moment.at : change.now->filed_at.value_or(change.moment.at);
  Restart(state, policy, id, watch, *change.now);
}

// What the incident holds by now is owed no longer, nor is a level that no policy knows any more.
void Settle(const policy::Compiled& policy, Watch& watch, const Incident& incident) {
  if (incident.warned) watch.owes_yellow = false;
  if (incident.missed) watch.owes_missed = false;
  watch.owes_level = std::min(watch.owes_level, static_cast<uint32_t>(policy.ladder().size()));
  if (incident.level >= watch.owes_level) watch.owes_level = 0;
}

// Somebody else has said it first, e.g. a person who raised a case by hand: go on from there.
void CatchUp(State& state, const policy::Compiled& policy, const IncidentId& id, Watch& watch,
             const Incident& incident) {
  CancelTimer(state, id, watch);
  watch.yellow = watch.yellow || incident.warned;
  watch.missed = watch.missed || incident.missed;
  watch.level = std::max(watch.level, incident.level);
  SetTimer(state, policy, id, watch);
}

bool IsBehind(const Watch& watch, const Incident& incident) {
  return (incident.warned && !watch.yellow) || (incident.missed && !watch.missed) ||
         incident.level > watch.level;
}

DueNow& DueIn(State& state, const incident::Moment& moment) {
  DueNow& due = state.due_now;
  if (due.record != moment.offset) {
    due.record = moment.offset;
    due.items.clear();
    due.bytes = 0;
  }
  return due;
}

void AddItem(DueNow& due, const policy::Compiled& policy, DueNow::Item item) {
  due.bytes += incident::kFactBytes + item.id.text().size();
  if (item.alarm == Alarm::kLevel && item.level >= 1 && item.level <= policy.ladder().size()) {
    due.bytes += policy.ladder()[item.level - 1].post.size();
  }
  due.items.push_back(std::move(item));
}

void AddOwed(DueNow& due, const policy::Compiled& policy, const IncidentId& id, Watch& watch,
             const Incident& incident) {
  watch.owed_on = incident.stage;
  if (watch.owes_yellow) AddItem(due, policy, DueNow::Item{id, Alarm::kYellow});
  if (watch.owes_missed) AddItem(due, policy, DueNow::Item{id, Alarm::kMissed});
  for (uint32_t level = incident.level; level < watch.owes_level; ++level) {
    AddItem(due, policy, DueNow::Item{id, Alarm::kLevel, level + 1});
  }
}

// The stage moved under what is owed: it has to be said again, now or, when the record moved more
// cases than a decision holds, on a tick.
void SayAgain(State& state, const policy::Compiled& policy, const incident::Moment& moment,
              const IncidentId& id, Watch& watch, const Incident& incident) {
  DueNow& due = DueIn(state, moment);
  if (due.bytes >= incident::kDecisionBytesMax) {
    CancelTimer(state, id, watch);
    watch.timer_alarm = Alarm::kAgain;
    watch.timer_at = FromMillis(ToMillis(moment.at));
    state.timers.Insert(DueKey{*watch.timer_at, id});
    return;
  }
  std::erase_if(due.items, [&](const DueNow::Item& item) { return item.id == id; });
  AddOwed(due, policy, id, watch, incident);
}

void Fire(DueNow& due, const policy::Compiled& policy, const IncidentId& id, Watch& watch,
          const Incident& incident) {
  switch (watch.timer_alarm) {
    case Alarm::kAgain: return AddOwed(due, policy, id, watch, incident);
    case Alarm::kYellow: watch.yellow = watch.owes_yellow = true; break;
    case Alarm::kMissed: watch.missed = watch.owes_missed = true; break;
    case Alarm::kLevel:
      if (watch.level >= policy.ladder().size())
        return;  // a policy since then has a shorter ladder
      watch.owes_level = ++watch.level;
      break;
  }
  AddItem(due, policy, DueNow::Item{id, watch.timer_alarm, watch.level});
}

bool Owes(const policy::Compiled& policy, const Watch& watch, const DueNow::Item& item) {
  switch (item.alarm) {
    case Alarm::kYellow: return watch.owes_yellow;
    case Alarm::kMissed: return watch.owes_missed;
    case Alarm::kLevel:  // of the ladder in force: an earlier one may have been longer
      return item.level >= 1 && item.level <= watch.owes_level &&
             item.level <= policy.ladder().size();
    case Alarm::kAgain: break;
  }
  return false;
}

void Say(const DueNow::Item& item, const Incident& incident, const policy::Compiled& policy,
         v1::Decision* decision) {
  v1::Fact& fact = *decision->add_facts();
  fact.set_incident_id(item.id.text());
  fact.set_stage(incident.stage.value);
  switch (item.alarm) {
    case Alarm::kYellow:
      fact.mutable_deadline_warned()->set_light(v1::LIGHT_YELLOW);
      fact.mutable_deadline_warned()->set_due_at_ms(ToMillis(*incident.due_at));
      break;
    case Alarm::kMissed:
      fact.mutable_deadline_missed()->set_due_at_ms(ToMillis(*incident.due_at));
      break;
    case Alarm::kLevel:
      fact.mutable_escalation_raised()->set_level(item.level);
      fact.mutable_escalation_raised()->set_post(policy.ladder()[item.level - 1].post);
      break;
    case Alarm::kAgain: break;  // for timers only
  }
}

}  // namespace

void EvolveChange(State& state, const incident::State& incidents, const incident::Change& change) {
  if (change.verdict != incident::Verdict::kApplied) return;
  const Incident& now = *change.now;
  const bool was_watched = IsOpenCase(change.before.phase) && change.before.due_at.has_value();
  const bool is_watched = IsOpenCase(now.phase) && now.due_at.has_value();
  if (!was_watched && !is_watched) return;
  const policy::Compiled& policy = incidents.policy.now();
  const IncidentId id(change.fact->incident_id());
  if (!was_watched) return Open(state, policy, id, change);

  const Watch* found = state.watches.Find(id);
  INVARIANT(found != nullptr, "an open case with a deadline is not watched");
  if (!is_watched) {
    CancelTimer(state, id, state.watches.Change(found));
    return state.watches.Erase(id);
  }
  const bool clock_moved = change.before.paused_at.has_value() != now.paused_at.has_value();
  if (clock_moved || *now.due_at != found->due_at) {
    Watch& watch = state.watches.Change(found);
    // The time that the clock stood is no part of the span whose share the yellow light waits for.
    if (change.fact->has_handling_resumed()) watch.began_at += *now.due_at - watch.due_at;
    return Restart(state, policy, id, watch, now);
  }
  if (!now.paused_at && IsBehind(*found, now)) {
    CatchUp(state, policy, id, state.watches.Change(found), now);
  }
  if (!found->OwesAnything()) return;
  Watch& watch = state.watches.Change(found);
  Settle(policy, watch, now);
  if (watch.OwesAnything() && watch.owed_on != now.stage) {
    SayAgain(state, policy, change.moment, id, watch, now);
  }
}

void EvolveTick(State& state, const incident::State& incidents, const incident::Moment& moment) {
  DueNow& due = DueIn(state, moment);
  const policy::Compiled& policy = incidents.policy.now();
  for (int fired = 0; fired < kTimersPerTickMax && due.bytes < incident::kDecisionBytesMax &&
                      !state.timers.empty();
       ++fired) {
    const DueKey first = state.timers.FirstKey();
    if (first.due_at > moment.at) return;
    const Watch* found = state.watches.Find(first.id);
    const Incident* incident = incidents.incidents.Find(first.id);
    INVARIANT(found != nullptr && incident != nullptr, "a timer of a case that is not there");
    Watch& watch = state.watches.Change(found);
    CancelTimer(state, first.id, watch);
    watch.owed_on = incident->stage;
    Fire(due, policy, first.id, watch, *incident);
    SetTimer(state, policy, first.id, watch);
  }
}

void Decide(const State& state, const incident::State& incidents, const incident::Moment& cause,
            v1::Decision* decision) {
  if (state.due_now.record != cause.offset) return;
  for (const DueNow::Item& item : state.due_now.items) {
    const Watch* watch = state.watches.Find(item.id);
    if (watch == nullptr || !Owes(incidents.policy.now(), *watch, item))
      continue;  // the same record has settled it
    const Incident* incident = incidents.incidents.Find(item.id);
    INVARIANT(incident != nullptr && incident->due_at, "something is owed to a case that is none");
    Say(item, *incident, incidents.policy.now(), decision);
  }
  if (!decision->facts().empty()) decision->set_rule("escalation: warning, deadline, ladder");
}

absl::Time EarliestTimer(const State& state) {
  return state.timers.empty() ? absl::InfiniteFuture() : state.timers.FirstKey().due_at;
}

std::optional<absl::Time> YellowAt(absl::Time began_at, absl::Time due_at, int warn_percent) {
  if (warn_percent <= 0 || due_at <= began_at) return std::nullopt;
  const int64_t left_percent = 100 - std::min(warn_percent, 100);
  const int64_t span_ms = absl::ToInt64Milliseconds(due_at - began_at);
  // span × percent / 100 without leaving 64 bits, whatever deadline somebody names.
  const int64_t left_ms = span_ms / 100 * left_percent + span_ms % 100 * left_percent / 100;
  const absl::Time yellow_at = due_at - absl::Milliseconds(left_ms);
  if (yellow_at <= began_at) return std::nullopt;
  return yellow_at;
}

}  // namespace gridledger::escalation
