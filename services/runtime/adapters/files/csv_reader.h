// Reads CSV as RFC 4180 says: quoted texts may hold delimiters, line ends and doubled quotes; lines
// end with LF, CRLF or CR; a byte order mark is passed over, and so are empty lines. A row that
// cannot be taken is handed out as rejected, with its line and the reason, and reading goes on; no
// reason repeats what is in the row. Knows nothing of what the columns mean.
//
//   auto csv = CsvReader::Open(*OpenInput(path), {.delimiter = ','});
//   CsvRow row;
//   while (true) {
//     absl::StatusOr<bool> more = (*csv)->Next(&row);
//     if (!more.ok()) return more.status();
//     if (!*more) break;
//     if (!row.rejected.empty()) …
//   }
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <csv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/files/input.h"

namespace gridledger::files {

// What a row may take. A reader holds one row: at most kRowBytesMax and a field on its way.
inline constexpr size_t kFieldBytesMax = size_t{1} << 20;  // 1 MiB: free text takes some KiB
inline constexpr size_t kRowBytesMax = size_t{8} << 20;    // 8 MiB: eight such fields
inline constexpr size_t kColumnsMax = 4096;                // 4096 × 8 B = 32 KiB of places

struct CsvRow {
  std::vector<absl::string_view> fields;  // in place until the next row is read
  int64_t number = 0;                     // from 1, after the header; rejected rows count
  int64_t line = 0;                       // where it begins, from 1
  std::string rejected;                   // why; empty for a row of as many fields as the header
};

class CsvReader {
 public:
  struct Options {
    char delimiter = ',';
  };

  // Reads the header. InvalidArgument when there is none, when it is no text, or when two columns
  // have the same name; and what the stream says.
  static absl::StatusOr<std::unique_ptr<CsvReader>> Open(std::unique_ptr<InputStream> input,
                                                         Options options);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  // The names of the columns, blanks at both ends stripped.
  const std::vector<std::string>& header() const { return header_; }
  // False at the end. After an error, of the stream, every call answers the same.
  absl::StatusOr<bool> Next(CsvRow* row);

  const InputStream& input() const { return *input_; }

 private:
  CsvReader(std::unique_ptr<InputStream> input, Options options);

  absl::Status ReadHeader();
  // Reads a row as it stands, whatever its number of fields.
  absl::StatusOr<bool> ReadRow(CsvRow* row);
  // The next bytes up to and with a line end, as many as are at hand; empty at the end.
  absl::StatusOr<absl::string_view> NextSegment();
  // Splits a line that is a row, without libcsv, where every quote opens or closes a whole field:
  // its state machine looks at each byte and reads some 50 MB/s. False when the line may be
  // anything else.
  bool SplitPlainLine(absl::string_view line, CsvRow* row);
  void Feed(absl::string_view segment);
  void Reject(std::string reason);
  void CountLines(absl::string_view segment);
  void EndInput();
  void EndRow(CsvRow* row);
  void TakeField(absl::string_view text);

  const std::unique_ptr<InputStream> input_;
  const char delimiter_;
  csv_parser parser_;
  std::vector<std::string> header_;
  absl::Status failed_;

  absl::string_view piece_;  // of the input, what is left of it
  std::string first_;        // the first piece, gathered until it can be told whether it has a mark
  int64_t line_ = 1;         // that the next byte belongs to
  bool after_cr_ = false;    // the last byte was CR: LF belongs to the same line end
  bool input_ended_ = false;

  // The row being read.
  bool in_row_ = false;
  bool row_done_ = false;
  bool skipping_ = false;  // to the end of the line, after what cannot be parsed
  int64_t row_line_ = 1;
  int64_t rows_ = 0;
  std::string texts_;         // of its fields, one after the other
  std::vector<size_t> ends_;  // in texts_
  size_t fields_ = 0;         // however many, kept or not
  std::string rejected_;
};

}  // namespace gridledger::files
