#include "services/history/importing/known_incidents.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "services/base/layout.h"
#include "services/history/importing/import_record.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

// Of all partitions × ~1 KiB = 32 MiB; a task is quickly opened again.
constexpr int kLoadedMax = 32'768;
constexpr int kLoadedMin = 16;  // of a partition

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
  const absl::StatusOr<engine::Task*> task = TaskOf(partition);
  if (!task.ok()) return task.status();
  const incident::Incident* const incident = (*task)->incidents().incidents.Find(id);
  if (incident == nullptr) return std::nullopt;
  ++loaded_[static_cast<size_t>(partition.value)];
  KnownIncident known;
  known.partition = partition;
  known.community = std::string(incident->community.text());
  known.is_closed = incident->phase == incident::Phase::kClosed;
  const audit::State& audit = host::AuditOf((*task)->subject());
  for (const audit::TimelineItem& item : audit::Timeline(audit, id)) {
    if (item.line.by_service) continue;
    known.facts.push_back({.kind = static_cast<v1::Fact::KindCase>(item.line.kind),
                           .happened_at_ms = ToMillis(item.line.happened_at),
                           .offset = item.offset});
  }
  return known;
}

absl::StatusOr<std::vector<int>> KnownIncidents::RoundsOf(const std::string& source) {
  std::set<int> rounds;
  for (Partition p{0}; p.value < folder_.log().partitions(); ++p.value) {
    const absl::StatusOr<engine::Task*> task = TaskOf(p);
    if (!task.ok()) return task.status();
    (*task)->EachMark([&](const engine::SourceName& name, const engine::SourceMark&) {
      const int round = RoundOf(name.text(), source);
      if (round != 0) rounds.insert(round);
    });
  }
  return std::vector<int>(rounds.begin(), rounds.end());
}

absl::StatusOr<const v1::Entry*> KnownIncidents::Read(Partition partition, Offset offset) {
  if (reader_ == nullptr) reader_ = folder_.log().NewReader();
  const auto record = ReadRecordAt(*reader_, partition, offset, &batch_);
  if (!record.ok()) return record.status();
  if (!record->has_value() || !engine::DecodeEntry((*record)->value, &entry_).ok()) {
    return absl::DataLossError(absl::StrCat("partition ", partition.value,
                                            " has no entry at offset ", offset.value,
                                            ", of which the state tells"));
  }
  return &entry_;
}

// Lives until the next call for the partition.
absl::StatusOr<engine::Task*> KnownIncidents::TaskOf(Partition partition) {
  const auto at = static_cast<size_t>(partition.value);
  if (at >= tasks_.size()) {
    tasks_.resize(static_cast<size_t>(folder_.log().partitions()));
    loaded_.resize(tasks_.size());
  }
  if (tasks_[at] == nullptr ||
      loaded_[at] >= std::max(kLoadedMax / folder_.log().partitions(), kLoadedMin)) {
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
