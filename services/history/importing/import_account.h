// Where every row of an import went: the sums add up, whatever was there before and however often
// the import was cut off, because they are read off the ledger.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "services/history/importing/import_rows.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

// rows = applied + void + rejected + ignored.
struct RowAccount {
  int64_t applied = 0;                     // every fact of the row counts
  int64_t void_rows = 0;                   // a fact of the row counts for nothing
  int64_t void_facts = 0;                  // of these rows
  int64_t ignored = 0;                     // by a stated rule: the row says nothing new
  std::map<std::string, int64_t> reasons;  // of all that was not applied, in rows
  std::vector<std::string> lists;          // of void rows, one an input that has any
};

// After the run. Each row counts once: rejected, or the same as one before it, or in the ledger,
// and then void by the first of its void facts. DataLoss when the ledger or the state cannot be
// read, or does not hold what was read.
absl::StatusOr<RowAccount> AccountForRows(host::Folder& folder, const std::string& source,
                                          const RowsRead& read, std::vector<ImportInput>& inputs);

}  // namespace gridledger::cli
