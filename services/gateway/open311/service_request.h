// An incident as Open311 shows it: a service request, its notes and its updates, in plain words.
// Pure; looks at incidents, never at where they lie. The ledger has no names, no addresses and no
// free text: those members are there, and empty.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/domain/audit/audit.h"
#include "services/domain/incident/incident.h"
#include "services/domain/policy/zone.h"

namespace gridledger::gateway::open311 {

struct ServiceRequest {
  IncidentId id;
  Partition partition;
  incident::Incident is;
  std::string service_name;
  // What was said about it; empty unless it is asked for.
  std::vector<audit::TimelineItem> life = {};
};

// The newest instant that the state has of it; the closing of a closed one.
absl::Time UpdatedAt(const incident::Incident& is);
// Closed is not solved: what became of it, in a sentence or two.
std::string StatusNotes(const incident::Incident& is);

// GET requests: one of them. `extended`: with extended_attributes and notes.
nlohmann::ordered_json RequestJson(const ServiceRequest& request, bool extended,
                                   const policy::Zone& zone);

// One thing that happened to a request, as FixMyStreet fetches them.
struct Update {
  std::string id;  // "3-1042": partition and offset; a third number where a record says more
  IncidentId request;
  absl::Time at;
  std::string
      status;  // open, investigating, action_scheduled, in_progress, fixed, closed, duplicate
  std::string description;
};
// Those of [from, until], in ledger order. A warning or a rise on the ladder is none.
std::vector<Update> UpdatesOf(const ServiceRequest& request, absl::Time from, absl::Time until);
nlohmann::ordered_json UpdateJson(const Update& update, const policy::Zone& zone);

}  // namespace gridledger::gateway::open311
