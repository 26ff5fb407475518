// Files as streams of bytes, plain or packed with gzip, zstd or bzip2, which their first bytes tell
// and not their name. Memory does not grow with the file, whatever it unpacks to. Never writes.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <string>

namespace gridledger::files {

class InputStream {
 public:
  virtual ~InputStream() = default;
  // The next piece, in place until the next call; empty at the end.
  virtual absl::StatusOr<absl::string_view> Read() = 0;
  // What errors name: the path, or "standard input".
  virtual const std::string& name() const = 0;
  // Bytes taken from the file itself so far, packed ones if it is packed: for progress.
  virtual int64_t position() const = 0;
  // Of the file itself; 0 when nobody knows, as of a pipe.
  virtual int64_t size() const = 0;
};

// `path` is a file, or "-" for standard input. NotFound, PermissionDenied, or InvalidArgument for a
// folder and for archives (zip, xz, …), which have to be unpacked first.
//
// Read: DataLoss when what is packed ends too early or fails its checksum, Unavailable when the
// disk fails; both name the path and the byte.
absl::StatusOr<std::unique_ptr<InputStream>> OpenInput(const std::string& path);

// A text in memory as a stream of pieces of at most `piece_bytes_max`.
std::unique_ptr<InputStream> InputFromText(std::string text, std::string name,
                                           size_t piece_bytes_max = size_t{64} << 10);

}  // namespace gridledger::files
