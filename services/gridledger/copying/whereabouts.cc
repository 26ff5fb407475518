#include "services/gridledger/copying/whereabouts.h"

#include <algorithm>

#include "services/domain/audit/audit.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

// An awaiting fact as the fold keeps it, and where it waits.
struct Kept {
  size_t index = 0;  // in Whereabouts::awaiting
  std::string fact;
};

bool IsToldIn(const engine::Task& task, const IncidentId& id, const std::string& bytes) {
  v1::Fact fact;
  if (!fact.ParseFromString(bytes)) return false;
  for (const audit::TimelineItem& item : audit::Timeline(host::AuditOf(task.subject()), id)) {
    if (item.line.kind == static_cast<uint32_t>(fact.kind_case()) &&
        item.line.happened_at == FromMillis(fact.happened_at_ms())) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool Whereabouts::IsApart(const AwaitingFact& fact) const {
  const auto found = incidents.find(fact.incident);
  return found != incidents.end() && found->second != fact.partition && !fact.told_there;
}

// Partitions are added behind the others, and a policy goes into every one that there is.
int Whereabouts::PartitionsAtFirst() const {
  const auto last = std::find(has_policy.rbegin(), has_policy.rend(), true);
  return last == has_policy.rend() ? static_cast<int>(has_policy.size())
                                   : static_cast<int>(has_policy.rend() - last);
}

absl::StatusOr<Whereabouts> FindWhereabouts(const CommonOptions& options, host::Folder* folder,
                                            const absl::btree_set<std::string>& asked,
                                            std::vector<Offset> ends) {
  host::View view;
  view.folder = folder;
  const engine::Service* const audit = host::FindService("audit");
  INVARIANT(audit != nullptr, "there is an audit service");
  view.services = {*audit};  // it knows what was told of an incident, too
  view.ends = std::move(ends);
  view.together = true;  // who is missed in one partition is looked for in the others
  view.through_damage = true;
  Whereabouts found;
  std::vector<const engine::Task*> tasks;
  std::vector<Kept> kept;
  const size_t partitions = static_cast<size_t>(folder->log().partitions());
  const absl::Status looked =
      FoldWatched(options, "folding", std::move(view), [&](const host::Seen& seen) {
        const engine::Task& task = *seen.tasks.front().task;
        tasks.push_back(&task);
        found.has_policy.push_back(!task.incidents().policy.now().version().empty());
        found.stopped.push_back(seen.status);
        // In the order of the incidents' ids.
        task.incidents().awaiting.Scan([&](const IncidentId& id,
                                           const incident::Awaiting& awaiting) {
          for (const incident::Awaiting::Item& item : awaiting.items) {
            kept.push_back(Kept{found.awaiting.size(), item.fact});
            found.awaiting.push_back(AwaitingFact{seen.partition, Offset{item.offset}, id.text()});
          }
        });
        if (tasks.size() < partitions) return absl::OkStatus();
        // All are there now, and go when this returns.
        const auto look_for = [&](const std::string& id) {
          if (found.incidents.contains(id)) return;
          for (size_t p = 0; p < tasks.size(); ++p) {
            if (tasks[p]->incidents().incidents.Find(IncidentId(id)) == nullptr) continue;
            found.incidents.emplace(id, Partition{static_cast<int32_t>(p)});
            return;
          }
        };
        for (const std::string& id : asked) look_for(id);
        for (const AwaitingFact& fact : found.awaiting) look_for(fact.incident);
        for (const Kept& one : kept) {
          AwaitingFact& fact = found.awaiting[one.index];
          if (!found.IsApart(fact)) continue;
          const Partition there = found.incidents.at(fact.incident);
          fact.told_there = IsToldIn(*tasks[static_cast<size_t>(there.value)],
                                     IncidentId(fact.incident), one.fact);
        }
        return absl::OkStatus();
      });
  if (!looked.ok()) return looked;
  return found;
}

}  // namespace gridledger::cli
