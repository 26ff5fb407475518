// What a row says, as far as a mapping is concerned: by this it is known when it comes again, in
// whatever file, and beside whatever other columns.
#pragma once

#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/columns.h"

namespace gridledger::mapping {

class RowContent {
 public:
  // `header` are the columns of the input; those that it does not have say nothing.
  RowContent(const v1::Mapping& mapping, absl::Span<const std::string> header);

  // A fingerprint of the texts in the columns that the mapping uses.
  uint64_t Of(Row row);

 private:
  std::vector<size_t> columns_;
  std::string bytes_;
};

}  // namespace gridledger::mapping
