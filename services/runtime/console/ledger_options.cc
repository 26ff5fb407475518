#include "services/runtime/console/ledger_options.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "services/runtime/cluster/topic_rules.h"
#include "services/runtime/console/lockstep_work.h"
#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/log_name.h"

namespace gridledger::cli {

int CommonOptions::Threads() const {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
