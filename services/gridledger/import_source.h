// The second half of an import: what was sorted, of one partition, as the outside of a lock-step
// run, with the policy in front of it.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"
#include "services/domain/mapping/life_walk.h"
#include "services/runtime/adapters/files/sorter.h"
#include "services/runtime/engine/lockstep.h"

namespace gridledger::cli {

// What opens an import in every partition.
struct ImportOpening {
  v1::Policy policy;
  // The policy's own positions, so that they do not count among the inputs' facts.
  std::string source;
  // Not after any fact; InfiniteFuture when there is none, and then nothing opens.
  absl::Time at;
};

// What sorted observations are walked with.
struct ImportWalk {
  mapping::LifeWalk::Setting setting;
  struct Input {
    std::string source;
    int64_t rows_before = 0;  // that an earlier import of it had read
  };
  std::vector<Input> inputs;
  // Whether an earlier import was cut off, maybe in the middle of an observation.
  bool goes_on = false;
  // Of rows that an earlier import did not have, and that lie before what it had reached.
  std::atomic<int64_t> left_out{0};
};

// (input, row) of rows whose facts do not count.
using DroppedRows = absl::flat_hash_set<std::pair<uint32_t, uint64_t>>;

// `opening` and `dropped` outlive the source. The policy is passed over where it is in force
// already. The facts' entries are v1.Entry.
std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       const DroppedRows& dropped,
                                                       std::unique_ptr<files::SortedFacts> facts);
// The same where they are mapping::Observation. `walk` outlives the source too.
std::unique_ptr<engine::OutsideSource> NewWalkSource(const ImportOpening& opening, ImportWalk* walk,
                                                     std::unique_ptr<files::SortedFacts> facts);

}  // namespace gridledger::cli
