// A file that is there whole or not at all: written beside its place, as PATH.part, and put there
// when all of it is on disk. Packed with gzip where the name ends in .gz.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <memory>
#include <string>

namespace gridledger::files {

class OutputFile {
 public:
  virtual ~OutputFile() = default;  // what is not finished is removed
  // Unavailable when the disk fails or is full.
  virtual absl::Status Write(absl::string_view bytes) = 0;
  // Replaces whatever stood at the path. Call once, after the last Write.
  virtual absl::Status Finish() = 0;
};

// What is there and no plain file (a pipe, a device) is written in place. InvalidArgument for a
// folder, NotFound when the folder of `path` is not there, PermissionDenied, Unavailable.
//
// The same bytes in, the same bytes out: a packed file holds neither a name nor a time.
absl::StatusOr<std::unique_ptr<OutputFile>> CreateOutput(const std::string& path);

}  // namespace gridledger::files
