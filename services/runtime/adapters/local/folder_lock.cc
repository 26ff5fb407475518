#include "services/runtime/adapters/local/folder_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <cerrno>
#include <cstring>

namespace gridledger::local {
namespace {

std::string PathIn(const std::string& folder) { return folder + "/writer"; }

// Locks of the open file, not of the process: two logs in one process exclude one another too.
struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& folder) {
  const std::string path = PathIn(folder);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", strerror(errno)));
  }
  std::unique_ptr<FolderLock> taken(new FolderLock(file));
  struct flock lock = WholeFile();
  if (::fcntl(file, F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return absl::UnavailableError(absl::StrCat("cannot lock ", path, ": ", strerror(errno)));
    }
    char who[32] = {};
    const ssize_t size = ::pread(file, who, sizeof(who) - 1, 0);
    const absl::string_view process =
        absl::StripSuffix(absl::string_view(who, size > 0 ? size : 0), "\n");
    return absl::FailedPreconditionError(
        absl::StrCat("another gridledger process writes ", folder, " (process ", process,
                     "). Stop it, or open the folder for reading only"));
  }
  // For the eyes of the one who is refused; nothing depends on it.
  const std::string own = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, own.data(), own.size(), 0) < 0) errno = 0;
  return taken;
}

bool FolderLock::Taken(const std::string& folder) {
  const int file = ::open(PathIn(folder).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct flock lock = WholeFile();
  const bool taken = ::fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  return taken;
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace gridledger::local
