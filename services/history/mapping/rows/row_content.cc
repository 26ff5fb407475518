#include "services/history/mapping/rows/row_content.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/history/mapping/rows/named_columns.h"

namespace gridledger::mapping {

RowContent::RowContent(const v1::Mapping& mapping, absl::Span<const std::string> header) {
  for (const std::string& name : ColumnsOf(mapping)) {
    const auto column = std::find(header.begin(), header.end(), name);
    if (column != header.end()) columns_.push_back(static_cast<size_t>(column - header.begin()));
  }
}

uint64_t RowContent::Of(Row row) {
  bytes_.clear();
  for (const size_t column : columns_) {
    AppendVarint(&bytes_, row[column].size());
    absl::StrAppend(&bytes_, row[column]);
  }
  return Fingerprint(bytes_);
}

}  // namespace gridledger::mapping
