#include "services/gateway/bulk/events.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "services/gateway/api/facts.h"

namespace gridledger::gateway {
namespace {

using nlohmann::json;

constexpr absl::string_view kTypePrefix = "gridledger.v1.";
constexpr absl::string_view kReportType = "IncidentReported";

// Of a member that is a text; empty when it is missing or another thing.
std::string TextOf(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() || !at->is_string() ? std::string() : at->get<std::string>();
}

absl::StatusOr<BulkEvent> FromCloudEvent(const json& event, const policy::Zone& zone) {
  if (TextOf(event, "specversion") != "1.0") {
    return absl::InvalidArgumentError("specversion: it is 1.0");
  }
  const std::string id = TextOf(event, "id");
  const std::string source = TextOf(event, "source");
  if (id.empty() || source.empty()) {
    return absl::InvalidArgumentError("a CloudEvent has an id and a source");
  }
  std::string type = TextOf(event, "type");
  if (!absl::StartsWith(type, kTypePrefix)) {
    return absl::InvalidArgumentError(absl::StrCat("type: it begins with ", kTypePrefix));
  }
  type = type.substr(kTypePrefix.size());
  json data = event.contains("data") ? event["data"] : json::object();
  if (!data.is_object()) return absl::InvalidArgumentError("data: it is a JSON object");
  BulkEvent parsed;
  if (type == kReportType) {
    absl::StatusOr<v1::Fact> report = ParseReport(data.dump(), zone);
    if (!report.ok()) return report.status();
    parsed.fact = *std::move(report);
  } else {
    const json wrapped = {{"what", type}, {"details", std::move(data)}};
    absl::StatusOr<ParsedFact> fact = ParseFact(wrapped.dump(), zone);
    if (!fact.ok()) return fact.status();
    parsed.fact = std::move(fact->fact);
    parsed.fact.set_incident_id(TextOf(event, "subject"));
    if (parsed.fact.incident_id().empty()) {
      return absl::InvalidArgumentError("subject: it is the incident's id");
    }
  }
  if (const std::string time = TextOf(event, "time");
      !time.empty() && parsed.fact.happened_at_ms() == 0) {
    absl::Time at;
    if (!absl::ParseTime(absl::RFC3339_full, time, &at, nullptr)) {
      return absl::InvalidArgumentError("time: it is an instant of RFC 3339");
    }
    parsed.fact.set_happened_at_ms(absl::ToUnixMillis(at));
  }
  parsed.repeat = absl::StrCat(source, "\n", id);
  return parsed;
}

}  // namespace

absl::StatusOr<BulkEvent> ParseEvent(absl::string_view text, const policy::Zone& zone) {
  // A report is what most lines are: it is parsed once.
  if (!absl::StrContains(text, "\"what\"") && !absl::StrContains(text, "\"specversion\"")) {
    absl::StatusOr<v1::Fact> report = ParseReport(text, zone);
    if (!report.ok()) return report.status();
    return BulkEvent{.fact = *std::move(report)};
  }
  if (absl::Status shallow = CheckDepth(text); !shallow.ok()) return shallow;
  json object = json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object()) return absl::InvalidArgumentError("the line is no JSON object");
  if (object.contains("specversion")) return FromCloudEvent(object, zone);
  const std::string id = TextOf(object, "incident");
  object.erase("incident");
  absl::StatusOr<ParsedFact> fact = ParseFact(object.dump(), zone);
  if (!fact.ok()) return fact.status();
  if (id.empty()) return absl::InvalidArgumentError("incident: a fact is about one");
  BulkEvent parsed{.fact = std::move(fact->fact), .has_stage = fact->has_stage};
  parsed.fact.set_incident_id(id);
  return parsed;
}

absl::StatusOr<std::vector<std::string>> ParseBatch(absl::string_view text) {
  if (absl::Status shallow = CheckDepth(text); !shallow.ok()) return shallow;
  const json list = json::parse(text.begin(), text.end(), nullptr, false);
  if (!list.is_array()) return absl::InvalidArgumentError("the body is no JSON array");
  std::vector<std::string> events;
  for (const json& one : list) events.push_back(one.dump());
  return events;
}

absl::StatusOr<std::string> FromHeaders(const Request& request) {
  json event = json::object();
  for (const Field& field : request.headers) {
    const std::string name = absl::AsciiStrToLower(field.name);
    if (!absl::StartsWith(name, "ce-")) continue;
    const std::optional<std::string> value = PercentDecoded(field.value, false);
    if (!value) return absl::InvalidArgumentError("a header of the event is badly escaped");
    event[name.substr(3)] = *value;
  }
  if (absl::Status shallow = CheckDepth(request.body); !shallow.ok()) return shallow;
  json data = json::parse(request.body, nullptr, false);
  if (data.is_discarded()) return absl::InvalidArgumentError("the body is no JSON");
  event["data"] = std::move(data);
  return event.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace gridledger::gateway
