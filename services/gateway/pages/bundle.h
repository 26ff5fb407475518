// The bundle as bytes. Its .cc is written by services/gateway/web/build.mjs while the program is
// built.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace gridledger::gateway {

struct BundledFile {
  absl::string_view name;  // "index.html", or one with a hash of its content
  absl::string_view type;  // of its media
  absl::string_view hash;
  absl::string_view plain;
  absl::string_view gzip;
};

absl::Span<const BundledFile> Bundle();

}  // namespace gridledger::gateway
