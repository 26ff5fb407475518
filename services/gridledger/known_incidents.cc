#include "services/gridledger/known_incidents.h"

#include <algorithm>

#include "services/base/layout.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

constexpr int kLoadedMax = 4096;  // × ~1 KiB, a partition: 4 MiB; a task is quickly opened again

}  // namespace

absl::StatusOr<std::optional<KnownIncident>> KnownIncidents::Find(const std::string& id,
                                                                  Partition likely) {
  absl::StatusOr<std::optional<KnownIncident>> found = Place(id, likely);
  if (!found.ok() || !*found) return found;
  KnownIncident& known = **found;
  const absl::StatusOr<engine::Task*> task = TaskOf(known.partition);
  if (!task.ok()) return task.status();
  const audit::State& audit = host::AuditOf((*task)->subject());
  for (const audit::TimelineItem& item : audit::Timeline(audit, IncidentId(id))) {
    if (item.line.by_service) continue;
    known.last_at_ms = std::max(known.last_at_ms, ToMillis(item.line.happened_at));
  }
  return found;
}

absl::StatusOr<std::optional<KnownIncident>> KnownIncidents::Place(const std::string& id,
                                                                   Partition likely) {
  const IncidentId wanted(id);
  absl::StatusOr<std::optional<KnownIncident>> found = PlaceIn(wanted, likely);
  for (Partition p{0}; found.ok() && !*found && p.value < folder_.log().partitions(); ++p.value) {
    if (p.value != likely.value) found = PlaceIn(wanted, p);
  }
  return found;
}

absl::StatusOr<std::optional<KnownIncident>> KnownIncidents::PlaceIn(const IncidentId& id,
                                                                     Partition partition) {
  const absl::StatusOr<engine::Task*> task = TaskOf(partition);
  if (!task.ok()) return task.status();
  const incident::Incident* const incident = (*task)->incidents().incidents.Find(id);
  if (incident == nullptr) return std::nullopt;
  ++loaded_[static_cast<size_t>(partition.value)];
  return KnownIncident{.partition = partition,
                       .community = std::string(incident->community.text())};
}

// Lives until the next call for the partition.
absl::StatusOr<engine::Task*> KnownIncidents::TaskOf(Partition partition) {
  const auto at = static_cast<size_t>(partition.value);
  if (at >= tasks_.size()) {
    tasks_.resize(static_cast<size_t>(folder_.log().partitions()));
    loaded_.resize(tasks_.size());
  }
  if (tasks_[at] == nullptr || loaded_[at] >= kLoadedMax) {
    const engine::Service* const audit = host::FindService("audit");
    INVARIANT(audit != nullptr, "there is an audit service");
    tasks_[at].reset();
    auto task = engine::Task::Open(*audit, partition, folder_.store(), host::CodeId());
    if (!task.ok()) return task.status();
    tasks_[at] = *std::move(task);
    loaded_[at] = 0;
  }
  return tasks_[at].get();
}

}  // namespace gridledger::cli
