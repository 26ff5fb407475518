// gridledger: the command line. Puts the commands together, runs the chosen one, and turns its
// status into an exit code.
#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "services/gridledger/commands/command.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {
namespace {

constexpr const char* kFooter =
    "Begin with:\n"
    "  gridledger simulate --data city      play a published period into a new folder\n"
    "  gridledger status   --data city      where each service stands\n"
    "  gridledger metrics  --data city      the rates, as of now or of any instant\n"
    "  gridledger incidents --data city     the open ones, the most urgent first\n"
    "\n";

int Main(int argc, char** argv) {
  // A reader that goes away is an ordinary end of `gridledger export | head`, told by write().
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app("gridledger: an event-sourced incident pipeline for cities.");
  app.footer(absl::StrCat(kFooter, host::kExitCodes));
  app.get_formatter()->column_width(28);
  Command chosen;
  AddImport(app, &chosen);
  AddMapping(app, &chosen);
  AddSimulate(app, &chosen);
  AddUp(app, &chosen);
  AddDown(app, &chosen);
  AddStatus(app, &chosen);
  AddMetrics(app, &chosen);
  AddIncidents(app, &chosen);
  AddIncident(app, &chosen);
  AddReplay(app, &chosen);
  AddVerify(app, &chosen);
  AddDigest(app, &chosen);
  AddExport(app, &chosen);
  AddDoctor(app, &chosen);
  AddDeadLetters(app, &chosen);
  AddUsers(app, &chosen);
  AddKeys(app, &chosen);
  AddUpgrade(app, &chosen);
  AddCopy(app, &chosen);
  AddTopics(app, &chosen);
  AddCompletion(app, &chosen);
  AddManual(app, &chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!chosen) {
    std::fprintf(stderr, "gridledger: which command? `gridledger --help` lists them\n");
    return 2;
  }
  const absl::Status status = chosen();
  if (status.ok() || (absl::IsCancelled(status) && status.message().empty())) return 0;
  std::fprintf(stderr, "gridledger: %s\n", PrintableLines(status.message()).c_str());
  return host::ExitCodeOf(status);
}

}  // namespace
}  // namespace gridledger::cli

int main(int argc, char** argv) { return gridledger::cli::Main(argc, argv); }
