#include "services/gridledger/commands/access_options.h"

#include <absl/strings/str_join.h>

#include "services/gridledger/commands/option_checks.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {

void AddAccessFolder(CLI::App& command, AccessOptions* options) {
  command.add_option("--data", options->data, "The data folder; made when it is not there")
      ->type_name("DIR")
      ->envname("GRIDLEDGER_DATA_FOLDER")
      ->required()
      ->check(NotEmpty());
  command.add_flag("--json", options->json, "Print JSON for scripts instead of text for people");
}

void AddRights(CLI::App& command, AccessOptions* options) {
  command
      .add_option(
          "--role", options->rights.roles,
          "In which they speak; may be repeated. The administrator looks after people, keys "
          "and dead letters, a viewer only reads")
      ->type_name("ROLE")
      ->required()
      ->allow_extra_args(false)
      ->check(CLI::IsMember(access::AllRoles()));
  command
      .add_option("--code", options->rights.code,
                  "That their facts carry: a post, a member or a unit, and no person's name; the "
                  "name where it is left out")
      ->type_name("CODE")
      ->check(NotEmpty());
  command
      .add_option("--area", options->rights.areas,
                  "A community, or an area in one, that they may speak of; may be repeated. "
                  "Everywhere where it is left out")
      ->type_name("AREA")
      ->allow_extra_args(false)
      ->check(NotEmpty());
  command
      .add_option(
          "--unit", options->rights.units,
          "A unit on whose cases a handler works; may be repeated. All where it is left out")
      ->type_name("UNIT")
      ->allow_extra_args(false)
      ->check(NotEmpty());
}

access::Rights RightsIn(const AccessOptions& options) {
  access::Rights rights = options.rights;
  if (rights.code.empty()) rights.code = options.name;
  return rights;
}

void PutRights(const access::Rights& rights, nlohmann::ordered_json* json) {
  (*json)["roles"] = rights.roles;
  (*json)["code"] = rights.code;
  (*json)["areas"] = rights.areas;
  (*json)["units"] = rights.units;
}

std::string Listed(const std::vector<std::string>& texts, const std::string& none) {
  return texts.empty() ? none : Printable(absl::StrJoin(texts, ", "));
}

}  // namespace gridledger::cli
