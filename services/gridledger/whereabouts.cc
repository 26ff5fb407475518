#include "services/gridledger/whereabouts.h"

#include <algorithm>
#include <utility>

#include "services/gridledger/look.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {

bool Whereabouts::IsApart(const WaitingFact& fact) const {
  const auto found = incidents.find(fact.incident);
  return found != incidents.end() && found->second != fact.partition;
}

// Partitions are added behind the others, and a policy goes into every one that there is.
int Whereabouts::PartitionsAtFirst() const {
  const auto last = std::find(has_policy.rbegin(), has_policy.rend(), true);
  return last == has_policy.rend() ? static_cast<int>(has_policy.size())
                                   : static_cast<int>(has_policy.rend() - last);
}

absl::StatusOr<Whereabouts> LookForIncidents(const CommonOptions& options, host::Folder* folder,
                                             const absl::btree_set<std::string>& asked,
                                             std::vector<Offset> ends) {
  host::View view;
  view.folder = folder;
  view.services = {host::AllServices().front()};  // every service has the same incidents
  view.ends = std::move(ends);
  view.together = true;  // who is missed in one partition is looked for in the others
  view.through_damage = true;
  Whereabouts found;
  std::vector<const incident::State*> states;
  const size_t partitions = static_cast<size_t>(folder->log().partitions());
  const absl::Status looked =
      LookAt(options, "folding", std::move(view), [&](const host::Seen& seen) {
        const incident::State& state = seen.tasks.front().task->incidents();
        states.push_back(&state);
        found.has_policy.push_back(!state.policy.now().version().empty());
        found.stopped.push_back(seen.status);
        std::vector<WaitingFact> here;
        state.parked.Scan([&](const IncidentId& id, const incident::Parked& parked) {
          for (const incident::Parked::Item& item : parked.items) {
            here.push_back(WaitingFact{seen.partition, Offset{item.offset}, id.text()});
          }
        });
        std::sort(here.begin(), here.end(), [](const WaitingFact& a, const WaitingFact& b) {
          return std::tie(a.incident, a.offset) < std::tie(b.incident, b.offset);
        });
        std::move(here.begin(), here.end(), std::back_inserter(found.waiting));
        if (states.size() < partitions) return absl::OkStatus();
        // All are there now, and go when this returns.
        const auto look_for = [&](const std::string& id) {
          if (found.incidents.contains(id)) return;
          for (size_t p = 0; p < states.size(); ++p) {
            if (states[p]->incidents.Find(IncidentId(id)) == nullptr) continue;
            found.incidents.emplace(id, Partition{static_cast<int32_t>(p)});
            return;
          }
        };
        for (const std::string& id : asked) look_for(id);
        for (const WaitingFact& fact : found.waiting) look_for(fact.incident);
        return absl::OkStatus();
      });
  if (!looked.ok()) return looked;
  return found;
}

}  // namespace gridledger::cli
