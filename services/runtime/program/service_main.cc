#include "services/runtime/program/service_main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>

#include <string>

#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/log_lines.h"
#include "services/runtime/host/signals.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/program/end_watch.h"
#include "services/runtime/program/service_options.h"
#include "services/runtime/program/service_run.h"

namespace gridledger::host {

int ServiceMain(const ServiceProgram& program, int argc, char** argv) {
  const engine::Service* service = FindService(program.name);
  INVARIANT(service != nullptr, "a program of a service that is not there");
  return ServiceMain(program, *service, argc, argv);
}

int ServiceMain(const ServiceProgram& program, const engine::Service& service, int argc,
                char** argv) {
  StopSignals signals(program.front != nullptr);
  const std::string name = absl::StrCat("gridledger-", program.name);
  ServiceOptions options;
  CLI::App app(absl::StrCat("The ", service.name.text(), " service of gridledger, on its own.\n",
                            program.what,
                            "\nA data folder has one writing process: while `gridledger up` runs "
                            "there, use --standby.\nOn a cluster the processes of a group share "
                            "the partitions; whoever comes or goes moves only those."));
  AddOptions(app, options);
  if (program.add_options != nullptr) program.add_options(app);
  app.footer(absl::StrCat(
      "Examples:\n  ", name, " --data city              serve until Ctrl-C\n  ", name,
      " --data city --drain      do what there is to do, and end\n  ", name,
      " --data city --standby    fold beside `gridledger up`\n  ", name,
      " --log kafka:127.0.0.1:9092/city --state /var/lib/city --http 127.0.0.1:8080\n  ", name,
      " --log kafka:127.0.0.1:9092/city --state other --partitions 0-31 --standby\n\n",
      "Every option may stand in the file of --config and in the environment, as GRIDLEDGER_ and "
      "its\nname in capitals (GRIDLEDGER_LOG, GRIDLEDGER_KAFKA_PROPERTIES, "
      "GRIDLEDGER_STANDBY=true); only --data\nis GRIDLEDGER_DATA_FOLDER. What the command line "
      "says comes before the environment, and that before\nthe file.\n\n"
      "On SIGTERM or SIGINT it makes a checkpoint, leaves its group and ends, within seconds also "
      "while\nbrokers hang.\n\n",
      kExitCodes));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  LogTo(options.log_format, name);
  EndWatch watch(&signals, [&program] {
    if (program.front != nullptr) program.front->Reload();
  });
  absl::Status status;
  {
    ServiceRun run(program, service, options);
    status = run.Open();
    if (status.ok()) {
      watch.Opened();
      status = run.Serve(watch);
    }
    if (!status.ok()) {
      Log(LogLevel::kError, "failed", std::string(status.message()),
          {{"service", service.name.text()},
           {"status", absl::StatusCodeToString(status.code())},
           {"exit_code", ExitCodeOf(status)}});
    }
    watch.Kept(ExitCodeOf(status));
    run.Close();
    if (run.stuck()) _exit(ExitCodeOf(status));  // the state is what its last checkpoint says (L5)
  }
  return ExitCodeOf(status);
}

}  // namespace gridledger::host
