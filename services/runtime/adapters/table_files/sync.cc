#include "services/runtime/adapters/table_files/sync.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstring>

namespace gridledger::table_files {

absl::Status Sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (synced) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot sync ", path, ": ", strerror(error)));
}

}  // namespace gridledger::table_files
