// What an import keeps about each source in DIR/imports: the mapping that it came in by, with all
// that the mapping names, and its rounds. One input told in two ways would be two histories, so
// another mapping for the same source is refused. Which rows each round took: row_store.h.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"

namespace gridledger::cli {

// What one import took. In the ledger its positions have a source of their own.
struct ImportRound {
  int number = 0;
  bool complete = false;  // it came to its end
};

struct ImportRecord {
  int64_t rows = 0;                 // that earlier imports have read; 0 for a source that is new
  std::vector<ImportRound> rounds;  // in the order of their numbers
};

// By what rows become facts.
struct ImportMeans {
  v1::Mapping mapping;
  v1::Policy policy;
  std::map<std::string, uint64_t> files;  // tables and polygons, by the name in the mapping
};

std::string ImportRecordPath(const std::string& folder, const std::string& source);
// Whatever it came in by. No rows when there is no such file, DataLoss when it cannot be read.
absl::StatusOr<ImportRecord> ReadImportRecord(const std::string& path);
// FailedPrecondition names the differences when rows of `source` came in by other means, DataLoss
// when the record cannot be read.
absl::StatusOr<ImportRecord> CheckImportRecord(const std::string& folder, const std::string& source,
                                               const ImportMeans& means);
// Durable on return. Never makes the number of rows smaller.
absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const ImportMeans& means, ImportRecord record);

}  // namespace gridledger::cli
