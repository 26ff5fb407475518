// A data folder: the embedded log, the state store and the snapshots of one city on one machine. Or
// the ledger of a cluster, and what this process keeps of it.
//
//   DIR/log         the ledger; can make everything else anew
//   DIR/state       checkpoints of all tasks
//   DIR/snapshots   older states, to start a replay from
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/host/log_name.h"
#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::host {

struct FolderOptions {
  std::string path;
  // A ledger elsewhere: `path` then holds what this process keeps of it, its state and its
  // snapshots. Empty: nothing is kept.
  std::optional<LogName> log = {};
  std::map<std::string, std::string> kafka = {};  // properties of librdkafka
  // What the clients of a cluster have to say; `severity` as in syslog. From any thread, and quick.
  std::function<void(int severity, absl::string_view text)> said = [](int, absl::string_view) {};
  int readers = 1;  // of the log, that share its memory
  // For a new folder; a folder that is there keeps its own count.
  int partitions = 8;
  // True: another process may be writing; nothing here is written.
  bool read_only = false;
  // For an import or a simulation: what it reads again it has in memory, and caches that fill with
  // what it has written would only grow with the history.
  bool bulk = false;
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
  // Null where there is no bulk appending: on a cluster.
  virtual std::unique_ptr<BulkAppender> NewBulk() = 0;
  // Where this process may keep files of its own.
  const std::string& path() const { return path_; }
  // As it is named to people.
  const std::string& name() const { return name_; }
  // What an operator should know about the opening.
  const std::vector<std::string>& said() const { return said_; }
  // DataLoss when the folder was opened for reading and its state is damaged: store() is null then,
  // and everything is folded from the ledger.
  const absl::Status& state_status() const { return state_status_; }

 protected:
  std::string path_;
  std::string name_;
  std::vector<std::string> said_;
  absl::Status state_status_;
};

// A file where a folder is named is a slip of the pen, not of the disk: InvalidArgument.
absl::Status CheckIsFolder(const std::string& path);

// Names the build in checkpoints.
std::string CodeId();

}  // namespace gridledger::host
