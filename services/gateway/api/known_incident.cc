#include "services/gateway/api/known_incident.h"

#include <string>

#include "services/runtime/engine/task.h"

namespace gridledger::gateway {

KnownIncident KnownHere(CityWatch& watch, const host::AskedPartition& asked, const IncidentId& id) {
  KnownIncident known;
  const incident::State& state = asked.tasks.front()->incidents();
  if (const incident::Incident* is = state.incidents.Find(id)) known.is = *is;
  known.policy = watch.PolicyOf(asked.partition, state);
  return known;
}

Reply RefusalReply(const intake::Refusal& refusal) {
  return Problem(
      intake::IsAboutWho(refusal.ground) ? 403 : 422, "the request was not taken in", refusal.text,
      {{"ground", std::string(intake::GroundName(refusal.ground))}, {"field", refusal.field}});
}

}  // namespace gridledger::gateway
