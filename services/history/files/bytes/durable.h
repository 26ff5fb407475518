// Files and folders whose names outlive a power failure.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace gridledger::cli {

// Makes `folder` where it is not there; on disk on return. Unavailable.
absl::Status MakeFolder(const std::string& folder);

// Gives the file at `part` the name `path`, in the same folder and in place of what has it: bytes
// and name are on disk on return. Unavailable.
absl::Status PutInPlace(const std::string& part, const std::string& path);

}  // namespace gridledger::cli
