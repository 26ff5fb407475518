// Reads CSV as RFC 4180 says: quoted texts may hold delimiters, line ends and doubled quotes; lines
// end with LF, CRLF or CR; a byte order mark is passed over, and so are empty lines. A row that
// cannot be taken is handed out as rejected, with its line and the reason, and reading goes on; no
// reason repeats what is in the row. Knows nothing of what the columns mean.
//
//   auto csv = CsvReader::Open(*OpenInput(path), {.delimiter = ','});
//   InputRow row;
//   while (true) {
//     absl::StatusOr<bool> more = (*csv)->Next(&row);
//     if (!more.ok()) return more.status();
//     if (!*more) break;
//     if (!row.rejected.empty()) …
//   }
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <csv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/history/files/bytes/input.h"
#include "services/history/files/rows/row_reader.h"

namespace gridledger::files {

class CsvReader final : public RowReader {
 public:
  struct Options {
    char delimiter = ',';
    int64_t skip_lines = 0;                // above the header
    std::vector<std::string> header = {};  // for an input without one
  };

  // Reads the header; the second column of a name is "name (2)". InvalidArgument when there is
  // none, or when it is no text; and what the stream says.
  static absl::StatusOr<std::unique_ptr<CsvReader>> Open(std::unique_ptr<InputStream> input,
                                                         Options options);
  ~CsvReader() override;
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  const std::vector<std::string>& header() const override { return header_; }
  absl::StatusOr<bool> Next(InputRow* row) override;
  uint64_t beginning() const override { return beginning_; }
  const InputStream& input() const override { return *input_; }

 private:
  CsvReader(std::unique_ptr<InputStream> input, char delimiter);

  absl::Status ReadHeader(Options options);
  absl::Status SkipLines(int64_t lines);
  void NameColumn(absl::string_view name);
  // Reads a row as it stands, whatever its number of fields.
  absl::StatusOr<bool> ReadRow(InputRow* row);
  // The next bytes up to and with a line end, as many as are at hand; empty at the end.
  absl::StatusOr<absl::string_view> NextSegment();
  // Splits a line that is a row, without libcsv, where every quote opens or closes a whole field:
  // its state machine looks at each byte and reads some 50 MB/s. False when the line may be
  // anything else.
  bool SplitPlainLine(absl::string_view line, InputRow* row);
  void Feed(absl::string_view segment);
  void Reject(std::string reason);
  void CountLines(absl::string_view segment);
  void EndInput();
  void EndRow(InputRow* row);
  void KeepRaw(absl::string_view segment);
  void TakeField(absl::string_view text);

  const std::unique_ptr<InputStream> input_;
  const char delimiter_;
  csv_parser parser_;
  std::vector<std::string> header_;
  absl::flat_hash_map<std::string, int> names_;  // of it, and how often each came; look-ups only
  uint64_t beginning_ = 0;
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
  std::string raw_;  // as it stands, as far as it may be needed
};

}  // namespace gridledger::files
