// Rows of an input, whatever its format: texts under the names of columns. A row that cannot be
// taken is handed out as rejected, with its line and the reason, and reading goes on; no reason
// repeats what is in the row.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/history/files/bytes/input.h"

namespace gridledger::files {

// What a row may take. A reader holds one row: at most kRowBytesMax and a field on its way.
inline constexpr size_t kFieldBytesMax = size_t{1} << 20;  // 1 MiB: free text takes some KiB
inline constexpr size_t kRowBytesMax = size_t{8} << 20;    // 8 MiB: eight such fields
inline constexpr size_t kColumnsMax = 4096;                // 4096 × 8 B = 32 KiB of places

struct InputRow {
  std::vector<absl::string_view> fields;  // in place until the next row is read
  int64_t number = 0;                     // from 1, after the header; rejected rows count
  int64_t line = 0;                       // where it begins, from 1
  std::string rejected;                   // why; empty for a row of as many fields as the header
  // Of a rejected row that is no row: its text as it stands in the input, kRowBytesMax at most,
  // with its line ends but the last. Empty where the fields say all that there is.
  std::string raw;
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  // The names of the columns, blanks at both ends stripped.
  virtual const std::vector<std::string>& header() const = 0;
  // False at the end. After an error, of the stream, every call answers the same.
  virtual absl::StatusOr<bool> Next(InputRow* row) = 0;
  // A fingerprint of how the input begins, header and first row, whichever columns of it are
  // wanted: once that row has been read.
  virtual uint64_t beginning() const = 0;
  virtual const InputStream& input() const = 0;
};

}  // namespace gridledger::files
