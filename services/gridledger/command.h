// How a command joins the command line: it adds its options to the app, and when it is chosen it
// leaves behind what to run. main.cc puts them together; a command never ends the program itself.
#pragma once

#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/gridledger/stop_flag.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/memory_size.h"

namespace gridledger::cli {

// Does the chosen command's work; its status becomes the exit code (host/exit_code.h), its message
// the last line on standard error. A result that is a finding (replays differ, a file is damaged)
// is DataLoss, after what was asked for has been printed.
using Command = std::function<absl::Status()>;

// What every command over a data folder takes.
struct CommonOptions {
  std::string data;
  std::string log;                 // --log; with a local one, `data` is its folder
  std::vector<std::string> kafka;  // NAME=VALUE
  std::string kafka_properties;    // a file of them
  std::string state;               // of a service on a cluster, to begin at its checkpoints
  bool log_is_folder = false;      // --log named a local one
  std::string memory = "1GiB";
  int threads = 0;  // 0: one for each core
  bool json = false;
  const StopFlag* stop = nullptr;  // null where nobody is to end it early; `up` makes its own

  // InvalidArgument when --memory is no size.
  absl::StatusOr<size_t> MemoryBytes() const { return host::ParseMemorySize(memory); }
  int Threads() const;
  // Which ledger is meant. InvalidArgument when none is named, or in no form that there is.
  absl::Status Resolve();
  // To open it, for reading.
  absl::StatusOr<host::FolderOptions> Folder() const;
  // As people know it.
  std::string LedgerText() const { return log.empty() ? data : log; }
};

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

// The folder, opened for reading beside whoever writes it. What opening had to say goes to standard
// error.
absl::StatusOr<std::unique_ptr<host::Folder>> OpenForReading(const CommonOptions& options);

// The same to append a few records to it: a folder has one writer, on a cluster anybody may append.
absl::StatusOr<std::unique_ptr<host::Folder>> OpenToAppend(const CommonOptions& options);

// That the ledger of a cluster may be written to: see host::CheckLedgerIsSafe. `common` has the
// clients' properties.
absl::Status CheckClusterIsSafe(const std::string& log, const CommonOptions& common);

// Writes to standard output. A reader that went away (a closed pipe) is Cancelled without a
// message, which ends a program quietly and well; a full disk is Unavailable.
absl::Status WriteOut(absl::string_view text);

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
void AddUpgrade(CLI::App& app, Command* chosen);
void AddTopics(CLI::App& app, Command* chosen);
void AddCopy(CLI::App& app, Command* chosen);
void AddCompletion(CLI::App& app, Command* chosen);
void AddManual(CLI::App& app, Command* chosen);

}  // namespace gridledger::cli
