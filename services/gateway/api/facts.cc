#include "services/gateway/api/facts.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"

namespace gridledger::gateway {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 16;

absl::Status Wrong(absl::string_view member, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(member, ": ", why));
}

absl::StatusOr<json> ParseObject(absl::string_view text) {
  if (absl::Status shallow = CheckDepth(text); !shallow.ok()) return shallow;
  json parsed = json::parse(text.begin(), text.end(), nullptr, false);
  if (parsed.is_discarded()) return absl::InvalidArgumentError("the body is no JSON");
  if (!parsed.is_object()) return absl::InvalidArgumentError("the body is no JSON object");
  return parsed;
}

absl::Status CheckMembers(const json& object, std::initializer_list<absl::string_view> names) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string known;
      for (const absl::string_view one : names)
        absl::StrAppend(&known, known.empty() ? "" : ", ", one);
      return absl::InvalidArgumentError(absl::StrCat("unknown member; there are ", known));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TextOf(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || at->is_null()) return std::string();
  if (!at->is_string()) return Wrong(name, "it is a text");
  return at->get<std::string>();
}

absl::StatusOr<int64_t> MillisOf(const json& object, const char* name, const policy::Zone& zone) {
  const absl::StatusOr<std::string> text = TextOf(object, name);
  if (!text.ok()) return text.status();
  if (text->empty()) return 0;
  const absl::StatusOr<absl::Time> at = cli::ParseInstant(*text, zone);
  if (!at.ok()) return Wrong(name, "it is an instant of RFC 3339");
  return absl::ToUnixMillis(*at);
}

absl::StatusOr<int32_t> DegreesOf(const json& point, const char* name, double most) {
  const auto at = point.find(name);
  if (at == point.end() || !at->is_number()) return Wrong(name, "it is a number of degrees");
  const double degrees = at->get<double>();
  if (!(std::abs(degrees) <= most)) return Wrong(name, absl::StrCat("it is at most ", most));
  return static_cast<int32_t>(std::lround(degrees * 1e7));
}

// "IncidentClosed" or "closed" → the field of v1.Fact.kind.
const google::protobuf::FieldDescriptor* KindCalled(absl::string_view what) {
  const auto* kinds = v1::Fact::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) {
    const auto* field = kinds->field(i);
    if (field->name() == what || field->message_type()->name() == what) return field;
  }
  return nullptr;
}

