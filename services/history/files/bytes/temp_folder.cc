#include "services/history/files/bytes/temp_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace gridledger::files {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPrefix = "sort-";
constexpr absl::string_view kLock = ".lock";

absl::Status Failed(absl::string_view act, const std::string& path, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("cannot ", act, " ", path, ": ", why));
}

// The lock of a file that is still in its folder; -1 when somebody else has it or it is gone.
int TakeLock(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (file < 0) return -1;
  struct stat about{};
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &about) == 0 && about.st_nlink > 0) {
    return file;
  }
  ::close(file);
  return -1;
}

constexpr mode_t kOwner = 0700;

// For this user alone, where it is not there.
absl::Status MakeOwn(const std::string& folder) {
  std::error_code error;
  fs::create_directories(fs::path(folder).parent_path(), error);
  if (::mkdir(folder.c_str(), kOwner) == 0 || errno == EEXIST) return absl::OkStatus();
  return Failed("make", folder, strerror(errno));
}

}  // namespace

absl::StatusOr<std::string> OwnTempPlace() {
  std::error_code error;
  const fs::path root = fs::temp_directory_path(error);
  const std::string place =
      absl::StrCat(error ? "/tmp" : root.string(), "/gridledger-", ::geteuid());
  if (absl::Status made = MakeOwn(place); !made.ok()) return made;
  struct stat about{};
  if (::lstat(place.c_str(), &about) != 0) return Failed("read", place, strerror(errno));
  const bool own = S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() &&
                   (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (own) return place;
  return Failed("sort in", place, "it is not this user's own folder; TMPDIR names another place");
}

absl::StatusOr<int> OpenUnnamed(const std::string& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    // A file system, as of a network, that has no files without a name.
    std::string path = absl::StrCat(folder, "/.gridledger-XXXXXX");
    file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file >= 0) ::unlink(path.c_str());
  }
  if (file < 0) return Failed("make a file in", folder, strerror(errno));
  return file;
}

absl::StatusOr<std::unique_ptr<TempFolder>> TempFolder::Make(const std::string& place) {
  if (absl::Status made = MakeOwn(place); !made.ok()) return made;
  constexpr int kTriesMax = 100;  // each fails only if another one tidies up at this instant
  for (int i = 0; i < kTriesMax; ++i) {
    // A name that nobody has: the lock's file is made first, so that the folder never stands alone.
    std::string lock_path = absl::StrCat(place, "/", kPrefix, "XXXXXX", kLock);
    const int made = ::mkostemps(lock_path.data(), static_cast<int>(kLock.size()), O_CLOEXEC);
    if (made < 0) return Failed("make a file in", place, strerror(errno));
    ::close(made);
    const int lock = TakeLock(lock_path, 0);
    if (lock < 0) continue;
    std::string path = lock_path.substr(0, lock_path.size() - kLock.size());
    if (::mkdir(path.c_str(), kOwner) != 0) {
      const std::string why = strerror(errno);
      ::unlink(lock_path.c_str());
      ::close(lock);
      return Failed("make", path, why);
    }
    return std::unique_ptr<TempFolder>(new TempFolder(std::move(path), lock));
  }
  return Failed("make a folder in", place, "others keep removing it");
}

absl::StatusOr<int> TempFolder::RemoveAbandoned(const std::string& place) {
  std::error_code error;
  if (!fs::exists(place, error)) return 0;
  std::vector<std::string> locks;
  for (fs::directory_iterator at(place, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kLock)) locks.push_back(at->path());
  }
  if (error) return Failed("read", place, error.message());
  int removed = 0;
  for (const std::string& lock_path : locks) {
    const int lock = TakeLock(lock_path, 0);
    if (lock < 0) continue;
    const std::string path = lock_path.substr(0, lock_path.size() - kLock.size());
    fs::remove_all(path, error);
    if (!error) ::unlink(lock_path.c_str());
    ::close(lock);
    if (error) return Failed("remove", path, error.message());
    ++removed;
  }
  return removed;
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
  if (!error) ::unlink(absl::StrCat(path_, kLock).c_str());  // else the next maker finds it
  ::close(lock_);
}

}  // namespace gridledger::files
