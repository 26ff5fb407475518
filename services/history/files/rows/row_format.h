// Opens an input as rows, whatever its format, delimiter and encoding: as it is told, or by what
// its beginning looks like; and says what was taken.
//
//   auto opened = OpenRows(*OpenInput(path), {.columns = {"id", "case:group"}});
//   while (*opened->reader->Next(&row)) …
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/history/files/bytes/input.h"
#include "services/history/files/rows/row_reader.h"

namespace gridledger::files {

enum class RowFormat { kUnspecified, kCsv, kJsonLines, kXes };

// "CSV", "JSON lines", "XES".
absl::string_view NameOf(RowFormat format);

struct RowOptions {
  // Unless told by the first byte that is no blank: < is XES, { is JSON lines, all else CSV.
  RowFormat format = RowFormat::kUnspecified;
  // Of CSV; 0 for the one of , ; tab and | that the header has most of outside of quotes.
  char delimiter = 0;
  // Of CSV: lines above the header, and the header of an input without one. A first line "sep=;" is
  // none of it.
  int64_t skip_lines = 0;
  std::vector<std::string> header = {};
  // Of CSV: whether lines above the header, and a missing header, are looked for. For drafts of
  // mappings: an import takes an input as its mapping says.
  bool look = false;
  // A name that iconv knows; empty for UTF-8 where the first 64 KiB are (256 KiB, if all of them
  // are ASCII), else for what they look like.
  // A byte order mark says more than either.
  std::string encoding = {};
  // Whether what is UTF-8 beyond doubt, more than ASCII, is it against `encoding` too.
  bool utf8_first = false;
  // The header of JSON lines and XES, which have none. Empty for all that is in the first 1000 rows
  // or 4 MiB, in the order of appearance; what comes up later is then passed over.
  std::vector<std::string> columns = {};
};

struct OpenedRows {
  std::unique_ptr<RowReader> reader;
  RowFormat format = RowFormat::kUnspecified;
  char delimiter = 0;  // of CSV
  std::string encoding;
  // Whether it was found, and not told.
  bool format_detected = false;
  bool delimiter_detected = false;
  bool encoding_detected = false;
  // With `look`.
  int64_t skip_lines = 0;
  bool header_made = false;      // "column 1", … for want of one
  bool begins_as_ascii = false;  // and goes on: its encoding may show later
  // Columns that were told, and that no row of the first 256 KiB has a value for; `seen` are those
  // that there are.
  std::vector<std::string> unseen;
  std::vector<std::string> seen;
};

// InvalidArgument, with the input's name, when its encoding is not known or cannot be told, when it
// is one JSON list, and for what CsvReader::Open and XesReader refuse; and what the stream says.
absl::StatusOr<OpenedRows> OpenRows(std::unique_ptr<InputStream> input, const RowOptions& options);

}  // namespace gridledger::files
