#include "services/runtime/host/service_main.h"

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <string>
#include <thread>

#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/signals.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

struct ServiceOptions {
  std::string data;
  std::string memory = "1GiB";
  int threads = 1;
  bool drain = false;
  bool standby = false;
};

absl::Status Serve(const engine::Service& service, const ServiceOptions& options,
                   StopSignals& signals) {
  const absl::StatusOr<size_t> memory = ParseMemorySize(options.memory);
  if (!memory.ok()) return memory.status();
  auto folder = Folder::Open(FolderOptions{.path = options.data,
                                           .partitions = 0,
                                           .read_only = options.standby,
                                           .memory_bytes = *memory});
  if (!folder.ok()) return folder.status();
  for (const std::string& said : (*folder)->said()) spdlog::warn("{}", said);
  LiveCityOptions live;
  live.services = {service};
  live.threads = options.threads;
  live.tables_bytes_max = ShareMemory(*memory).tables;
  live.outputs = !options.standby;
  live.code_id = CodeId();
  // A standby reads beside the writer: its state is in memory only.
  auto city =
      LiveCity::Start(&(*folder)->log(), options.standby ? nullptr : (*folder)->store(), live);
  if (!city.ok()) return city.status();
  spdlog::info("{} began on {}", service.name.text(), options.data);
  bool said_live = false;
  while (!(*city)->Failed()) {
    if (options.drain && (*city)->WaitUntilIdle(absl::Now() + absl::Milliseconds(200))) break;
    if (signals.Wait(options.drain ? absl::ZeroDuration() : absl::Milliseconds(500))) break;
    const CityLook look = (*city)->Look();
    if (look.live && !said_live) spdlog::info("{} is live", service.name.text());
    said_live = said_live || look.live;
    if (!look.stopped.empty() && look.stopped.size() == look.tasks.size()) break;
  }
  const CityLook last = (*city)->Look();
  for (const engine::Live::Stopped& stopped : last.stopped) {
    spdlog::error("partition {} stopped: {}", stopped.partition.value, stopped.why.ToString());
  }
  if (absl::Status status = (*city)->Stop(); !status.ok()) return status;
  spdlog::info("{} ended: {} records folded, {} decisions sent", service.name.text(), last.folded,
               last.decisions_sent);
  return last.stopped.empty() ? absl::OkStatus() : last.stopped.front().why;
}

}  // namespace

int ServiceMain(const ServiceProgram& program, int argc, char** argv) {
  StopSignals signals;
  spdlog::set_default_logger(spdlog::stderr_logger_mt("gridledger"));
  const engine::Service* service = FindService(program.name);
  INVARIANT(service != nullptr, "a program of a service that is not there");
  ServiceOptions options;
  CLI::App app(
      absl::StrCat("The ", service->name.text(),
                   " service of gridledger, alone over a data folder.\n", program.what, "\n",
                   "A folder has one writing process: while `gridledger up` runs there, use "
                   "--standby."));
  app.add_option("--data", options.data, "The data folder, as made by import, simulate or up")
      ->required()
      ->envname("GRIDLEDGER_DATA_FOLDER");
  app.add_option("--memory", options.memory, "The one memory limit, e.g. 512MiB")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads, each with some of the partitions")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--drain", options.drain, "End when nothing is left to do");
  app.add_flag("--standby", options.standby, "Fold beside the writer, and send nothing");
  const std::string example = absl::StrCat("  gridledger-", program.name);
  app.footer(absl::StrCat("Examples:\n", example, " --data city              serve until Ctrl-C\n",
                          example, " --data city --drain      do what there is to do, and end\n",
                          example, " --data city --standby    fold beside `gridledger up`\n\n",
                          kExitCodes));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Serve(*service, options, signals);
  if (!status.ok()) spdlog::error("{}", std::string(status.message()));
  return ExitCodeOf(status);
}

}  // namespace gridledger::host
