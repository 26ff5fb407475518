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
  const IncidentId wanted(id);
  absl::StatusOr<std::optional<KnownIncident>> found = FindIn(wanted, likely);
  for (Partition p{0}; found.ok() && !*found && p.value < folder_.log().partitions(); ++p.value) {
    if (p.value != likely.value) found = FindIn(wanted, p);
  }
  return found;
}

absl::StatusOr<std::optional<KnownIncident>> KnownIncidents::FindIn(const IncidentId& id,
                                                                    Partition partition) {
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
  engine::Task& task = *tasks_[at];
  const incident::Incident* const incident = task.incidents().incidents.Find(id);
  if (incident == nullptr) return std::nullopt;
  ++loaded_[at];
  KnownIncident known{.partition = partition, .community = std::string(incident->community.text())};
  for (const audit::TimelineItem& item : audit::Timeline(host::AuditOf(task.subject()), id)) {
    if (item.line.by_service) continue;
    known.last_at_ms = std::max(known.last_at_ms, ToMillis(item.line.happened_at));
  }
  return known;
}

}  // namespace gridledger::cli
