// gridledger users: the people who may come in by the gateway.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

#include "services/gateway/access/access_file.h"
#include "services/gridledger/commands/access_options.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/gridledger/terminal/password_line.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::cli {
namespace {

nlohmann::ordered_json Json(const access::User& user) {
  nlohmann::ordered_json json = {{"name", user.name}};
  PutRights(user.rights, &json);
  json["disabled"] = user.disabled;
  json["created_at"] = access::TimeText(user.created_at);
  return json;
}

// What was done, to the user as the file has it by now.
absl::Status Tell(const AccessOptions& options, access::AccessFile& file, const std::string& what) {
  if (!options.json) return WriteOut(absl::StrCat(Printable(options.name), " ", what, ".\n"));
  const auto people = file.Everybody();
  if (!people.ok()) return people.status();
  const auto found = (*people)->users.find(options.name);
  if (found == (*people)->users.end()) return absl::OkStatus();
  return WriteOut(JsonText(Json(found->second)));
}

absl::Status Add(const AccessOptions& options) {
  const access::Rights rights = RightsIn(options);
  for (const absl::Status& status :
       {access::CheckName(options.name), access::CheckRights(rights)}) {
    if (!status.ok()) return status;  // before anybody types a password
  }
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> password = ReadPassword();
  if (!password.ok()) return password.status();
  const absl::Status added =
      (*file)->AddUser(options.name, rights, *password, host::SystemClock().Now());
  return added.ok() ? Tell(options, **file, "may come in") : added;
}

absl::Status SetPassword(const AccessOptions& options) {
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> password = ReadPassword();
  if (!password.ok()) return password.status();
  const absl::Status set = (*file)->SetPassword(options.name, *password);
  return set.ok() ? Tell(options, **file, "has another password, and no session") : set;
}

absl::Status SetDisabled(const AccessOptions& options, bool disabled) {
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const absl::Status set = (*file)->SetDisabled(options.name, disabled);
  if (!set.ok()) return set;
  return Tell(options, **file, disabled ? "comes in no more" : "may come in again");
}

absl::Status List(const AccessOptions& options) {
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const auto people = (*file)->Everybody();
  if (!people.ok()) return people.status();
  if (options.json) {
    nlohmann::ordered_json json = {{"users", nlohmann::ordered_json::array()}};
    for (const auto& [name, user] : (*people)->users) json["users"].push_back(Json(user));
    return WriteOut(JsonText(json));
  }
  TextTable table({{"name"}, {"roles"}, {"code"}, {"areas"}, {"units"}, {"since"}, {""}});
  for (const auto& [name, user] : (*people)->users) {
    table.Add({Printable(name), Listed(user.rights.roles, ""), Printable(user.rights.code),
               Listed(user.rights.areas, "everywhere"), Listed(user.rights.units, "all"),
               access::TimeText(user.created_at).substr(0, 10), user.disabled ? "disabled" : ""});
  }
  if (table.empty()) return WriteOut("Nobody may come in yet: `gridledger users add`.\n");
  return WriteOut(table.Print());
}

// One nested command, with --name where it is about one user.
void AddNested(CLI::App& within, const char* name, const char* summary, Command* chosen,
               absl::Status (*run)(const AccessOptions&), bool is_about_one,
               bool has_rights = false) {
  auto options = std::make_shared<AccessOptions>();
  CLI::App* command = within.add_subcommand(name, summary);
  AddAccessFolder(*command, options.get());
  if (is_about_one) {
    command->add_option("--name", options->name, "By which they log in")
        ->type_name("NAME")
        ->required()
        ->check(NotEmpty());
  }
  if (has_rights) AddRights(*command, options.get());
  command->callback([chosen, options, run] { *chosen = [options, run] { return run(*options); }; });
}

}  // namespace

void AddUsers(CLI::App& app, Command* chosen) {
  CLI::App* command = app.add_subcommand("users", "People who may come in by the gateway");
  command->require_subcommand(1);
  command->footer(absl::StrCat(
      "Examples:\n"
      "  gridledger users add --data city --name wang --role checker --code K-017\n"
      "  gridledger users add --data city --name office --role administrator < password.txt\n"
      "  gridledger users add --data city --name li --role handler --unit order-team\n"
      "  gridledger users list --data city\n"
      "  gridledger users password --data city --name wang\n"
      "  gridledger users disable --data city --name wang\n\n"
      "They stand in DIR/access.json of the folder that --data DIR names, with hashes of their\n"
      "passwords alone; a gateway that runs sees each change at once. A password is asked for on\n"
      "the terminal, or read from standard input as one line: never from the command line, which\n"
      "others can see. Another password, and being disabled, end all sessions of the user.\n\n",
      host::kExitCodes));
  AddNested(*command, "add", "Let somebody in", chosen, Add, true, true);
  AddNested(*command, "list", "Who may come in, and as what", chosen, List, false);
  AddNested(
      *command, "disable", "Let somebody in no more; sessions end", chosen,
      [](const AccessOptions& options) { return SetDisabled(options, true); }, true);
  AddNested(
      *command, "enable", "Let somebody in again who was disabled", chosen,
      [](const AccessOptions& options) { return SetDisabled(options, false); }, true);
  AddNested(*command, "password", "Give somebody another password; sessions end", chosen,
            SetPassword, true);
}

}  // namespace gridledger::cli
