// Which ledger a program is to work on, and within which limits: what every command takes, however
// it is told; and the ledger opened as they say.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/console/stop_flag.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/memory_size.h"

namespace gridledger::cli {

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

// The folder, opened for reading beside whoever writes it. What opening had to say goes to standard
// error.
absl::StatusOr<std::unique_ptr<host::Folder>> OpenForReading(const CommonOptions& options);

// That the ledger of a cluster may be written to: see host::CheckLedgerIsSafe. `common` has the
// clients' properties.
absl::Status CheckClusterIsSafe(const std::string& log, const CommonOptions& common);

// Writes to standard output. A reader that went away (a closed pipe) is Cancelled without a
// message, which ends a program quietly and well; a full disk is Unavailable.
absl::Status WriteOut(absl::string_view text);

}  // namespace gridledger::cli
