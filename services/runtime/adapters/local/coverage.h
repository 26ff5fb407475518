// Which records the files of a log's folder still hold, found without the database's own list of
// them: for telling what is gone when the database does not open.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/adapters/local/database.h"

namespace gridledger::local {

// Runs of offsets, by partition.
class Coverage {
 public:
  void Add(Partition partition, Offset offset);
  // The first offset that is not there, and the one after the last that is.
  int64_t FirstMissing(Partition partition) const;
  int64_t End(Partition partition) const;
  // The highest partition that has any record; -1 when there is none.
  int LastPartition() const { return runs_.empty() ? -1 : runs_.rbegin()->first.value; }

 private:
  // First offset of a run → the offset after its last.
  absl::btree_map<Partition, absl::btree_map<int64_t, int64_t>> runs_;
};

// Reads every sorted file and every write-ahead log that can be read, as far as it can be read.
// Changes nothing in the folder.
Coverage ReadCoverage(const std::string& folder, const DatabaseOptions& options);

// Why the database does not open, in terms of records: DataLoss with the first partition and offset
// that is gone. `error` is what the opening said.
absl::Status ExplainUnopenable(const std::string& folder, const DatabaseOptions& options,
                               const std::optional<std::vector<int64_t>>& witnessed,
                               const absl::Status& error);

}  // namespace gridledger::local
