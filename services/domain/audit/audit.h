// Audit: what was said about each incident and what the fold made of it, in ledger order. Every
// void and every fact that awaits its report is there with its reason, so that nothing is dropped
// in silence (law L8). Decides nothing; the number of voids by reason and of awaiting facts is in
// incident::State::counts.
//
// Read from top to bottom: State, Evolve, queries; there is no Decide.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/incident/incident.h"

namespace gridledger::audit {

// ---- State --------------------------------------------------------------------------------------

// A record may say more than one thing of an incident, and a report releases what waited for it:
// the ordinal counts within the record, from 0.
struct LineKey {
  IncidentId id;
  Offset offset;
  uint32_t ordinal = 0;

  void AppendKey(std::string* out) const;
  bool ParseKey(absl::string_view bytes);
};

struct Line {
  uint32_t kind = 0;  // the fact's number in v1.Fact.kind; 0 for a fact without one
  incident::Verdict verdict = incident::Verdict::kApplied;
  incident::VoidReason reason = incident::VoidReason::kNone;
  absl::Time at;            // the partition's time: when it counts from
  absl::Time happened_at;   // the source's own word
  bool by_service = false;  // said by a service of the pipeline, that is in a decision
  Stage stage;              // of the incident afterwards
  template <class A>
  void Fields(A& a) {
    a(kind, verdict, reason, at, happened_at, by_service, stage);
  }
};

// What counted for nothing, by where it stands in the ledger.
struct VoidKey {
  Offset offset;
  uint32_t ordinal = 0;  // as in LineKey
  void AppendKey(std::string* out) const;
  bool ParseKey(absl::string_view bytes);
};
struct Void {
  uint32_t kind = 0;  // as in Line
  incident::VoidReason reason = incident::VoidReason::kNone;
  template <class A>
  void Fields(A& a) {
    a(kind, reason);
  }
};

// Applied facts of the partition by their number in v1.Fact.kind.
struct Applied {
  std::vector<uint64_t> by_kind;
  template <class A>
  void Fields(A& a) {
    a(by_kind);
  }
};

struct State {
  explicit State(TableSet& tables) : lines(tables, 32), applied(tables, 33), voids(tables, 34) {}

  mutable AppendTable<LineKey, Line> lines;  // its scan reads the cold tier, and so is not const
  Cell<Applied> applied;
  mutable AppendTable<VoidKey, Void> voids;
  // Where in the record being folded we are; follows from the record, and so is in no table.
  Offset record{-1};
  uint32_t ordinal = 0;
};

// ---- Evolve -------------------------------------------------------------------------------------

void EvolveChange(State& state, const incident::Change& change);

// ---- queries ------------------------------------------------------------------------------------

struct TimelineItem {
  Offset offset;
  Line line;
};
// All that was said about that incident and no other, in ledger order.
std::vector<TimelineItem> Timeline(const State& state, const IncidentId& id);

// All voids of the partition in ledger order.
void EachVoid(const State& state, absl::FunctionRef<void(const VoidKey&, const Void&)> each);

uint64_t AppliedOf(const State& state, v1::Fact::KindCase kind);

}  // namespace gridledger::audit
