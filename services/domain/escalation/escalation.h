// Escalation: warning lights, missed deadlines and the ladder of authority (预警、超期、督办).
// Decides on ticks, that is when time itself is a record; never on a clock, and never tells
// anybody.
//
// A case with a running deadline D has one timer, for the next of
//   yellow   D less (100 − warn_percent) % of the time from its beginning to D
//   missed   D + 1 ms: closing at the deadline's own instant is on time
//   level k  D + the ladder's k-th delay, though not before the miss
// Timers are derived: set and cancelled by what the ledger says about the case, so that none is
// ever lost in a crash or left over from an earlier deadline. Acknowledging does not stop the
// ladder: it climbs on the *deadline*, which only closing, voiding, merging, pausing or another
// deadline settles. A new policy moves no timer that is set; those set later, and the posts told,
// follow the new one.
//
// Read from top to bottom: State, Evolve, Decide, queries.
#pragma once

#include <absl/time/time.h>
#include <absl/types/span.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/incident/decision_bytes.h"
#include "services/domain/incident/due_key.h"
#include "services/domain/incident/incident.h"

namespace gridledger::escalation {

// ---- State --------------------------------------------------------------------------------------

// What a timer is for.
enum class Alarm : uint8_t {
  kYellow = 1,
  kMissed = 2,
  kLevel = 3,
  kAgain = 4,  // to say again what is owed, for a decision that was full
};

// One open case that has, or had, a deadline.
struct Watch {
  absl::Time due_at;    // the deadline that all of this is about
  absl::Time began_at;  // filing, or the reopening that gave it a limit anew; later by each pause
  // The timer that is set; nothing while the clock stands and when nothing more can happen.
  std::optional<absl::Time> timer_at;
  Alarm timer_alarm = Alarm::kYellow;
  // How far its timers have fired for this deadline.
  bool yellow = false;
  bool missed = false;
  uint32_t level = 0;
  // Fired and not yet in the incident, for a deciding record lies between the two.
  bool owes_yellow = false;
  bool owes_missed = false;
  uint32_t owes_level = 0;  // the highest one; 0 for none
  Stage owed_on;            // the stage that the latest decision about it named

  bool OwesAnything() const { return owes_yellow || owes_missed || owes_level > 0; }
  template <class A>
  void Fields(A& a) {
    a(due_at, began_at, timer_at, timer_alarm, yellow, missed, level, owes_yellow, owes_missed,
      owes_level, owed_on);
  }
};

struct Timer {  // its case is in the key, what it is for in the watch
  template <class A>
  void Fields(A&) {}
};

// What the record being folded makes due, for Decide to answer in the same record. Not a table: it
// follows from the record and the state before it, and is gone with the next record.
struct DueNow {
  struct Item {
    IncidentId id;
    Alarm alarm;
    uint32_t level = 0;
  };
  Offset record{-1};
  std::vector<Item> items;
  size_t bytes = 0;  // of the decision, at most
};

struct State {
  explicit State(TableSet& tables) : watches(tables, 32), timers(tables, 33) {}

  Table<IncidentId, Watch> watches;
  OrderedTable<incident::DueKey, Timer> timers;
  DueNow due_now;
};

// ---- Evolve -------------------------------------------------------------------------------------

void EvolveChange(State& state, const incident::State& incidents, const incident::Change& change);

// Fires what is due at the partition's time, in (due, incident) order, and sets each case's next
// timer, which may be due at once as well. What is left over stays due: the driver ticks again.
// That is what lies beyond kTimersPerTickMax, or beyond the bytes of a decision
// (kDecisionBytesMax).
void EvolveTick(State& state, const incident::State& incidents, const incident::Moment& moment);
constexpr int kTimersPerTickMax =
    1000;  // of one turn; × ~100 B ≈ 100 KB of a 1 MiB record, and with an id and a post as long as
           // limits.h lets them be 1000 × ~600 B = 600 KB

// ---- Decide -------------------------------------------------------------------------------------

// Says what the record made due: on a tick DeadlineWarned, DeadlineMissed and EscalationRaised in
// the order in which the timers fired. On a fact that moved a case to another stage, once more what
// its case is owed still: the first saying named the old stage and is void.
void Decide(const State& state, const incident::State& incidents, const incident::Moment& cause,
            v1::Decision* decision);

// ---- queries ------------------------------------------------------------------------------------

// When the next timer is due; InfiniteFuture for never.
absl::Time EarliestTimer(const State& state);

// When the yellow light begins to burn for a deadline; nothing without a warning, and when that is
// not after the beginning. Whole milliseconds: the share that is left is rounded down.
std::optional<absl::Time> YellowAt(absl::Time began_at, absl::Time due_at, int warn_percent);

}  // namespace gridledger::escalation
