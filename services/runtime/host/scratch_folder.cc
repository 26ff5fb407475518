#include "services/runtime/host/scratch_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace gridledger::host {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPrefix = "scratch-";

std::string TemporaryFolder() {
  std::error_code error;
  const fs::path path = fs::temp_directory_path(error);
  return error ? "/tmp" : path.string();
}
std::string LockIn(const std::string& folder) { return folder + "/lock"; }

// A scratch folder whose lock nobody holds has lost its process. One without a lock is just being
// made.
void Sweep(const std::string& parent) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
    if (!absl::StartsWith(entry.path().filename().string(), std::string(kPrefix))) continue;
    const int lock = open(LockIn(entry.path().string()).c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) continue;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
    close(lock);
  }
}

}  // namespace

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  std::error_code error;
  fs::remove_all(path_, error);
  close(lock_);
}

absl::StatusOr<std::string> ScratchFolder::Path() {
  if (!path_.empty()) return path_;
  for (const std::string& parent : {beside_, TemporaryFolder()}) {
    Sweep(parent);
    std::string name = absl::StrCat(parent, "/", kPrefix, "XXXXXX");
    if (mkdtemp(name.data()) == nullptr) continue;
    lock_ = open(LockIn(name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) continue;
    path_ = name;
    return path_;
  }
  return absl::UnavailableError(absl::StrCat("cannot make a scratch folder in ", beside_, " or in ",
                                             TemporaryFolder(),
                                             ": give one of them room, or set TMPDIR"));
}

}  // namespace gridledger::host
