// A folder for what need not outlive its maker: removed with it, and where the maker was killed, by
// the next one that makes a folder in the same place.
//
// PLACE/sort-XXXXXX is the folder, PLACE/sort-XXXXXX.lock is locked as long as its maker lives.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace gridledger::files {

// TMP/gridledger-UID, which only this user reads: rows are people's. Unavailable when somebody else
// has made it.
absl::StatusOr<std::string> OwnTempPlace();

// A file without a name in `folder`, gone when it is closed; its descriptor, open for both.
// Unavailable when the disk fails.
absl::StatusOr<int> OpenUnnamed(const std::string& folder);

class TempFolder {
 public:
  // Makes `place` too, both for this user alone. Unavailable when the disk fails.
  static absl::StatusOr<std::unique_ptr<TempFolder>> Make(const std::string& place);
  // Removes the folders in `place` that nobody holds any more; none is fine. Returns how many.
  static absl::StatusOr<int> RemoveAbandoned(const std::string& place);
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  TempFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;
};

}  // namespace gridledger::files