absl::Status ReadActor(const json& object, v1::Actor* actor) {
  const auto at = object.find("actor");
  if (at == object.end() || at->is_null()) return absl::OkStatus();
  if (!at->is_object()) return Wrong("actor", "it is an object of role and code");
  if (absl::Status status = CheckMembers(*at, {"role", "code"}); !status.ok()) return status;
  const absl::StatusOr<std::string> role = TextOf(*at, "role");
  const absl::StatusOr<std::string> code = TextOf(*at, "code");
  if (!role.ok()) return role.status();
  if (!code.ok()) return code.status();
  std::string name = absl::StrCat("ROLE_", *role);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == ' ' ? '_' : static_cast<char>(absl::ascii_toupper(static_cast<unsigned char>(c)));
  });
  v1::Role parsed = v1::ROLE_UNSPECIFIED;
  if (!v1::Role_Parse(name, &parsed)) return Wrong("actor.role", "there is no such role");
  actor->set_role(parsed);
  actor->set_code(*code);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDepth(absl::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return absl::InvalidArgumentError("the body is nested too deep");
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Fact> ParseReport(absl::string_view text, const policy::Zone& zone) {
  absl::StatusOr<json> object = ParseObject(text);
  if (!object.ok()) return object.status();
  if (absl::Status status =
          CheckMembers(*object, {"id", "category", "community", "area", "point", "unit", "due_at",
                                 "channel", "happened_at", "actor"});
      !status.ok()) {
    return status;
  }
  v1::Fact fact;
  v1::IncidentReported& reported = *fact.mutable_reported();
  const std::pair<const char*, std::string*> texts[] = {
      {"id", fact.mutable_incident_id()},          {"category", reported.mutable_category()},
      {"community", reported.mutable_community()}, {"area", reported.mutable_area()},
      {"unit", reported.mutable_unit()},           {"channel", reported.mutable_channel()}};
  for (const auto& [name, into] : texts) {
    absl::StatusOr<std::string> value = TextOf(*object, name);
    if (!value.ok()) return value.status();
    *into = *std::move(value);
  }
  const absl::StatusOr<int64_t> due = MillisOf(*object, "due_at", zone);
  const absl::StatusOr<int64_t> happened = MillisOf(*object, "happened_at", zone);
  if (!due.ok()) return due.status();
  if (!happened.ok()) return happened.status();
  reported.set_due_at_ms(*due);
  fact.set_happened_at_ms(*happened);
  if (const auto at = object->find("point"); at != object->end() && !at->is_null()) {
    if (!at->is_object()) return Wrong("point", "it is an object of latitude and longitude");
    if (absl::Status status = CheckMembers(*at, {"latitude", "longitude"}); !status.ok()) {
      return status;
    }
    const absl::StatusOr<int32_t> latitude = DegreesOf(*at, "latitude", 90);
    const absl::StatusOr<int32_t> longitude = DegreesOf(*at, "longitude", 180);
    if (!latitude.ok()) return latitude.status();
    if (!longitude.ok()) return longitude.status();
    reported.mutable_point()->set_latitude_e7(*latitude);
    reported.mutable_point()->set_longitude_e7(*longitude);
  }
  if (absl::Status status = ReadActor(*object, fact.mutable_actor()); !status.ok()) return status;
  return fact;
}

absl::StatusOr<ParsedFact> ParseFact(absl::string_view text, const policy::Zone& zone) {
  absl::StatusOr<json> object = ParseObject(text);
  if (!object.ok()) return object.status();
  if (absl::Status status =
          CheckMembers(*object, {"what", "details", "stage", "happened_at", "actor"});
      !status.ok()) {
    return status;
  }
  const absl::StatusOr<std::string> what = TextOf(*object, "what");
  if (!what.ok()) return what.status();
  const auto* kind = KindCalled(*what);
  if (kind == nullptr) return Wrong("what", "there is no such fact");
  json details = json::object();
  if (const auto at = object->find("details"); at != object->end() && !at->is_null()) {
    if (!at->is_object()) return Wrong("details", "it is an object");
    details = *at;
  }
  ParsedFact parsed;
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  const json wrapped = {{kind->json_name(), std::move(details)}};
  if (!google::protobuf::util::JsonStringToMessage(wrapped.dump(), &parsed.fact, strict).ok()) {
    return Wrong("details", absl::StrCat("they are not those of ", kind->message_type()->name()));
  }
  const absl::StatusOr<int64_t> happened = MillisOf(*object, "happened_at", zone);
  if (!happened.ok()) return happened.status();
  parsed.fact.set_happened_at_ms(*happened);
  if (const auto at = object->find("stage"); at != object->end() && !at->is_null()) {
    if (!at->is_number_unsigned() || at->get<uint64_t>() > UINT32_MAX) {
      return Wrong("stage", "it is a whole number");
    }
    parsed.fact.set_stage(at->get<uint32_t>());
    parsed.has_stage = true;
  }
  if (absl::Status status = ReadActor(*object, parsed.fact.mutable_actor()); !status.ok()) {
    return status;
  }
  return parsed;
}

Reply JudgedReply(const std::string& id, const Judged& judged, bool is_report) {
  nlohmann::ordered_json said;
  said["id"] = id;
  said["partition"] = judged.partition.value;
  said["offset"] = judged.offset.value;
  said["stage"] = judged.stage.value;
  int status = is_report ? 201 : 200;
  std::string title;
  if (judged.dead_letter) {
    said["verdict"] = "dead letter";
    status = 422;
    title = "the ledger keeps the record as one that nobody can read";
  } else if (judged.verdict == incident::Verdict::kAwaiting) {
    said["verdict"] = "parked";
    status = 202;
  } else if (judged.verdict == incident::Verdict::kVoid) {
    said["verdict"] = "void";
    said["reason"] = std::string(incident::VoidReasonName(judged.reason));
    status = judged.reason == incident::VoidReason::kStaleStage ||
                     judged.reason == incident::VoidReason::kFutureStage
                 ? 412
                 : 409;
    title = status == 412 ? "the incident has moved on" : "the rules do not allow it";
  } else {
    said["verdict"] = "applied";
  }
  Reply reply;
  if (status >= 400) {
    nlohmann::ordered_json problem;
    problem["type"] = "about:blank";
    problem["title"] = title;
    problem["status"] = status;
    for (const auto& [name, value] : said.items()) problem[name] = value;
    reply.body = cli::JsonText(problem);
    reply.type = "application/problem+json";
  } else {
    reply.body = cli::JsonText(said);
    reply.Set("ETag", absl::StrCat("\"", judged.stage.value, "\""));
  }
  reply.status = status;
  if (is_report && status < 300) {
    reply.Set("Location", absl::StrCat("/api/v1/incidents/", PercentEncoded(id)));
  }
  return reply;
}

}  // namespace gridledger::gateway
