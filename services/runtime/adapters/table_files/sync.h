// What has been written, on the disk.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace gridledger::table_files {

// A file's bytes, or the names in a folder. Unavailable.
absl::Status Sync(const std::string& path);

}  // namespace gridledger::table_files
