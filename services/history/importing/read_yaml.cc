#include "services/history/importing/read_yaml.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <tuple>
#include <utility>
#include <vector>

#include "services/domain/incident/limits.h"
#include "services/history/importing/read_annex.h"
#include "services/history/mapping/rows/event_mapper.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/history/mapping/rows/named_columns.h"
#include "services/history/mapping/values/columns.h"
#include "services/history/mapping/values/text_rule.h"
#include "services/history/mapping/values/time_format.h"
#include "services/runtime/adapters/yaml/yaml.h"
#include "services/runtime/adapters/zones/zone_rules.h"

namespace gridledger::cli {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& path, const char* what) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " ", path, " is a folder"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("cannot open the ", what, " ", path, ": ", std::strerror(errno)));
  }
  std::string text(yaml::kTextBytesMax + 1,
                   '\0');  // one more, so that what is too long is seen to be
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return absl::UnavailableError(absl::StrCat("cannot read the ", what, " ", path));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

absl::Status ReadInto(const std::string& path, const char* what,
                      google::protobuf::Message* message) {
  const absl::StatusOr<std::string> text = ReadText(path, what);
  return text.ok() ? yaml::ParseYaml(*text, path, message) : text.status();
}

absl::Status CompileMapping(const v1::Mapping& mapping, const mapping::Annex& annex) {
  for (int i = 0; i < mapping.time_formats_size(); ++i) {
    const auto format = mapping::TimeFormat::Compile(mapping.time_formats(i));
    if (format.ok()) continue;
    return mapping::MappingError(absl::StrCat("time_formats[", i + 1, "]"),
                                 format.status().message());
  }
  const std::vector<std::string> header = mapping::ColumnsOf(mapping);
  if (mapping.has_events()) {
    return mapping::EventMapper::Compile(mapping, header, annex).status();
  }
  return mapping::Mapper::Compile(mapping, header, annex).status();
}

// The field that names what LoadAnnex cannot load.
std::string FieldOfBadAnnex(const v1::Mapping& mapping, const std::string& mapping_path) {
  const v1::IncidentColumns& incident = mapping.incident();
  v1::Mapping areas;
  *areas.mutable_incident()->mutable_area_by_point() = incident.area_by_point();
  if (!LoadAnnex(areas, mapping_path).ok()) return "incident.area_by_point.polygons";
  for (const auto& [field, value] : {std::pair("incident.id", &incident.id()),
                                     {"incident.category", &incident.category()},
                                     {"incident.community", &incident.community()},
                                     {"incident.area", &incident.area()},
                                     {"incident.unit", &incident.unit()},
                                     {"incident.channel", &incident.channel()},
                                     {"events.state", &mapping.events().state()}}) {
    v1::Mapping alone;
    *alone.mutable_incident()->mutable_id() = *value;
    if (!LoadAnnex(alone, mapping_path).ok()) return absl::StrCat(field, ".table.file");
  }
  return "";
}

absl::Status At(const absl::Status& status, absl::string_view field,
                const std::string& mapping_path) {
  const absl::StatusOr<std::string> text = ReadText(mapping_path, "mapping");
  return absl::Status(
      status.code(),
      absl::StrCat(text.ok() ? yaml::PlaceOf(*text, mapping_path, field) : mapping_path, ": ",
                   status.message()));
}

