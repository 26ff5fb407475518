// gridledger manual: gridledger(1) as man reads it, from the same words as --help.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/command_tree.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {
namespace {

// Text as it stands: no character of it is a request, and hyphens stay what people type.
std::string Roff(absl::string_view text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"},
                                               {"-", "\\-"},
                                               {"`", "\\(ga"},
                                               {"'", "\\(aq"},
                                               {"^", "\\(ha"},
                                               {"~", "\\(ti"}});
  if (absl::StartsWith(out, ".")) out.insert(0, "\\&");
  return out;
}

// Lines as they stand, without those that are empty at either end.
void AppendAsItStands(absl::string_view text, std::string* out) {
  absl::StrAppend(out, ".nf\n");
  for (const absl::string_view line : absl::StrSplit(absl::StripAsciiWhitespace(text), '\n')) {
    absl::StrAppend(out, line.empty() ? ".sp" : Roff(line), "\n");
  }
  absl::StrAppend(out, ".fi\n");
}

// A description as a sentence.
std::string Sentence(const std::string& said) {
  const bool ended = said.empty() || absl::StrContains(".!?)", said.substr(said.size() - 1));
  return absl::StrCat(Roff(said), ended ? "" : ".");
}

// "\fB\-\-data\fR \fIDIR\fR"
std::string Names(const OptionForm& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.names)
    names.push_back(absl::StrCat("\\fB", Roff(name), "\\fR"));
  std::string out = absl::StrJoin(names, ", ");
  if (option.value.empty()) return out;
  absl::StrAppend(&out, out.empty() ? "" : " ", "\\fI", Roff(option.value), "\\fR",
                  option.names.empty() && option.repeats ? " ..." : "");
  return out;
}

void AppendOption(const OptionForm& option, std::string* out) {
  absl::StrAppend(out, ".TP\n", Names(option), "\n", Sentence(option.said));
  if (!option.choices.empty()) {
    absl::StrAppend(out, "\nOne of ", Roff(absl::StrJoin(option.choices, ", ")), ".");
  }
  if (!option.range.empty()) {
    absl::StrAppend(out, "\nFrom ", Roff(absl::StrReplaceAll(option.range, {{" - ", " to "}})),
                    ".");
  }
  if (!option.by_default.empty()) {
    absl::StrAppend(out, "\nUnless told: ", Roff(option.by_default), ".");
  }
  if (option.required) absl::StrAppend(out, "\nRequired.");
  absl::StrAppend(out, "\n");
}

std::string Usage(const CommandForm& command) {
  std::string out = absl::StrCat("\\fBgridledger ", Roff(command.name), "\\fR");
  for (const OptionForm& option : command.options) {
    if (option.required) absl::StrAppend(&out, " ", Names(option));
  }
  if (!command.commands.empty()) absl::StrAppend(&out, " \\fIcommand\\fR");
  absl::StrAppend(&out, " [\\fIoptions\\fR]");
  for (const OptionForm& place : command.places) {
    absl::StrAppend(&out, place.required ? " " : " [", Names(place), place.required ? "" : "]");
  }
  return out;
}

bool Has(const std::vector<OptionForm>& options, const OptionForm& option) {
  return std::any_of(options.begin(), options.end(), [&](const OptionForm& own) {
    return own.names == option.names && own.said == option.said;
  });
}

bool IsOverALedger(const CommandForm& command) {
  return std::any_of(command.options.begin(), command.options.end(), [](const OptionForm& option) {
    return std::count(option.names.begin(), option.names.end(), "--log") > 0;
  });
}

// Those that every command over a ledger has, so that they need not stand there each time.
std::vector<OptionForm> CommonOptionsOf(const std::vector<CommandForm>& commands) {
  std::vector<OptionForm> common;
  for (const OptionForm& option : commands.front().options) {
    const bool everywhere =
        std::all_of(commands.begin(), commands.end(), [&](const CommandForm& command) {
          return !IsOverALedger(command) || Has(command.options, option);
        });
    if (everywhere) common.push_back(option);
  }
  return common;
}

void AppendCommand(const CommandForm& command, const std::vector<OptionForm>& common,
                   std::string* out) {
  absl::StrAppend(out, ".SS ", Roff(command.name), "\n", Sentence(command.said), "\n.PP\n",
                  Usage(command), "\n");
  for (const OptionForm& place : command.places) AppendOption(place, out);
  for (const OptionForm& option : command.options) {
    if (!Has(common, option)) AppendOption(option, out);
  }
  // The exit codes are the same everywhere, and stand once.
  const std::string footer = absl::StrReplaceAll(command.footer, {{host::kExitCodes, ""}});
  if (absl::StripAsciiWhitespace(footer).empty()) return;
  absl::StrAppend(out, ".PP\n");
  AppendAsItStands(footer, out);
}

void AppendEnvironment(const std::vector<CommandForm>& commands, std::string* out) {
  std::map<std::string, std::string> variables;  // and the option that each stands for
  for (const CommandForm& command : commands) {
    for (const OptionForm& option : command.options) {
      if (!option.environment.empty()) variables[option.environment] = option.names.back();
    }
  }
  absl::StrAppend(out, ".SH ENVIRONMENT\n");
  for (const auto& [variable, option] : variables) {
    absl::StrAppend(out, ".TP\n\\fB", Roff(variable), "\\fR\nStands for ", Roff(option),
                    " where that is not given.\n");
  }
  absl::StrAppend(out,
                  ".TP\n\\fBNO_COLOR\\fR\nNo colours, on a terminal either.\n"
                  ".TP\n\\fBTMPDIR\\fR\nWhere files go that need not last.\n");
}

std::string Manual(const CLI::App& app) {
  const CommandForm program = ProgramForm(app);
  const std::vector<CommandForm> commands = Flat(CommandForms(app));
  std::string out = absl::StrCat(
      ".\\\" Made by `gridledger manual`.\n"
      ".TH GRIDLEDGER 1 \"\" \"gridledger ",
      GRIDLEDGER_VERSION,
      "\" \"User Commands\"\n"
      ".SH NAME\n"
      "gridledger \\- ",
      Roff(absl::StripPrefix(program.said, "gridledger: ")),
      "\n.SH SYNOPSIS\n\\fBgridledger\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n"
      ".SH DESCRIPTION\n"
      "Incidents of a city are records of an append\\-only ledger; services dispatch, escalate, "
      "count and audit them, and each state can be made anew from the ledger.\n"
      ".PP\n");
  AppendAsItStands(absl::StrReplaceAll(program.footer, {{host::kExitCodes, ""}}), &out);
  const std::vector<OptionForm> common = CommonOptionsOf(commands);
  absl::StrAppend(&out, ".SH OPTIONS\nOf every command over a ledger:\n");
  for (const OptionForm& option : common) AppendOption(option, &out);
  absl::StrAppend(&out, ".SH COMMANDS\n");
  for (const CommandForm& command : commands) AppendCommand(command, common, &out);
  AppendEnvironment(commands, &out);
  absl::StrAppend(&out, ".SH EXIT STATUS\n");
  AppendAsItStands(absl::StripPrefix(host::kExitCodes, "Exit codes:\n"), &out);
  return out;
}

}  // namespace

void AddManual(CLI::App& app, Command* chosen) {
  AddBareCommand(app,
                 {.name = "manual",
                  .summary = "gridledger(1) for man, from the same words as --help",
                  .examples = "  gridledger manual | man -l -\n"
                              "  gridledger manual >/usr/local/share/man/man1/gridledger.1\n"},
                 chosen, [&app] { return WriteOut(Manual(app)); });
}

}  // namespace gridledger::cli
