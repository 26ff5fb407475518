// The right to write a log's folder: held by one open LocalLog at a time, in whatever process.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace gridledger::local {

class FolderLock {
 public:
  // FailedPrecondition names the process that has it.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder);
  // Whether some process has it; takes nothing.
  static bool Taken(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int file) : file_(file) {}

  const int file_;
};

}  // namespace gridledger::local
