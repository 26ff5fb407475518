// gridledger doctor: what is wrong with this machine, these settings, this mapping or this ledger,
// before it is found out the hard way. Mends nothing.
#include <sys/stat.h>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/doctor/findings.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/history/importing/read_yaml.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

struct DoctorOptions {
  CommonOptions common;
  std::string mapping;
};

const char* NameOf(Health health) {
  switch (health) {
    case Health::kOk: return "ok";
    case Health::kWarn: return "warn";
    case Health::kBad: return "bad";
  }
  return "";
}

Colour ColourOf(Health health) {
  switch (health) {
    case Health::kOk: return Colour::kGreen;
    case Health::kWarn: return Colour::kYellow;
    case Health::kBad: return Colour::kRed;
  }
  return Colour::kNone;
}

// False when no ledger can be meant by them.
bool ExamineSettings(CommonOptions& options, Findings* findings) {
  const absl::Status resolved = options.Resolve();
  const auto folder = resolved.ok() ? options.Folder() : resolved;
  if (!folder.ok()) {
    findings->push_back(BadFinding("settings", folder.status(), ""));
    return false;
  }
  struct stat there;
  const std::string& passwords = options.kafka_properties;
  if (!passwords.empty() && stat(passwords.c_str(), &there) == 0 && (there.st_mode & 077) != 0) {
    findings->push_back({"settings", Health::kWarn,
                         absl::StrCat(passwords, " can be read by other users"),
                         absl::StrCat("chmod 600 ", passwords)});
    return true;
  }
  findings->push_back(
      {"settings", Health::kOk, absl::StrCat("the ledger is ", options.LedgerText()), ""});
  return true;
}

void ExamineMapping(const std::string& path, Findings* findings) {
  const absl::StatusOr<v1::Mapping> mapping = ReadMapping(path);
  if (!mapping.ok()) {
    findings->push_back(BadFinding("mapping", mapping.status(),
                                   "deploy/mappings/boston311.yaml is one to compare with"));
    return;
  }
  if (const absl::Status sound = CheckMapping(*mapping, path); !sound.ok()) {
    findings->push_back(
        BadFinding("mapping", sound,
                   "mend it there; `gridledger mapping check` then says what it makes of a file"));
    return;
  }
  findings->push_back({"mapping", Health::kOk, path, ""});
  const std::string policy_path = PolicyPathOf(*mapping, path);
  const absl::StatusOr<v1::Policy> policy = ReadPolicy(policy_path);
  if (!policy.ok()) {
    findings->push_back(BadFinding(
        "its policy", policy.status(),
        absl::StrCat("`policy` in ", path, " names it, relative to the mapping's own folder")));
    return;
  }
  findings->push_back(
      {"its policy", Health::kOk, absl::StrCat(policy_path, ", version ", policy->version()), ""});
}

std::string PrintText(const Findings& findings) {
  TextTable table({{"about"}, {""}, {"found"}});
  for (const Finding& one : findings) {
    table.Add({one.about, {NameOf(one.health), ColourOf(one.health)}, Printable(one.said)});
    if (!one.advice.empty()) table.AddNote(absl::StrCat("→ ", Printable(one.advice)));
  }
  return table.Print();
}

std::string PrintJson(const Findings& findings) {
  nlohmann::ordered_json json;
  json["sound"] = std::none_of(findings.begin(), findings.end(),
                               [](const Finding& one) { return one.health == Health::kBad; });
  json["checks"] = nlohmann::ordered_json::array();
  for (const Finding& one : findings) {
    json["checks"].push_back({{"about", one.about},
                              {"verdict", NameOf(one.health)},
                              {"found", one.said},
                              {"advice", one.advice}});
  }
  return JsonText(json);
}

absl::Status Examine(DoctorOptions& options) {
  Findings findings;
  CommonOptions& common = options.common;
  const bool named = !common.data.empty() || !common.log.empty();
  const bool meant = named && ExamineSettings(common, &findings);
  ExamineMachine(common, common.log.empty() ? common.data : common.state, &findings);
  if (!options.mapping.empty()) ExamineMapping(options.mapping, &findings);
  if (meant) ExamineLedger(common, &findings);
  absl::Status written = WriteOut(common.json ? PrintJson(findings) : PrintText(findings));
  if (!written.ok()) return written;
  const auto bad = std::find_if(findings.begin(), findings.end(),
                                [](const Finding& one) { return one.health == Health::kBad; });
  if (bad != findings.end()) {
    return absl::Status(bad->code, absl::StrCat("mend this first: ", bad->about, ": ", bad->said,
                                                bad->advice.empty() ? "" : "; ", bad->advice));
  }
  if (common.json) return absl::OkStatus();
  const auto warnings = std::count_if(findings.begin(), findings.end(), [](const Finding& one) {
    return one.health == Health::kWarn;
  });
  return WriteOut(warnings == 0
                      ? "\nAll is well.\n"
                      : absl::StrCat("\nNothing is broken; ", warnings, " to think about.\n"));
}

}  // namespace

void AddDoctor(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "doctor",
       .summary = "What is wrong with this machine, these settings, a mapping or a ledger",
       .examples =
           "  gridledger doctor                        this machine alone\n"
           "  gridledger doctor --data city\n"
           "  gridledger doctor --data city --json | jq '.checks[] | select(.verdict != \"ok\")'\n"
           "  gridledger doctor --mapping deploy/mappings/boston311.yaml\n"
           "\n"
           "Each line is ok, warn or bad; the first bad one is told at the end, with what to do,\n"
           "and gives the exit code. Reads a few records and every checkpoint's head: whether\n"
           "every record and pair is sound, `gridledger verify` says. Works beside a running\n"
           "`gridledger up`.\n",
       .needs_ledger = false},
      &options->common, chosen, [options] { return Examine(*options); });
  command
      ->add_option("--mapping", options->mapping,
                   "A mapping to compile as an import would, and the policy beside it")
      ->type_name("FILE");
}

}  // namespace gridledger::cli
