// Counts how many different fingerprints were given, in bounded memory: what does not fit lies in
// sorted runs on disk, which are merged once.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/files/temp_folder.h"

namespace gridledger::files {

class DistinctCounter {
 public:
  struct Options {
    // Of what waits in memory, about. Below 64 KiB counts as 64 KiB.
    size_t memory_bytes = size_t{16} << 20;
    // Made when something has to be put away.
    std::string temp_folder;
  };

  explicit DistinctCounter(Options options);
  DistinctCounter(const DistinctCounter&) = delete;
  DistinctCounter& operator=(const DistinctCounter&) = delete;

  // Unavailable when the disk fails or is full.
  absl::Status Add(uint64_t fingerprint);
  // How many different ones; frees the memory. Call once. DataLoss when a run cannot be read.
  absl::StatusOr<int64_t> Count();

  // Sorted runs on disk; 0 while all is in memory.
  int runs() const { return runs_; }

 private:
  void SortValues();
  absl::Status PutAway();
  std::string RunPath(int run) const;
  absl::StatusOr<int64_t> Merge() const;

  const std::string temp_folder_;
  const size_t values_max_;
  std::vector<uint64_t> values_;
  int runs_ = 0;
  std::unique_ptr<TempFolder> temp_;
};

}  // namespace gridledger::files
