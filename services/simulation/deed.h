// What one person says in the ledger about one incident, in view of what the ledger says about it.
#pragma once

#include <absl/strings/string_view.h>

#include <string>

#include "gridledger/v1/entry.pb.h"
#include "services/domain/incident/incident.h"
#include "services/simulation/life.h"
#include "services/simulation/subdistrict.h"

namespace gridledger::simulation {

// Whose incident, and when.
struct Scene {
  const IncidentId* id = nullptr;
  const Community* community = nullptr;
  Traits traits;
  int64_t at_ms = 0;
};

// The report that begins a life. Names no stage.
void WriteReport(const Scene& scene, uint64_t draw, v1::Fact* fact);

// The kind of fact that is legal in the place of the planned one:
//   - the planned one, where the fold would let it through;
//   - kDispatched, where handling waits for a dispatch that no service has made: then a dispatcher
//     does by hand what was left undone, and the next step goes on from there;
//   - KIND_NOT_SET, where nothing will do: the step is left out.
v1::Fact::KindCase Fitting(v1::Fact::KindCase planned, const incident::Incident& seen);

// Pace of the simulated people: 1 as in life, 60 an hour in a minute.
struct Pace {
  int64_t speed = 1;
};

// Writes a fact of that kind; `step.detail` as planned. Names no stage.
// REQUIRES: kind == Fitting(step.kind(), seen), and not KIND_NOT_SET.
void WriteDeed(const Scene& scene, const Step& step, v1::Fact::KindCase kind,
               const incident::Incident& seen, const policy::Compiled& policy, Pace pace,
               v1::Fact* fact);

}  // namespace gridledger::simulation
