// Whether the ledger has an incident, in whatever partition, and what it has heard of it: asked
// before an import, so that a history that comes in several files stays one. Changes nothing.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::cli {

// What a source or a person said of an incident, be it void.
struct KnownFact {
  v1::Fact::KindCase kind = v1::Fact::KIND_NOT_SET;
  int64_t happened_at_ms = 0;  // their own word
  Offset offset;
};

struct KnownIncident {
  Partition partition;
  std::string community;
  bool is_closed = false;
  std::vector<KnownFact> facts;  // in ledger order
};

class KnownIncidents {
 public:
  // The folder's states are folded to the end of their logs. It outlives this.
  explicit KnownIncidents(host::Folder& folder) : folder_(folder) {}

  // Looks in partition `likely` first. DataLoss when a state cannot be read.
  absl::StatusOr<std::optional<KnownIncident>> Find(const std::string& id, Partition likely);
  // The rounds of a source that an entry of the ledger is of, in order.
  absl::StatusOr<std::vector<int>> RoundsOf(const std::string& source);
  // The record of such a fact; lives until the next one is read. DataLoss when it is none any more.
  absl::StatusOr<const v1::Entry*> Read(Partition partition, Offset offset);

 private:
  absl::StatusOr<std::optional<KnownIncident>> FindIn(const IncidentId& id, Partition partition);
  absl::StatusOr<engine::Task*> TaskOf(Partition partition);

  host::Folder& folder_;
  std::vector<std::unique_ptr<engine::Task>> tasks_;  // of audit, by partition
  std::vector<int> loaded_;                           // incidents that a task holds in memory
  std::unique_ptr<LogReader> reader_;
  RecordBatch batch_;
  v1::Entry entry_;
};

}  // namespace gridledger::cli
