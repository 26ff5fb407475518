#include "services/runtime/adapters/files/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace gridledger::files {
namespace {

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

absl::Status Sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int why = errno;
  if (file >= 0) ::close(file);
  errno = why;
  return synced ? absl::OkStatus() : Failed(path);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  }
  return Sync(FolderOf(folder));
}

absl::Status PutInPlace(const std::string& part, const std::string& path) {
  if (absl::Status status = Sync(part); !status.ok()) return status;
  if (std::rename(part.c_str(), path.c_str()) != 0) return Failed(path);
  return Sync(FolderOf(path));
}

}  // namespace gridledger::files
