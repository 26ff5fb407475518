// Whether the ledger has an incident, in whatever partition, and what it has heard of it: asked
// before an import, so that a history that comes in several files stays one. Changes nothing.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/gridledger/import_rows.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

class KnownIncidents {
 public:
  // The folder's states are folded to the end of their logs. It outlives this.
  explicit KnownIncidents(host::Folder& folder) : folder_(folder) {}

  // Looks in partition `likely` first. DataLoss when a state cannot be read.
  absl::StatusOr<std::optional<KnownIncident>> Find(const std::string& id, Partition likely);
  // The same without last_at_ms, for which the incident's whole life is read.
  absl::StatusOr<std::optional<KnownIncident>> Place(const std::string& id, Partition likely);

 private:
  absl::StatusOr<std::optional<KnownIncident>> PlaceIn(const IncidentId& id, Partition partition);
  absl::StatusOr<engine::Task*> TaskOf(Partition partition);

  host::Folder& folder_;
  std::vector<std::unique_ptr<engine::Task>> tasks_;  // of audit, by partition
  std::vector<int> loaded_;                           // incidents that a task holds in memory
};

}  // namespace gridledger::cli
