// A stream that can be read once more: what comes through a pipe is kept on disk while it is read,
// in a file without a name, which is gone with its reader.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "services/history/files/bytes/input.h"

namespace gridledger::files {

struct Spooled {
  std::unique_ptr<InputStream> input;
  // Of what was read, for OpenInput; good until the process ends.
  std::string path;
};

// The file lies in `folder`, or in the nearest folder above it that is there. Reading answers
// Unavailable when the disk fails or is full.
absl::StatusOr<Spooled> SpoolInput(std::unique_ptr<InputStream> input, const std::string& folder);

}  // namespace gridledger::files
