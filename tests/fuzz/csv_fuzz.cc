// Whatever bytes come as CSV: the reader ends, keeps to its bounds, and says the same in pieces of
// any size; what a beginning looks like is what a reader can open. The first byte chooses the size
// of the pieces, the delimiter, the lines above the header and whether there is one.
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "services/base/invariant.h"
#include "services/history/files/rows/csv_reader.h"
#include "services/history/files/rows/csv_shape.h"

namespace gridledger::files {
namespace {

// All that was read, in one text.
std::string ReadAll(const std::string& text, size_t piece_bytes, CsvReader::Options options) {
  auto reader = CsvReader::Open(InputFromText(text, "fuzz", piece_bytes), std::move(options));
  if (!reader.ok()) return std::string(reader.status().message());
  std::string all;
  InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&row);
    INVARIANT(more.ok(), "a text in memory cannot fail");
    if (!*more) return all;
    absl::StrAppend(&all, row.number, " ", row.line, " ", row.rejected, "\n");
    if (!row.rejected.empty()) continue;
    INVARIANT(row.fields.size() == (*reader)->header().size(), "a row has a field for each column");
    for (const absl::string_view field : row.fields) {
      INVARIANT(field.size() <= kFieldBytesMax, "a field has its bound");
      absl::StrAppend(&all, field.size(), ":", field);
    }
  }
}

}  // namespace
}  // namespace gridledger::files

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using gridledger::files::CsvReader;
  using gridledger::files::ReadAll;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  CsvReader::Options options;
  options.delimiter = (bytes[0] & 0x80) != 0 ? ';' : ',';
  options.skip_lines = (bytes[0] >> 5) & 3;
  if ((bytes[0] & 0x10) != 0) options.header = {"a", "b", "a"};
  const size_t piece = 1 + (bytes[0] & 0x0f);
  const std::string whole = ReadAll(text, size + 1, options);
  INVARIANT(ReadAll(text, piece, options) == whole, "pieces do not change what is read");
  const gridledger::files::CsvShape shape = gridledger::files::LookAtCsv(text);
  if (shape.columns == 0) return 0;
  auto reader = CsvReader::Open(gridledger::files::InputFromText(text, "fuzz"),
                                {.delimiter = shape.delimiter, .skip_lines = shape.skip_lines});
  // What is no text, or no CSV, is found only then.
  INVARIANT(!reader.ok() || !(*reader)->header().empty(), "a header was seen");
  return 0;
}
