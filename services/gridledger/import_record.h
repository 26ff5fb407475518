// What a data folder remembers of an import, beside the ledger: with which mapping an input came
// in, and how many rows it had. The same input with another mapping would tell another history.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::cli {

// The rows of `source` that earlier imports have read; 0 for a source that is new.
// FailedPrecondition names the differences when it came in with another mapping, DataLoss when the
// record cannot be read.
absl::StatusOr<int64_t> CheckImportRecord(const std::string& folder, const std::string& source,
                                          const v1::Mapping& mapping);
// Durable on return. Never makes the number of rows smaller.
absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const v1::Mapping& mapping, int64_t rows);

}  // namespace gridledger::cli