// A code that a mapping could not bring in is none in a policy either: what it names is exported
// and comes in again.
absl::Status CheckPolicyCode(const std::string& path, const std::string& field,
                             const std::string& code, bool required) {
  if (code.empty() && !required) return absl::OkStatus();
  const absl::string_view why = mapping::WhyNot(code.empty() ? mapping::TextRule::Answer::kMissing
                                                             : mapping::CheckCode(code));
  if (why.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", field, ": ", why));
}

absl::Status CheckPolicyCodes(const std::string& path, const v1::Policy& policy) {
  absl::Status status = CheckPolicyCode(path, "default_unit", policy.default_unit(), false);
  absl::flat_hash_set<absl::string_view> codes;
  for (int i = 0; i < policy.categories_size() && status.ok(); ++i) {
    const v1::Category& one = policy.categories(i);
    const std::string field = absl::StrCat("categories[", i + 1, "].code");
    status = CheckPolicyCode(path, field, one.code(), true);
    if (status.ok() && !codes.insert(one.code()).second) {
      status = absl::InvalidArgumentError(
          absl::StrCat(path, ": ", field, ": \"", one.code(), "\" stands there already"));
    }
  }
  for (int i = 0; i < policy.responsibilities_size() && status.ok(); ++i) {
    const v1::Responsibility& one = policy.responsibilities(i);
    const std::string field = absl::StrCat("responsibilities[", i + 1, "]");
    for (const auto& [name, code, required] : {std::tuple(".category", &one.category(), false),
                                               {".area", &one.area(), false},
                                               {".unit", &one.unit(), true}}) {
      if (status.ok()) status = CheckPolicyCode(path, absl::StrCat(field, name), *code, required);
    }
  }
  for (int i = 0; i < policy.escalation().levels_size() && status.ok(); ++i) {
    status = CheckPolicyCode(path, absl::StrCat("escalation.levels[", i + 1, "].post"),
                             policy.escalation().levels(i).post(), true);
  }
  return status;
}

}  // namespace

absl::StatusOr<v1::Mapping> ReadMapping(const std::string& path) {
  v1::Mapping mapping;
  if (absl::Status status = ReadInto(path, "mapping", &mapping); !status.ok()) return status;
  return mapping;
}

absl::StatusOr<v1::Policy> ReadPolicy(const std::string& path) {
  v1::Policy policy;
  if (absl::Status status = ReadInto(path, "policy", &policy); !status.ok()) return status;
  if (policy.version().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": version: it names the policy in every automatic act, e.g. city-2024-01"));
  }
  v1::Entry activation;
  *activation.mutable_policy_activated()->mutable_policy() = policy;
  if (const std::string why = incident::TooLongIn(activation); !why.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
  }
  if (absl::Status zone = GiveZoneRules(path, &policy); !zone.ok()) return zone;
  if (policy.escalation().warn_percent() > 100) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": escalation.warn_percent: at most 100"));
  }
  if (absl::Status codes = CheckPolicyCodes(path, policy); !codes.ok()) return codes;
  return policy;
}

absl::Status GiveZoneRules(absl::string_view path, v1::Policy* policy) {
  if (policy->has_zone_rules()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": zone_rules: nobody writes them; they are read when the policy is activated"));
  }
  if (policy->zone().empty()) return absl::OkStatus();
  absl::StatusOr<v1::ZoneRules> rules = zones::ReadZoneRules(policy->zone());
  if (!rules.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": zone: ", rules.status().message()));
  }
  *policy->mutable_zone_rules() = *std::move(rules);
  return absl::OkStatus();
}

absl::Status AtItsPlace(const absl::Status& status, const std::string& mapping_path) {
  const absl::string_view message = status.message();
  return At(status, message.substr(0, message.find(':')), mapping_path);
}

absl::Status CheckMapping(const v1::Mapping& mapping, const std::string& mapping_path) {
  const absl::StatusOr<mapping::Annex> annex = LoadAnnex(mapping, mapping_path);
  if (!annex.ok()) {
    return At(annex.status(), FieldOfBadAnnex(mapping, mapping_path), mapping_path);
  }
  const absl::Status compiled = CompileMapping(mapping, *annex);
  return compiled.ok() ? compiled : AtItsPlace(compiled, mapping_path);
}

std::string PolicyPathOf(const v1::Mapping& mapping, const std::string& mapping_path) {
  return (std::filesystem::path(mapping_path).parent_path() / mapping.policy())
      .lexically_normal()
      .string();
}

}  // namespace gridledger::cli
