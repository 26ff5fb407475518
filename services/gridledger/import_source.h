// The second half of an import: what was sorted, of one partition, as the outside of a lock-step
// run, with the policy in front of it.
#pragma once

#include <absl/time/time.h>

#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/policy.pb.h"
#include "services/domain/mapping/life_walk.h"
#include "services/gridledger/import_rows.h"
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

// `opening` and `inputs` outlive the source. The policy is passed over where it is in force
// already. The facts' entries are v1.Entry; those of rows that are there twice do not count.
std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       const std::vector<ImportInput>& inputs,
                                                       std::unique_ptr<files::SortedFacts> facts);
// The same where they are mapping::Observation, walked with `walk`, which outlives the source too.
// Rows that make an entry are marked as in the ledger.
std::unique_ptr<engine::OutsideSource> NewWalkSource(const ImportOpening& opening,
                                                     const mapping::LifeWalk::Setting& walk,
                                                     std::vector<ImportInput>& inputs,
                                                     std::unique_ptr<files::SortedFacts> facts);

}  // namespace gridledger::cli
