// A data folder: the embedded log, the state store and the snapshots of one city on one machine.
//
//   DIR/log         the ledger; can make everything else anew
//   DIR/state       checkpoints of all tasks
//   DIR/snapshots   older states, to start a replay from
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::host {

struct FolderOptions {
  std::string path;
  // For a new folder; a folder that is there keeps its own count.
  int partitions = 8;
  // True: another process may be writing; nothing here is written.
  bool read_only = false;
  // The one limit of the process, of which the stores take about a quarter.
  size_t memory_bytes = size_t{1} << 30;
};

class Folder {
 public:
  // NotFound when it is to be read and is not there; FailedPrecondition when another process writes
  // it; DataLoss when the ledger is damaged. A damaged state is moved aside and rebuilt from a
  // snapshot or from the ledger: said() tells.
  static absl::StatusOr<std::unique_ptr<Folder>> Open(const FolderOptions& options);
  virtual ~Folder() = default;

  virtual EventLog& log() = 0;
  // Null when it is read only and has no state yet.
  virtual StateStore* store() = 0;
  virtual std::unique_ptr<BulkAppender> NewBulk() = 0;
  const std::string& path() const { return path_; }
  // What an operator should know about the opening.
  const std::vector<std::string>& said() const { return said_; }

 protected:
  std::string path_;
  std::vector<std::string> said_;
};

// Names the build in checkpoints.
std::string CodeId();

}  // namespace gridledger::host
