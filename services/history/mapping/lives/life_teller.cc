#include "services/history/mapping/lives/life_teller.h"

#include <cstdint>

namespace gridledger::mapping {

absl::Status TellLife(const Life& life, CaseTeller::Sink sink) {
  Observation told;
  told.incident_id = life.incident_id;
  told.report = life.report;
  CaseTeller::Place place{.at_ms = life.reported_at_ms};
  absl::Status status = sink(place, told);
  told.report.clear();
  told.unit = life.unit;
  told.target_changed = true;
  for (const Life::Step& step : life.steps) {
    if (!status.ok()) break;
    told.happened_at_ms = step.happened_at_ms;
    told.target = step.target;
    place.at_ms = step.at_ms;
    place.ordinal += CaseTeller::kFactsMax;
    status = sink(place, told);
  }
  return status;
}

}  // namespace gridledger::mapping
