#include "services/history/files/bytes/durable.h"

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "services/runtime/adapters/table_files/sync.h"

namespace gridledger::cli {
namespace {

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
  return table_files::Sync(FolderOf(folder));
}

absl::Status PutInPlace(const std::string& part, const std::string& path) {
  if (absl::Status status = table_files::Sync(part); !status.ok()) return status;
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return table_files::Sync(FolderOf(path));
}

}  // namespace gridledger::cli
