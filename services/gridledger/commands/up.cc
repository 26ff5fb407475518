// gridledger up: all services in one process over a data folder, and the city as it goes on.
#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "services/domain/metrics/metrics.h"
#include "services/gateway/gateway.h"
#include "services/gridledger/commands/built_in_policies.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/simulate.h"
#include "services/gridledger/commands/trickle_feed.h"
#include "services/gridledger/terminal/background.h"
#include "services/gridledger/terminal/city_screen.h"
#include "services/runtime/console/lockstep_work.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/host/signals.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::cli {
namespace {

struct UpOptions {
  CommonOptions common;
  bool detach = false;
  bool no_simulation = false;
  int64_t trickle_per_hour = 720;
  std::string http;  // HOST:PORT; empty: the default port, or the next that is free
  bool no_http = false;
  gateway::GatewaySettings gateway;
};

// `opened` is called when the folder is ours, if it is opened here at all.
absl::Status FirstData(const UpOptions& options, const std::function<void()>& opened) {
  const absl::StatusOr<size_t> memory = options.common.MemoryBytes();
  if (!memory.ok()) return memory.status();
  auto cut_off = CutOffSimulation(options.common.data);
  if (!cut_off.ok()) return cut_off.status();
  if (!cut_off->has_value()) {
    if (std::filesystem::exists(absl::StrCat(options.common.data, "/log"))) {
      return absl::OkStatus();
    }
    if (absl::Status status = host::CheckIsFolder(options.common.data); !status.ok()) return status;
    if (options.no_simulation) return OpenForWriting(options.common, 8).status();
    std::fprintf(stderr,
                 "There is no data in %s yet: playing the published Yutang period into it.\n",
                 options.common.data.c_str());
    cut_off->emplace();
  } else {
    std::fprintf(stderr, "A simulation was cut off in %s: going on with it.\n",
                 options.common.data.c_str());
  }
  const StopFlag stop;
  SimulateOptions& simulate = **cut_off;
  simulate.common = options.common;
  simulate.common.json = false;
  simulate.prints = !options.common.json;  // the address is all that is printed
  simulate.common.stop = &stop;
  simulate.opened = opened;
  return Simulate(simulate);
}

struct Hooks {
  // The folder is ours: another city's log is not written to.
  std::function<absl::Status()> opened = [] { return absl::OkStatus(); };
  // The address is empty when nothing is answered there.
  std::function<void(const std::string& address)> live = [](const std::string&) {};
};

// Serves until a signal, or until nothing can go on.
absl::Status Serve(const UpOptions& options, host::StopSignals& signals, const Hooks& hooks) {
  const absl::StatusOr<size_t> memory = options.common.MemoryBytes();
  if (!memory.ok()) return memory.status();
  auto folder = OpenForWriting(options.common, 8);
  if (!folder.ok()) return folder.status();
  if (absl::Status status = hooks.opened(); !status.ok()) return status;
  host::LiveCityOptions live;
  live.services = host::AllServices();
  live.threads = options.common.Threads();
  live.tables_bytes_max = host::ShareMemory(*memory).tables;
  live.code_id = host::CodeId();
  gateway::GatewaySettings settings = options.gateway;
  settings.access_folder = options.common.data;
  settings.said = [](absl::string_view text) { spdlog::warn("{}", std::string(text)); };
  host::SystemClock clock;
  const std::unique_ptr<host::Front> front =
      options.no_http ? nullptr : gateway::MakeGateway(&settings);
  if (front != nullptr) live.watch = front->Watch((*folder)->log().partitions());
  auto city = host::LiveCity::Start(&(*folder)->log(), (*folder)->store(), live);
  if (!city.ok()) return city.status();
  std::string address;
  if (front != nullptr) {
    const absl::StatusOr<host::FolderOptions> where = options.common.Folder();
    if (!where.ok()) return where.status();
    absl::StatusOr<std::string> opened = front->Open({.city = city->get(),
                                                      .folder = folder->get(),
                                                      .clock = &clock,
                                                      .where = *where,
                                                      .http = options.http,
                                                      .unfit = nullptr});
    if (!opened.ok()) return opened.status();
    address = *std::move(opened);
    spdlog::info("the city is on {}", address);
  }
  const absl::Cleanup close_front = [&front] {
    if (front != nullptr) front->Close();
  };
  std::unique_ptr<TrickleFeed> trickle;
  if (options.trickle_per_hour > 0 && !options.no_simulation) {
    auto policy = PackPolicy("yutang");
    if (!policy.ok()) return policy.status();
    auto started = TrickleFeed::Start(folder->get(), *std::move(policy), options.trickle_per_hour);
    if (!started.ok()) return started.status();
    trickle = *std::move(started);
  }
  CityScreen screen(folder->get(), options.common.data);
  bool is_ready = false;
  size_t stopped_said = 0;
  int64_t refused_said = 0;
  absl::Time refused_again = absl::InfinitePast();
  while (!(*city)->Failed()) {
    const host::CityLook look = (*city)->Look();
    if (look.live && !is_ready) {
      is_ready = true;
      spdlog::info("live: {} incidents, {} open", look.incidents, look.open);
      hooks.live(address);
      screen.SetAddress(address);
    }
    for (; stopped_said < look.stopped.size(); ++stopped_said) {
      const engine::Live::Stopped& stopped = look.stopped[stopped_said];
      spdlog::error("partition {} stopped at offset {}: {}", stopped.partition.value,
                    stopped.at.value, std::string(stopped.why.message()));
    }
    // The first at once; then, while it goes on, now and then.
    if (look.refused > refused_said && absl::Now() >= refused_again) {
      refused_said = look.refused;
      refused_again = absl::Now() + absl::Seconds(10);
      spdlog::warn("{}", look.last_refusal->text);
    }
    screen.Show(look, trickle == nullptr ? 0 : trickle->appended());
    if (signals.Wait(is_ready ? absl::Seconds(1) : absl::Milliseconds(20))) break;
    if (signals.TakeHangup() && front != nullptr) front->Reload();
  }
  screen.Leave();
  trickle.reset();
  if (front != nullptr) front->Close();
  // What was sent a moment ago is read back, so that the states stand at the ledger's end.
  (*city)->WaitUntilIdle(absl::Now() + absl::Seconds(2));
  const host::CityLook last = (*city)->Look();
  if (absl::Status status = (*city)->Stop(); !status.ok()) return status;
  spdlog::info("ended: {} records folded, {} decisions sent", last.folded, last.decisions_sent);
  return last.stopped.empty() ? absl::OkStatus() : last.stopped.front().why;
}

absl::Status Up(const UpOptions& options) {
  if (!options.detach) {
    if (absl::Status status = FirstData(options, [] {}); !status.ok()) return status;
    host::StopSignals signals(!CityScreen::IsScreen());  // else it ends with its terminal
    spdlog::set_default_logger(spdlog::stderr_logger_mt("gridledger"));
    if (CityScreen::IsScreen()) spdlog::set_level(spdlog::level::warn);
    return Serve(options, signals, {});
  }
  return RunInBackground(
      options.common.data, options.common.json, [&options](Background& background) {
        const auto own = [&background] { background.Own(); };
        if (absl::Status status = FirstData(options, own); !status.ok()) return status;
        host::StopSignals signals(/*hears_hangup=*/true);  // no terminal ends it
        bool has_log = false;
        Hooks hooks;
        hooks.live = [&background](const std::string& address) { background.Ready(address); };
        hooks.opened = [&options, &has_log, &background] {
          background.Own();
          const std::string path = absl::StrCat(options.common.data, "/up.log");
          try {
            spdlog::set_default_logger(spdlog::basic_logger_mt("gridledger", path));
          } catch (const spdlog::spdlog_ex& error) {
            return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", error.what()));
          }
          spdlog::flush_on(spdlog::level::info);
          has_log = true;
          return absl::OkStatus();
        };
        const absl::Status status = Serve(options, signals, hooks);
        if (!status.ok() && has_log) spdlog::error("{}", std::string(status.message()));
        return status;
      });
}

}  // namespace

