// The second half of an import: sorted facts of one partition as the outside of a lock-step run,
// with the policy in front of them.
#pragma once

#include <absl/time/time.h>

#include <memory>
#include <string>

#include "gridledger/v1/policy.pb.h"
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

// `opening` outlives the source. The policy is passed over where it is in force already.
std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       std::unique_ptr<files::SortedFacts> facts);

}  // namespace gridledger::cli
