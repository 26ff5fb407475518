// How a command joins the command line: it adds its options to the app, and when it is chosen it
// leaves behind what to run. main.cc puts them together; a command never ends the program itself.
#pragma once

#include <CLI/CLI.hpp>
#include <absl/status/status.h>

#include <functional>
#include <string>

#include "services/runtime/console/ledger_options.h"

namespace gridledger::cli {

// Does the chosen command's work; its status becomes the exit code (host/exit_code.h), its message
// the last line on standard error. A result that is a finding (replays differ, a file is damaged)
// is DataLoss, after what was asked for has been printed.
using Command = std::function<absl::Status()>;

struct Teaching {
  const char* name;
  const char* summary;  // one line
  // Whole lines, indented by two blanks; may go on with what is worth knowing.
  std::string examples;
  bool needs_ledger = true;   // false: none need be named
  bool stops_itself = false;  // what signals do is the command's own affair
};

// A subcommand with --help alone.
CLI::App* AddBareCommand(CLI::App& app, const Teaching& teaching, Command* chosen, Command run);

// A subcommand with --help, --data, --log, --json, --memory and --threads. `options` outlives the
// app's parsing; `run` is what the command does when it is chosen.
CLI::App* AddCommand(CLI::App& app, const Teaching& teaching, CommonOptions* options,
                     Command* chosen, Command run);

// In the order of --help.
void AddImport(CLI::App& app, Command* chosen);
void AddMapping(CLI::App& app, Command* chosen);
void AddSimulate(CLI::App& app, Command* chosen);
void AddUp(CLI::App& app, Command* chosen);
void AddDown(CLI::App& app, Command* chosen);
void AddStatus(CLI::App& app, Command* chosen);
void AddMetrics(CLI::App& app, Command* chosen);
void AddIncident(CLI::App& app, Command* chosen);
void AddIncidents(CLI::App& app, Command* chosen);
void AddReplay(CLI::App& app, Command* chosen);
void AddVerify(CLI::App& app, Command* chosen);
void AddDigest(CLI::App& app, Command* chosen);
void AddExport(CLI::App& app, Command* chosen);
void AddDoctor(CLI::App& app, Command* chosen);
void AddDeadLetters(CLI::App& app, Command* chosen);
void AddUsers(CLI::App& app, Command* chosen);
void AddKeys(CLI::App& app, Command* chosen);
void AddUpgrade(CLI::App& app, Command* chosen);
void AddTopics(CLI::App& app, Command* chosen);
void AddCopy(CLI::App& app, Command* chosen);
void AddCompletion(CLI::App& app, Command* chosen);
void AddManual(CLI::App& app, Command* chosen);

}  // namespace gridledger::cli
