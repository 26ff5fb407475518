#include "services/gridledger/commands/built_in_policies.h"

#include <absl/strings/str_cat.h>

#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::cli {
namespace {

// From deploy/policies/yutang.yaml, by the build.
constexpr char kYutang[] =
#include <yutang_policy.inc>
    ;

}  // namespace

absl::StatusOr<v1::Policy> PackPolicy(absl::string_view pack) {
  if (pack != "yutang") {
    return absl::NotFoundError(
        absl::StrCat("there is no pack \"", pack, "\": yutang is the one there is"));
  }
  v1::Policy policy;
  absl::Status parsed = yaml::ParseYaml(kYutang, "yutang.yaml (built in)", &policy);
  if (!parsed.ok()) return parsed;
  return policy;
}

}  // namespace gridledger::cli
