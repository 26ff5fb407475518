// Whatever bytes come as an input of any format: what opens it ends, keeps to its bounds, and says
// the same in pieces of any size. The first byte chooses the size of the pieces, the second one the
// format and whether the encoding is told.
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "services/base/invariant.h"
#include "services/runtime/adapters/files/row_format.h"

namespace gridledger::files {
namespace {

// All that was read, in one text.
std::string ReadAll(const std::string& text, size_t piece_bytes, const RowOptions& options) {
  absl::StatusOr<OpenedRows> opened = OpenRows(InputFromText(text, "fuzz", piece_bytes), options);
  if (!opened.ok()) return std::string(opened.status().message());
  RowReader& reader = *opened->reader;
  std::string all = absl::StrCat(opened->encoding, " ", static_cast<int>(opened->format), "\n");
  InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return absl::StrCat(all, more.status().message());
    if (!*more) return all;
    absl::StrAppend(&all, row.number, " ", row.line, " ", row.rejected, "\n");
    if (!row.rejected.empty()) continue;
    INVARIANT(row.fields.size() == reader.header().size(), "a row has a field for each column");
    size_t bytes = 0;
    for (const absl::string_view field : row.fields) {
      INVARIANT(field.size() <= kFieldBytesMax, "a field has its bound");
      bytes += field.size();
      absl::StrAppend(&all, field.size(), ":", field);
    }
    INVARIANT(bytes <= kRowBytesMax, "a row has its bound");
  }
}

}  // namespace
}  // namespace gridledger::files

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace gridledger::files;
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  RowOptions options;
  options.format = static_cast<RowFormat>(bytes[1] & 0x03);
  const char* const encodings[] = {"", "UTF-8", "GB18030", "ISO-8859-1"};
  options.encoding = encodings[(bytes[1] >> 2) & 0x03];
  if ((bytes[1] & 0x10) != 0) options.columns = {"id", "case:concept:name", "a.b"};
  const std::string whole = ReadAll(text, size + 1, options);
  INVARIANT(ReadAll(text, 1 + (bytes[0] & 0x7f), options) == whole,
            "pieces do not change what is read");
  return 0;
}
