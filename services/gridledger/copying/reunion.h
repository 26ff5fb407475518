// What `copy --reunite` tells again: records of a ledger that got more partitions than it was made
// with, and facts that wait apart from their incident. Finds them; writes nothing.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "services/gridledger/copying/ends.h"

namespace gridledger::cli {

// A record that lies in another partition than it belongs in.
struct Stray {
  Partition from;
  Offset at;
  absl::Time timestamp;
  std::string key;
  std::string headers;
  std::string value;
};

struct Reunion {
  std::vector<std::vector<Stray>> strays;  // by the partition where they belong, oldest first
  int64_t told_again = 0;
  // Of the partitions that are given up: what services decided there, ticks, policies that the
  // others have too, and what became of dead letters, which wait again.
  int64_t left_behind = 0;
};

// For a ledger that was made with `partitions`. ResourceExhausted when the strays are more than a
// quarter of the process's memory.
absl::StatusOr<Reunion> FindStrays(const CommonOptions& options, CopySource& source,
                                   const LostPlaces& lost, int partitions);

// The first partitions of a source, as one of their own. The source outlives it.
std::unique_ptr<CopySource> FirstPartitions(CopySource& source, int partitions);

}  // namespace gridledger::cli
