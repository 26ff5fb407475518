// The open incidents of a partition, the most urgent first. Follows from the fold's state and is
// kept beside it, in memory, by the thread that folds: nothing of it is stored or digested.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <optional>

#include "services/answers/incident_row.h"
#include "services/base/ids.h"
#include "services/domain/incident/incident.h"

namespace gridledger::gateway {

class OpenIndex {
 public:
  explicit OpenIndex(Partition partition) : partition_(partition) {}

  // After each change that was applied.
  void Change(const incident::Change& change);
  // What was open before the first change that this index was told of: in steps of so many pairs,
  // in the order of ids. True once it has all.
  bool Load(const incident::State& state, size_t most);
  bool loaded() const { return loaded_; }

  size_t size() const { return keys_.size(); }
  // From the first key on that is beyond `after`, until `visit` answers false.
  void Scan(const std::optional<answers::UrgencyKey>& after,
            absl::FunctionRef<bool(const answers::UrgencyKey&)> visit) const;

 private:
  answers::UrgencyKey KeyOf(const IncidentId& id, const std::optional<absl::Time>& due_at,
                            absl::Time reported_at) const;

  const Partition partition_;
  absl::btree_set<answers::UrgencyKey> keys_;  // × ~120 B
  std::optional<IncidentId> loaded_to_;
  bool loaded_ = false;
};

}  // namespace gridledger::gateway
