// One JSON object a line (JSON lines, NDJSON) as rows. A column is a path: {"owner": {"unit": 7}}
// has a value at owner.unit, {"tags": ["a"]} at tags.0. A number is its text as it stands, null no
// value, a boolean true or false; an object or a list without anything in it is no value either.
//
// A row is rejected where its line is no JSON object, is larger than a row may be, or has a column
// twice: nobody could say which of the values counts. Lines of blanks are passed over, and so are
// values of no column.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/history/files/bytes/input.h"
#include "services/history/files/rows/path_columns.h"
#include "services/history/files/rows/row_reader.h"

namespace gridledger::files {

class JsonLinesReader final : public RowReader {
 public:
  // `input` is UTF-8 without a mark of byte order. `columns` are the header; while they are being
  // collected rows have no fields.
  JsonLinesReader(std::unique_ptr<InputStream> input, PathColumns columns);
  ~JsonLinesReader() override;
  JsonLinesReader(const JsonLinesReader&) = delete;
  JsonLinesReader& operator=(const JsonLinesReader&) = delete;

  const std::vector<std::string>& header() const override { return columns_.names(); }
  absl::StatusOr<bool> Next(InputRow* row) override;
  uint64_t beginning() const override { return beginning_; }
  const InputStream& input() const override { return *input_; }

 private:
  class ObjectReader;

  // False at the end. line_text_ is the next line, without its end.
  absl::StatusOr<bool> NextLine();

  const std::unique_ptr<InputStream> input_;
  PathColumns columns_;
  PathValues values_{&columns_};
  const std::unique_ptr<ObjectReader> object_;
  absl::Status failed_;
  absl::string_view piece_;  // of the input, what is left of it
  std::string gathered_;     // a line that does not lie in one piece
  absl::string_view line_text_;
  bool too_long_ = false;  // then line_text_ is not all of it
  bool ended_ = false;
  int64_t lines_ = 0;
  int64_t rows_ = 0;
  uint64_t beginning_ = 0;
};

}  // namespace gridledger::files
