// gridledger keys: keys by which programs and devices come in by the gateway.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "services/gateway/access/access_file.h"
#include "services/gridledger/commands/access_options.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/ledger_options.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::cli {
namespace {

struct KeyOptions : AccessOptions {
  std::string expires;
  std::string id;
};

// In the ledger's zone, as all instants are; UTC where there is no ledger yet.
absl::StatusOr<absl::Time> ExpiryIn(const KeyOptions& options) {
  policy::Zone zone;
  std::error_code ignored;
  if (std::filesystem::exists(absl::StrCat(options.data, "/log"), ignored)) {
    CommonOptions common;
    common.data = options.data;
    const auto folder = OpenForReading(common);
    if (!folder.ok()) return folder.status();
    absl::StatusOr<policy::Zone> found = ZoneOf(**folder);
    if (!found.ok()) return found.status();
    zone = *std::move(found);
  }
  return ParseInstantOf("--expires", options.expires, zone);
}

std::string StateOf(const access::Key& key, absl::Time now) {
  if (key.revoked) return "revoked";
  return key.expires_at && *key.expires_at <= now ? "expired" : "valid";
}

nlohmann::ordered_json Json(const access::Key& key) {
  nlohmann::ordered_json json = {{"id", key.id}, {"name", key.name}};
  PutRights(key.rights, &json);
  json["created_at"] = access::TimeText(key.created_at);
  json["expires_at"] = key.expires_at ? nlohmann::ordered_json(access::TimeText(*key.expires_at))
                                      : nlohmann::ordered_json(nullptr);
  json["revoked"] = key.revoked;
  json["state"] = StateOf(key, host::SystemClock().Now());
  return json;
}

// With the key, this once.
absl::Status Show(const KeyOptions& options, access::AccessFile& file,
                  const access::MadeKey& made) {
  if (!options.json) {
    const absl::Status written = WriteOut(absl::StrCat(made.text, "\n"));
    if (written.ok()) {
      std::fprintf(stderr, "gridledger: this key is shown once, and kept nowhere. Its id is %s\n",
                   made.id.c_str());
    }
    return written;
  }
  const auto people = file.Everybody();
  if (!people.ok()) return people.status();
  nlohmann::ordered_json json = {{"key", made.text}};
  json["role"] = options.rights.roles.front();
  json.update(Json((*people)->keys.at(made.id)));
  return WriteOut(JsonText(json));
}

absl::Status Add(const KeyOptions& options) {
  access::NewKey key{.name = options.name, .rights = RightsIn(options)};
  if (!options.expires.empty()) {
    const absl::StatusOr<absl::Time> expires_at = ExpiryIn(options);
    if (!expires_at.ok()) return expires_at.status();
    key.expires_at = *expires_at;
  }
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const auto made = (*file)->AddKey(key, host::SystemClock().Now());
  if (!made.ok()) return made.status();
  absl::Status shown = Show(options, **file, *made);
  // A key that nobody has seen is of no use, and shall be of none to anybody.
  if (!shown.ok()) (*file)->RevokeKey(made->id).IgnoreError();
  return shown;
}

absl::Status Revoke(const KeyOptions& options) {
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const absl::Status revoked = (*file)->RevokeKey(options.id);
  if (!revoked.ok()) return revoked;
  if (!options.json) return WriteOut(absl::StrCat(options.id, " is revoked.\n"));
  const auto people = (*file)->Everybody();
  if (!people.ok()) return people.status();
  return WriteOut(JsonText(Json((*people)->keys.at(options.id))));
}

absl::Status List(const KeyOptions& options) {
  auto file = access::AccessFile::Open(options.data);
  if (!file.ok()) return file.status();
  const auto people = (*file)->Everybody();
  if (!people.ok()) return people.status();
  if (options.json) {
    nlohmann::ordered_json json = {{"keys", nlohmann::ordered_json::array()}};
    for (const auto& [id, key] : (*people)->keys) json["keys"].push_back(Json(key));
    return WriteOut(JsonText(json));
  }
  const absl::Time now = host::SystemClock().Now();
  TextTable table(
      {{"id"}, {"name"}, {"roles"}, {"code"}, {"areas"}, {"units"}, {"expires"}, {"state"}});
  for (const auto& [id, key] : (*people)->keys) {
    table.Add({id, Printable(key.name), Listed(key.rights.roles, ""), Printable(key.rights.code),
               Listed(key.rights.areas, "everywhere"), Listed(key.rights.units, "all"),
               key.expires_at ? access::TimeText(*key.expires_at).substr(0, 19) + "Z" : "never",
               StateOf(key, now)});
  }
  if (table.empty()) return WriteOut("There is no key yet: `gridledger keys add`.\n");
  return WriteOut(table.Print());
}

}  // namespace

void AddKeys(CLI::App& app, Command* chosen) {
  CLI::App* command =
      app.add_subcommand("keys", "Keys by which programs and devices come in by the gateway");
  command->require_subcommand(1);
  command->footer(absl::StrCat(
      "Examples:\n"
      "  gridledger keys add --data city --role sensor --name \"river gauge 7\" --code S-0007 \\\n"
      "      --area 440311005003 --expires 2031-01-01\n"
      "  gridledger keys add --data city --role source --name hotline --json\n"
      "  gridledger keys list --data city\n"
      "  gridledger keys revoke --data city 3f9a0c417be2d856\n\n"
      "They stand in DIR/access.json of the folder that --data DIR names, as hashes: a key is\n"
      "printed once, when it is made. A gateway that runs sees each change at once. Several keys\n"
      "may have one name: add the new one, change over, then revoke the old one.\n",
      std::string(kInstantForms), "\n", host::kExitCodes));

  auto add_options = std::make_shared<KeyOptions>();
  CLI::App* add = command->add_subcommand("add", "Make a key, and print it once");
  AddAccessFolder(*add, add_options.get());
  add->add_option("--name", add_options->name, "What it is for")
      ->type_name("NAME")
      ->required()
      ->check(NotEmpty());
  AddRights(*add, add_options.get());
  add->add_option("--expires", add_options->expires,
                  "From when on it is not valid; never where it is left out")
      ->type_name("INSTANT")
      ->check(NotEmpty());
  add->callback([chosen, add_options] { *chosen = [add_options] { return Add(*add_options); }; });

  auto list_options = std::make_shared<KeyOptions>();
  CLI::App* list = command->add_subcommand("list", "Which keys there are, and of whom");
  AddAccessFolder(*list, list_options.get());
  list->callback(
      [chosen, list_options] { *chosen = [list_options] { return List(*list_options); }; });

  auto revoke_options = std::make_shared<KeyOptions>();
  CLI::App* revoke = command->add_subcommand("revoke", "Make a key invalid, for good");
  AddAccessFolder(*revoke, revoke_options.get());
  revoke->add_option("ID", revoke_options->id, "Which: its id, as list prints it")
      ->required()
      ->check(NotEmpty());
  revoke->callback(
      [chosen, revoke_options] { *chosen = [revoke_options] { return Revoke(*revoke_options); }; });
}

}  // namespace gridledger::cli
