// Mappings and policies from the files that people write.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"

namespace gridledger::cli {

// NotFound or InvalidArgument, with the path, the line and the column.
absl::StatusOr<v1::Mapping> ReadMapping(const std::string& path);
// Also checked for what a schema cannot say: a version, a zone that this machine knows, percents.
absl::StatusOr<v1::Policy> ReadPolicy(const std::string& path);
// `status` of a mapping that a schema cannot refuse, with the path, and the line and column of the
// field that its message begins with.
absl::Status AtItsPlace(const absl::Status& status, const std::string& mapping_path);
// Compiled as an import would, against the columns that it names itself: zone, times, required
// fields, names of facts and states, and the tables and polygons beside it. What an input's own
// columns are, `gridledger mapping check` says.
absl::Status CheckMapping(const v1::Mapping& mapping, const std::string& mapping_path);
// The policy file that a mapping names, relative to the mapping's own.
std::string PolicyPathOf(const v1::Mapping& mapping, const std::string& mapping_path);

}  // namespace gridledger::cli
