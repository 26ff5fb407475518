// What clients send, as facts, and what became of those, as JSON.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <optional>
#include <string>

#include "gridledger/v1/fact.pb.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/city/city_watch.h"
#include "services/gateway/http/message.h"

namespace gridledger::gateway {

// InvalidArgument for a text that is nested deeper than anything that is taken here.
absl::Status CheckDepth(absl::string_view json);

// A report as JSON: {"category", "community", "area", "point": {"latitude", "longitude"}, "unit",
// "due_at", "channel", "happened_at", "id"}. InvalidArgument names the member that is wrong, and
// repeats nothing of what it said.
absl::StatusOr<v1::Fact> ParseReport(absl::string_view json, const policy::Zone& zone);

// Another fact: {"what": "DispatchDeclined" or "dispatch_declined", "details": {…}, "stage",
// "happened_at", "actor": {"role", "code"}}. The details are those of a timeline.
struct ParsedFact {
  v1::Fact fact;
  bool has_stage = false;
};
absl::StatusOr<ParsedFact> ParseFact(absl::string_view json, const policy::Zone& zone);

// {"id", "partition", "offset", "stage", "verdict", "reason"}
Reply JudgedReply(const std::string& id, const Judged& judged, bool is_report);

}  // namespace gridledger::gateway
