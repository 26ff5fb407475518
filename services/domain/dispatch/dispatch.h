// Dispatch (派遣): which unit answers for a case, and which of its members on duty takes it.
// Decides on facts; never moves a case that somebody has, and never sends to a person whom no
// roster names.
//
// Read from top to bottom: State, Evolve, Decide, queries.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/incident/incident.h"

namespace gridledger::dispatch {

// ---- State --------------------------------------------------------------------------------------

// Incidents with a member, from the dispatch until the closing. A member without any has no pair.
struct Load {
  uint32_t open = 0;
  template <class A>
  void Fields(A& a) {
    a(open);
  }
};

// Who is not asked again about an incident, in the order of their saying no. Forgotten when it ends
// or is reopened.
struct Spared {
  std::vector<MemberCode> declined_by;
  std::vector<UnitCode> returned_by;
  template <class A>
  void Fields(A& a) {
    a(declined_by, returned_by);
  }
};
constexpr size_t kSparedMax =
    64;  // a list; 64 × ~32 B = 2 KB an incident. Later ones may be asked again.

// A case that no unit answers for: the policy names none, not even a default one.
struct Undispatchable {
  absl::Time since;
  template <class A>
  void Fields(A& a) {
    a(since);
  }
};

// A case that waits for a dispatch, and was touched by a record that touched more of them than one
// decision holds. The next tick sends it; whatever touches it before does, too.
struct Postponed {
  absl::Time since;
  template <class A>
  void Fields(A& a) {
    a(since);
  }
};

// Postponed cases that the tick being folded sends. Not a table: it follows from the record and the
// state before it, and is gone with the next record.
struct SentNow {
  Offset record{-1};
  std::vector<IncidentId> cases;
};

struct State {
  explicit State(TableSet& tables)
      : loads(tables, 34), spared(tables, 35), undispatchable(tables, 36), postponed(tables, 37) {}

  OrderedTable<MemberCode, Load> loads;
  OrderedTable<IncidentId, Spared> spared;  // few: all in memory, so that a miss costs no read
  OrderedTable<IncidentId, Undispatchable> undispatchable;
  OrderedTable<IncidentId, Postponed> postponed;
  SentNow sent_now;
};

// ---- Evolve -------------------------------------------------------------------------------------

void EvolveChange(State& state, const incident::State& incidents, const incident::Change& change);
// Takes as many postponed cases as one decision holds, in the order of their ids.
void EvolveTick(State& state, const incident::State& incidents, const incident::Moment& moment);
// Postpones, of the cases that the record touched, those that its decision has no room for.
void EvolveEnd(State& state, const incident::State& incidents, const incident::Moment& moment,
               absl::Span<const IncidentId> touched);
// So many touched cases always have room: 64 × (ten codes and an id of ≤ 256 B) ≈ 180 KB.
constexpr size_t kTouchedFew = 64;

// ---- Decide -------------------------------------------------------------------------------------

// Sends each touched incident that waits for a dispatch (phase kFiled), on a tick each postponed
// one as far as the decision has room, to its unit, and to the member whom Candidates() puts first.
// A paused case waits until it is resumed, which touches it. What has no unit at all gets no
// decision, stands in `undispatchable`, and is tried again at the next touch.
void Decide(const State& state, const incident::State& incidents, const incident::Moment& cause,
            absl::Span<const IncidentId> touched, v1::Decision* decision);

// ---- queries ------------------------------------------------------------------------------------

struct Responsible {
  UnitCode unit;  // empty when no unit answers
  v1::DispatchReason reason = v1::DISPATCH_REASON_UNSPECIFIED;
};
// The unit that has it, for its member may have declined; else the one that the report or the last
// return names, else the responsibility list's (权责清单),
// else the default unit. A unit that returned the incident is passed over in the list, for the
// default one: sending it there again would only be returned again.
Responsible ResponsibleFor(const State& state, const policy::Compiled& policy, const IncidentId& id,
                           const incident::Incident& incident);

struct Candidate {
  MemberCode member;
  uint32_t load = 0;
};
// Who of `unit` can take the incident at `at`: on duty, active, of that unit, and not having
// declined it; the least loaded first, then by code. From the roster of the area, else of the
// community, else of the whole partition: the first of them that has anybody. Empty when nobody can
// (S25: a gap).
std::vector<Candidate> Candidates(const State& state, const incident::Registry& registry,
                                  const UnitCode& unit, const IncidentId& id,
                                  const incident::Incident& incident, absl::Time at);
constexpr size_t kCandidatesMax = 8;  // recorded; 8 × ~20 B keep a dispatch under half a kilobyte

bool OnDuty(const incident::Shift& shift, absl::Time at);
uint32_t LoadOf(const State& state, const MemberCode& member);
// When postponed cases are to be sent; InfiniteFuture when there are none.
absl::Time EarliestTimer(const State& state);

}  // namespace gridledger::dispatch
