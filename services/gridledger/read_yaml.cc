#include "services/gridledger/read_yaml.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::cli {
namespace {

absl::Status ReadInto(const std::string& path, const char* what,
                      google::protobuf::Message* message) {
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
  return yaml::ParseYaml(text, path, message);
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
  absl::TimeZone zone;
  if (!policy.zone().empty() && !absl::LoadTimeZone(policy.zone(), &zone)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": zone: \"", policy.zone(), "\" is no zone that this machine knows; an IANA ",
        "name is like America/New_York"));
  }
  if (policy.escalation().warn_percent() > 100) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": escalation.warn_percent: at most 100"));
  }
  return policy;
}

std::string PolicyPathOf(const v1::Mapping& mapping, const std::string& mapping_path) {
  return (std::filesystem::path(mapping_path).parent_path() / mapping.policy())
      .lexically_normal()
      .string();
}

}  // namespace gridledger::cli
