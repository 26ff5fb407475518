// The folder of snapshots: older states that were kept under a name, each a state database of its
// own with a list of its tasks. A snapshot is there as a whole or not at all.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/runtime/ports/state_store.h"

namespace gridledger {

struct SnapshotTask {
  TaskId task;
  Checkpoint checkpoint;
};

struct SnapshotSummary {
  std::string name;
  std::string folder = {};  // opens as any state does; to be read only, or copied first
  uint64_t ordinal = 0;     // grows from one snapshot to the next
  std::vector<SnapshotTask> tasks = {};
};

namespace state {

// Letters, digits, '.', '_' and '-', at most 100 of them, not beginning with '.'.
bool IsSnapshotName(absl::string_view name);

// The list of tasks, a text file beside the database's files: `gridledger-snapshot 1 ORDINAL`, then
// a line each with service, partition, next offset, digest, code id (C-escaped) and schema, between
// tabs.
std::string FormatTasks(const SnapshotSummary& snapshot);
bool ParseTasks(absl::string_view text, SnapshotSummary* snapshot);

// Newest first. What has no readable list of tasks is not a snapshot.
std::vector<SnapshotSummary> ListSnapshots(const std::string& snapshots_folder);

// Completes a snapshot whose database lies in UnfinishedSnapshot(): writes the list of tasks, makes
// all of it durable, gives it its name, and drops all but the newest `kept`.
absl::Status FinishSnapshot(const std::string& snapshots_folder, SnapshotSummary snapshot,
                            int kept);
// Removes a snapshot; half removed it is none any more.
void DropSnapshot(const SnapshotSummary& snapshot);
std::string UnfinishedSnapshot(const std::string& snapshots_folder);

// Hard-links the table files, which never change, where the file system has links; copies the rest.
absl::Status CopyDatabase(const std::string& from, const std::string& to);

absl::Status WriteDurably(const std::string& path, absl::string_view text);

}  // namespace state
}  // namespace gridledger
