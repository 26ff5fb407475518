// A folder for stores that are needed for a while: it goes with its owner. One that a killed
// process left behind is removed by the next that makes one in the same place. Never touches what
// another living process has made.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <utility>

namespace gridledger::host {

class ScratchFolder {
 public:
  // `beside`: the folder to make it in, when there is room; else it is in the system's for such.
  explicit ScratchFolder(std::string beside) : beside_(std::move(beside)) {}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  // Made at the first call. Unavailable when there is room nowhere. By one thread at a time.
  absl::StatusOr<std::string> Path();

 private:
  const std::string beside_;
  std::string path_;
  int lock_ = -1;
};

}  // namespace gridledger::host
