// Looks at a log's folder before anything in it is changed: opening a damaged RocksDB database for
// writing drops and deletes what could still tell, and help.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/adapters/local/database.h"

namespace gridledger::local {

struct Checked {
  std::vector<int64_t> ends;
  std::vector<std::string> warnings;
};

// `witnessed`: the acknowledged ends, or nothing when the witness could not say.
// DataLoss names the first damaged partition and offset. REQUIRES: no process writes the folder.
absl::StatusOr<Checked> CheckFolder(const std::string& folder, const DatabaseOptions& options,
                                    const std::optional<std::vector<int64_t>>& witnessed);

}  // namespace gridledger::local
