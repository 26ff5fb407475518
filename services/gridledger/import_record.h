// What a data folder remembers of an import, beside the ledger: with which mapping an input came
// in, how many rows it had, and whether the import came to its end. The same input with another
// mapping would tell another history.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::cli {

struct ImportRecord {
  int64_t rows = 0;       // that earlier imports have read; 0 for a source that is new
  bool complete = false;  // the last import of it came to its end
};

// FailedPrecondition names the differences when `source` came in with another mapping, DataLoss
// when the record cannot be read.
absl::StatusOr<ImportRecord> CheckImportRecord(const std::string& folder, const std::string& source,
                                               const v1::Mapping& mapping);
// Durable on return. Never makes the number of rows smaller.
absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const v1::Mapping& mapping, ImportRecord record);

}  // namespace gridledger::cli
