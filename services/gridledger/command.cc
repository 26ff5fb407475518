#include "services/gridledger/command.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "services/gridledger/lockstep_work.h"
#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/topic_rules.h"

namespace gridledger::cli {

int CommonOptions::Threads() const {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

CLI::App* AddBareCommand(CLI::App& app, const Teaching& teaching, Command* chosen, Command run) {
  CLI::App* command = app.add_subcommand(teaching.name, teaching.summary);
  command->footer(absl::StrCat("Examples:\n", teaching.examples, "\n", host::kExitCodes));
  command->callback([chosen, run = std::move(run)] { *chosen = run; });
  return command;
}

CLI::App* AddCommand(CLI::App& app, const Teaching& teaching, CommonOptions* options,
                     Command* chosen, Command run) {
  CLI::App* command = AddBareCommand(app, teaching, chosen,
                                     [options, run = std::move(run), needs = teaching.needs_ledger,
                                      stops_itself = teaching.stops_itself] {
                                       const absl::Status status =
                                           needs ? options->Resolve() : absl::OkStatus();
                                       if (!status.ok() || stops_itself)
                                         return status.ok() ? run() : status;
                                       const StopFlag stop;
                                       options->stop = &stop;
                                       return run();
                                     });
  command->add_option("--data", options->data, "The data folder, as made by import, simulate or up")
      ->type_name("DIR")
      ->envname("GRIDLEDGER_DATA_FOLDER");
  command
      ->add_option("--log", options->log,
                   "Another ledger: kafka:HOST:PORT[,HOST:PORT]/PREFIX; local:DIR is --data DIR")
      ->type_name("LOG")
      ->envname("GRIDLEDGER_LOG");
  command
      ->add_option("--kafka", options->kafka,
                   "A property of librdkafka, e.g. security.protocol=SASL_SSL; may be repeated")
      ->type_name("NAME=VALUE")
      ->envname("GRIDLEDGER_KAFKA")
      ->take_all();
  command
      ->add_option("--kafka-properties", options->kafka_properties,
                   "A file of such properties, one a line: the place for passwords")
      ->type_name("FILE")
      ->envname("GRIDLEDGER_KAFKA_PROPERTIES");
  command
      ->add_option("--state", options->state,
                   "With a cluster: a service's state folder, to begin at its checkpoints")
      ->type_name("DIR")
      ->envname("GRIDLEDGER_STATE");
  command->add_flag("--json", options->json, "Print JSON for scripts instead of text for people");
  command->add_option("--memory", options->memory, "The one memory limit, e.g. 512MiB or 2GiB")
      ->type_name("SIZE")
      ->envname("GRIDLEDGER_MEMORY")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads; 0 is one for each core")
      ->type_name("N")
      ->envname("GRIDLEDGER_THREADS")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  return command;
}

absl::Status CommonOptions::Resolve() {
  if (log.empty()) {
    if (!data.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError("--data DIR is required, or --log LOG: name the ledger");
  }
  if (!data.empty() && log != absl::StrCat("local:", data)) {
    return absl::InvalidArgumentError(absl::StrCat("--data ", data, " and --log ", log,
                                                   " name two ledgers: give one of them (--data "
                                                   "may also come from GRIDLEDGER_DATA_FOLDER, "
                                                   "--log from GRIDLEDGER_LOG)"));
  }
  const absl::StatusOr<host::LogName> name = host::ParseLogName(log);
  if (!name.ok()) return name.status();
  if (name->kind == host::LogName::Kind::kFile) {
    return absl::InvalidArgumentError(
        absl::StrCat(log, ": a file is read and written by `gridledger copy` only"));
  }
  data = name->path;
  if (name->kind != host::LogName::Kind::kLocal) return absl::OkStatus();
  log_is_folder = true;
  log.clear();
  return absl::OkStatus();
}

absl::StatusOr<host::FolderOptions> CommonOptions::Folder() const {
  const absl::StatusOr<size_t> memory_bytes = MemoryBytes();
  if (!memory_bytes.ok()) return memory_bytes.status();
  host::FolderOptions folder;
  folder.path = data;
  folder.partitions = 0;
  folder.read_only = true;
  folder.memory_bytes = *memory_bytes;
  if (log.empty()) return folder;
  absl::StatusOr<host::LogName> name = host::ParseLogName(log);
  if (!name.ok()) return name.status();
  folder.log = *std::move(name);
  folder.path = state;
  auto properties = host::ReadKafkaProperties(kafka_properties, kafka);
  if (!properties.ok()) return properties.status();
  folder.kafka = *std::move(properties);
  folder.readers = Threads();
  folder.said = [](int severity, absl::string_view text) {
    if (severity > 4) return;  // notes
    std::fprintf(stderr, "gridledger: %.*s\n", static_cast<int>(text.size()), text.data());
  };
  return folder;
}

absl::StatusOr<std::unique_ptr<host::Folder>> OpenForReading(const CommonOptions& options) {
  absl::StatusOr<host::FolderOptions> where = options.Folder();
  if (!where.ok()) return where.status();
  auto folder = host::Folder::Open(*where);
  if (!folder.ok()) return folder.status();
  for (const std::string& said : (*folder)->said()) {
    std::fprintf(stderr, "gridledger: %s\n", said.c_str());
  }
  return folder;
}

absl::StatusOr<std::unique_ptr<host::Folder>> OpenToAppend(const CommonOptions& options) {
  if (options.log.empty()) return OpenForWriting(options, 0);
  absl::Status safe = CheckClusterIsSafe(options.log, options);
  if (!safe.ok()) return safe;
  return OpenForReading(options);
}

absl::Status CheckClusterIsSafe(const std::string& log, const CommonOptions& common) {
  CommonOptions options = common;
  options.log = log;
  const absl::StatusOr<host::FolderOptions> where = options.Folder();
  return where.ok() ? host::CheckLedgerIsSafe(*where) : where.status();
}

absl::Status WriteOut(absl::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  if (errno == EPIPE) return absl::CancelledError("");
  return absl::UnavailableError(
      absl::StrCat("cannot write to standard output: ", std::strerror(errno)));
}

}  // namespace gridledger::cli
