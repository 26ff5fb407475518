// A report on its way into the ledger: through the door, to its community's partition, and back
// with what the fold made of it. The steps that every way in has in common.
#pragma once

#include <absl/status/statusor.h>
#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/domain/intake/admission.h"
#include "services/domain/intake/principal.h"
#include "services/domain/policy/policy.h"
#include "services/gateway/city/city.h"

namespace gridledger::gateway {

// What the door knows of an incident.
struct KnownIncident {
  std::optional<incident::Incident> is;
  std::optional<policy::Compiled> policy;
};
KnownIncident KnownHere(const host::AskedPartition& asked, const IncidentId& id);

v1::Entry EntryOf(v1::Fact fact);

struct SubmittedReport {
  std::string id;                          // of the incident, also when it is not sure to be there
  bool sent = false;                       // the record may be in the ledger
  std::optional<intake::Refusal> refusal;  // then `judged` is nothing
  absl::StatusOr<Judged> judged = absl::UnknownError("");
};
// `asked` is a report; it gets an id and an instant when it has none. With a `repeat_key` the same
// sender's second one names the same incident, on whichever gateway, and its answer is the first
// one's: the report that counted. REQUIRES: the city outlives it.
boost::asio::awaitable<SubmittedReport> SubmitReport(City& city, intake::Principal principal,
                                                     v1::Fact asked,
                                                     std::optional<std::string> repeat_key);

}  // namespace gridledger::gateway
