// The second half of an import: what was sorted, of one partition, as the outside of a lock-step
// run, with the policy in front of it.
#pragma once

#include <absl/time/time.h>

#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/policy.pb.h"
#include "services/history/files/sorting/sorter.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/import_rows.h"
#include "services/history/mapping/lives/life_walk.h"
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

// What there is of an import besides its sorted rows. All of it outlives the sources.
struct ImportTelling {
  ImportOpening opening;
  mapping::LifeWalk::Setting walk;
  std::string source;  // of the mapping
  const ImportRecord* record = nullptr;
  const RowsRead* read = nullptr;
  std::vector<ImportInput>* inputs =
      nullptr;  // rows that make an entry are marked as in the ledger
};

// The policy is passed over where it is in force already. The facts' entries are ToldRow.
std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportTelling& telling,
                                                       std::unique_ptr<files::SortedFacts> facts);

}  // namespace gridledger::cli
