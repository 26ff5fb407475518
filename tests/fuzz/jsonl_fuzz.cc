// Whatever bytes come as JSON lines: the reader ends, keeps to its bounds, and says the same in
// pieces of any size. The first byte chooses the size of the pieces.
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "services/base/invariant.h"
#include "services/history/files/rows/json_lines_reader.h"

namespace gridledger::files {
namespace {

// All that was read, in one text.
std::string ReadAll(const std::string& text, size_t piece_bytes, PathColumns columns) {
  const bool collecting = columns.collecting();
  JsonLinesReader reader(InputFromText(text, "fuzz", piece_bytes), std::move(columns));
  std::string all;
  InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    INVARIANT(more.ok(), "a text in memory cannot fail");
    if (!*more) break;
    absl::StrAppend(&all, row.number, " ", row.line, " ", row.rejected, "\n");
    if (!row.rejected.empty() || collecting) continue;
    INVARIANT(row.fields.size() == reader.header().size(), "a row has a field for each column");
    for (const absl::string_view field : row.fields)
      absl::StrAppend(&all, field.size(), ":", field);
  }
  INVARIANT(reader.header().size() <= kColumnsMax, "columns have their bound");
  for (const std::string& column : reader.header()) {
    INVARIANT(column.size() <= kPathBytesMax, "a path has its bound");
    absl::StrAppend(&all, column, "\n");
  }
  return all;
}

}  // namespace
}  // namespace gridledger::files

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using gridledger::files::PathColumns;
  using gridledger::files::ReadAll;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const size_t piece = 1 + bytes[0];
  INVARIANT(ReadAll(text, piece, PathColumns()) == ReadAll(text, size + 1, PathColumns()),
            "pieces do not change what columns there are");
  const PathColumns columns({"a", "a.b", "a.0", "case:x"});
  INVARIANT(ReadAll(text, piece, columns) == ReadAll(text, size + 1, columns),
            "pieces do not change what is read");
  return 0;
}
