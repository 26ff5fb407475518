// A subject is what one service adds to the shared incident fold: its own state, what it makes of
// each change, and what it decides. The rules themselves live in services/domain; a subject binds
// them to the engine. Pure: no I/O, no clock, no randomness.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <functional>
#include <memory>

#include "gridledger/v1/entry.pb.h"
#include "services/base/table.h"
#include "services/domain/incident/incident.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::engine {

class Subject {
 public:
  virtual ~Subject() = default;

  // ---- Evolve: called for each record in this order, with the state as of that record.

  // The partition's time has moved on. Not yet the tick itself: a subject whose *decisions* hang on
  // time waits for EvolveTick.
  virtual void EvolveTime(const incident::Moment&) {}
  virtual void EvolveTick(const incident::Moment&) {}
  virtual void EvolveChange(const incident::Change&) {}
  virtual void EvolvePolicy(const incident::Moment&) {}
  // All of the record is folded; `touched` are the incidents that it changed, in order. For what
  // one decision may not say (kDecisionBytesMax), which is then due for a tick.
  virtual void EvolveEnd(const incident::Moment&, absl::Span<const IncidentId> /*touched*/) {}

  // ---- Decide: what this service derives from the record just folded, by that record's state
  // alone. Adds facts to `decision` in the order in which they are to be applied, and names the
  // rule; no facts, no decision. `touched` are the incidents that the record changed, in order.
  // Changes nothing. One cause, one decider: two services never decide on the same record, unless
  // a race has moved an incident on under one of them.
  virtual void Decide(const incident::Moment& cause, absl::Span<const IncidentId> touched,
                      v1::Decision* decision) const = 0;

  // When this subject next wants a tick; InfiniteFuture for never.
  virtual absl::Time EarliestTimer() const { return absl::InfiniteFuture(); }
};

// Makes a service's subject for one task. Tables of a subject have ids from 32 on.
struct Service {
  ServiceName name;
  uint64_t schema = 1;  // of the subject's tables; moves with every change of a layout
  std::function<std::unique_ptr<Subject>(TableSet& tables, incident::State& incidents)> make;
  // The newest schema of entries that it folds: other than the build's in tests of older programs.
  uint32_t knows = kNewestSchema;
};

// Whether a service of that name decides. Decisions of others are void: what is settled is kept for
// each name, and names come from outside. Another one is a change of the fold.
inline bool IsDecider(absl::string_view service) {
  return service == "dispatch" || service == "escalation" ||
         service == "recurrence";  // whose rules are to come
}

// The schema of what all tasks share; moves with every change of a shared layout.
inline constexpr uint64_t kSharedSchema = 5;

}  // namespace gridledger::engine
