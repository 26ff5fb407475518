// What a mapping names beside itself: polygons and tables, read and checked as a whole before any
// row is.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/annex.h"

namespace gridledger::cli {

// A clock may be a little ahead. What lies further ahead is a mistake of the source, or of its
// zone, and would carry the partition's time with it: everything that is reported until then would
// count from there on.
inline constexpr absl::Duration kAheadMax = absl::Minutes(1);

// Paths are relative to the mapping's file; the files may be packed as inputs may be. Reads nothing
// where the mapping names nothing, and leaves out what it names by half, which compiling it tells.
//
// NotFound, InvalidArgument and what reading says, with the file and its line or feature.
absl::StatusOr<mapping::Annex> LoadAnnex(const v1::Mapping& mapping,
                                         const std::string& mapping_path);

// What the files are that a mapping names beside itself, each by its name in the mapping.
struct FilesBeside {
  std::map<std::string, uint64_t> fingerprints;
  // Of each line, in the order of their values, where a table may grow: a text that it does not
  // have is rejected, so that no row was told by what comes to it. Not of more than 100,000 lines.
  std::map<std::string, std::vector<uint64_t>> lines;
};
absl::StatusOr<FilesBeside> FingerprintAnnex(const v1::Mapping& mapping,
                                             const std::string& mapping_path);

}  // namespace gridledger::cli