void AddUp(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "up",
       .summary = "Run all services live in this process, and show the city",
       .examples =
           "  gridledger up --data city                 show the city until Ctrl-C\n"
           "  gridledger up --data city --detach        go on in the background; for scripts\n"
           "  gridledger down --data city               end it\n"
           "  gridledger up --data boston --no-simulation\n"
           "      a ledger of one's own: nobody simulated reports into it\n\n"
           "A folder without data gets the published Yutang period first, then a trickle of "
           "simulated\n"
           "reports. While it runs, the other commands read the same folder from other "
           "terminals.\n",
       .stops_itself = true},
      &options->common, chosen, [options] { return Up(*options); });
  command->add_flag(
      "--detach", options->detach,
      "Return once the city is live; it goes on in the background, and logs to DIR/up.log");
  command
      ->add_option("--http", options->http,
                   "Where the city answers; without it on 127.0.0.1:8311, or the next free port")
      ->type_name("HOST:PORT");
  command->add_flag("--no-http", options->no_http, "Answer nowhere");
  command->add_flag("!--no-public-reads", options->gateway.public_reads,
                    "Show nothing without a key or a session");
  command->add_flag("!--no-public-reports", options->gateway.public_reports,
                    "Take nothing in without a key or a session");
  command
      ->add_option(
          "--jurisdiction", options->gateway.jurisdictions,
          "A jurisdiction_id by which clients of Open311 may call this city; can be repeated")
      ->type_name("ID")
      ->allow_extra_args(false);
  command
      ->add_option("--tls-certificate", options->gateway.certificate_file,
                   "A PEM file of the certificate and its chain, for HTTPS")
      ->type_name("FILE");
  command
      ->add_option("--tls-key", options->gateway.key_file, "The PEM file of the certificate's key")
      ->type_name("FILE");
  command->add_flag("--no-simulation", options->no_simulation,
                    "Neither play a period into a new folder nor let simulated people report");
  command
      ->add_option("--trickle", options->trickle_per_hour, "Simulated reports an hour; 0 for none")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{360'000}))
      ->capture_default_str();
}

void AddDown(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<CommonOptions>();
  AddCommand(app,
             {.name = "down",
              .summary = "End a city that runs in the background",
              .examples = "  gridledger down --data city\n"},
             options.get(), chosen, [options] { return EndBackground(options->data); });
}

}  // namespace gridledger::cli
