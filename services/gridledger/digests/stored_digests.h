// The digests that a data folder has on record: of the state's newest checkpoints and of its
// snapshots. What a replay and a verification compare with.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "services/runtime/host/view.h"

namespace gridledger::cli {

struct StoredDigest {
  TaskId task;
  Offset at;
  Digest digest;
  std::string where;  // "checkpoint" or "snapshot NAME", as in host::SeenTask
};

// By task, then offset. Those that another build wrote in other layouts cannot be compared and are
// left out.
absl::StatusOr<std::vector<StoredDigest>> ReadStoredDigests(
    host::Folder& folder, const std::vector<engine::Service>& services);

// One probe for each recorded digest, in the same order.
std::vector<host::Probe> ProbesFor(const std::vector<StoredDigest>& recorded);

struct Damage {
  StoredDigest of;
  std::string what;
};
// Adds up the stored pairs of every recorded checkpoint: the damages, in the order of the records.
absl::StatusOr<std::vector<Damage>> CheckStoredPairs(host::Folder& folder,
                                                     const std::vector<StoredDigest>& recorded);

}  // namespace gridledger::cli
