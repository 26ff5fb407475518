// What the door knows of an incident, and how it says no.
#pragma once

#include <memory>
#include <optional>

#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/domain/intake/admission.h"
#include "services/domain/policy/policy.h"
#include "services/gateway/city/city_watch.h"
#include "services/gateway/http/message.h"
#include "services/runtime/host/questions.h"

namespace gridledger::gateway {

struct KnownIncident {
  std::optional<incident::Incident> is;  // nothing: not reported in this partition
  std::shared_ptr<const policy::Compiled> policy;
};
// REQUIRES: a question to that partition.
KnownIncident KnownHere(CityWatch& watch, const host::AskedPartition& asked, const IncidentId& id);

// 403 when it is about who asks, 422 when it is about what.
Reply RefusalReply(const intake::Refusal& refusal);

}  // namespace gridledger::gateway
