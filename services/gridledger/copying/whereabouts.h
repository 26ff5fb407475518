// Where incidents are, and which facts wait in a partition where their incident is not: what comes
// of a key that names another partition than it did. Only looks.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

// Said about an incident whose report has not come in its own partition.
struct AwaitingFact {
  Partition partition;
  Offset offset;
  std::string incident;
  bool told_there = false;  // where its incident is the same was said again
};

struct Whereabouts {
  std::vector<AwaitingFact> awaiting;  // by partition, then incident
  // Of the incidents that were asked for or are waited for, those that are there: in the first
  // partition that has them.
  absl::btree_map<std::string, Partition> incidents;
  // Whether each partition has a policy in force: one that was added to the topic later has none.
  std::vector<bool> has_policy;
  // Why a partition was not folded to its end; OK in all others.
  std::vector<absl::Status> stopped;

  // Waits, its incident is elsewhere, and was not told there.
  bool IsApart(const AwaitingFact& fact) const;
  // As many partitions as the ledger seems to have been made with.
  int PartitionsAtFirst() const;
};

// Folds what the state does not hold yet, up to `ends` of each partition; empty: all.
absl::StatusOr<Whereabouts> FindWhereabouts(const CommonOptions& options, host::Folder* folder,
                                            const absl::btree_set<std::string>& asked,
                                            std::vector<Offset> ends);

}  // namespace gridledger::cli
