// A folder that is gone with its scope.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace gridledger {

class TemporaryFolder {
 public:
  // In memory when `fast` and the machine has a file system for it: for tests that open and sync
  // often, and are not about the disk.
  explicit TemporaryFolder(bool fast = false) {
    const std::string root =
        fast && std::filesystem::is_directory("/dev/shm") ? "/dev/shm/" : testing::TempDir();
    path_ = root + "gridledger-test-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr) << "cannot make a folder in " << root;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace gridledger
