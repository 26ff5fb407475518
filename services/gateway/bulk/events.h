// One event of a bulk: a line of JSON, or a CloudEvent (https://cloudevents.io, 1.0) in JSON.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/http/message.h"

namespace gridledger::gateway {

struct BulkEvent {
  v1::Fact fact;
  bool has_stage = false;
  std::string repeat = {};  // the same again is the same event; empty: nothing tells
};

// A report as ParseReport takes it; a fact as ParseFact takes it with "incident" beside; or a
// CloudEvent of type gridledger.v1.IncidentReported with a report as its data, or of another fact's
// type with the incident as its subject and the details as its data.
absl::StatusOr<BulkEvent> ParseEvent(absl::string_view json, const policy::Zone& zone);

// The events of a batched body (application/cloudevents-batch+json), each as its JSON.
absl::StatusOr<std::vector<std::string>> ParseBatch(absl::string_view json);

// A CloudEvent in binary mode (ce-… headers, the data as the body) as its JSON.
absl::StatusOr<std::string> FromHeaders(const Request& request);

}  // namespace gridledger::gateway
