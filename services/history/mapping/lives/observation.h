// What a row of a source says of an incident: between the mapping, which reads it, and the walk,
// which makes facts of it when its turn in the ledger comes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/base/layout.h"

namespace gridledger::mapping {

// A row of a source with one row an event, read.
struct Event {
  std::string incident_id;
  std::string community;
  std::string report;   // a serialised v1.Fact: the report, if this is the incident's first row
  int64_t at_ms = 0;    // when the event happened
  int64_t version = 0;  // orders events of one incident and instant
  int64_t reported_at_ms = 0;  // 0 where the row does not tell
  uint32_t state = 0;          // 1 + its place among the targets; 0 where the row tells none
  bool reports = false;        // that state is that it was reported
  std::string unit;            // empty where the row tells none
  int64_t due_at_ms = 0;       // the deadline in force from then on; 0 where the row tells none
  std::vector<int64_t>
      facts_at_ms;       // of the incident as a whole, as the mapping lists them; 0: none
  uint64_t content = 0;  // what the mapping uses of the row: by that it is known
  template <class A>
  void Fields(A& a) {
    a(incident_id, community, report, at_ms, version, reported_at_ms, state, reports, unit,
      due_at_ms, facts_at_ms, content);
  }
};

// A row of a source with one row an incident, read: its report and what came after it.
struct Life {
  struct Step {
    int64_t at_ms = 0;           // its place in the ledger
    int64_t happened_at_ms = 0;  // the row's own word
    uint32_t target = 0;         // 1 + its place among the targets
    template <class A>
    void Fields(A& a) {
      a(at_ms, happened_at_ms, target);
    }
  };
  std::string incident_id;
  std::string community;
  std::string report;  // a serialised v1.Fact
  int64_t reported_at_ms = 0;
  std::string unit;  // empty where the row tells none
  std::vector<Step> steps;
  uint64_t content = 0;  // what the mapping uses of the row: by that it is known
  template <class A>
  void Fields(A& a) {
    a(incident_id, community, report, reported_at_ms, unit, steps, content);
  }
};

// What is new in an event, or one step of a life.
struct Observation {
  std::string incident_id;
  int64_t happened_at_ms = 0;
  std::string report;           // a serialised v1.Fact; then nothing else is told
  uint32_t target = 0;          // 1 + the place of what it came to; 0 for none
  bool target_changed = false;  // false: it stood there before, as far as the source says
  std::string unit;             // the last that the source told
  bool unit_changed = false;
  int64_t new_due_at_ms = 0;  // 0 where the deadline is what the source told before
  // The ledger has heard what came later: this can change nothing any more, and is void.
  bool overtaken = false;
  template <class A>
  void Fields(A& a) {
    a(incident_id, happened_at_ms, report, target, target_changed, unit, unit_changed,
      new_due_at_ms, overtaken);
  }
};

}  // namespace gridledger::mapping
