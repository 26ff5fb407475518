#include "services/history/files/rows/csv_shape.h"

#include <absl/strings/ascii.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace gridledger::files {
namespace {

constexpr size_t kRowsMax = 60;    // that are looked at
constexpr int64_t kTitleMax = 40;  // lines
constexpr size_t kAlikeMax = 10;   // rows below a header that have to have as many fields
constexpr std::array<char, 4> kDelimiters = {',', ';', '\t', '|'};

struct TextRow {
  absl::string_view text;
  int64_t line = 0;  // lines before it
};

bool EndsLine(char c) { return c == '\n' || c == '\r'; }

// Those that are whole, and not empty. A quote that is not closed ends the looking.
std::vector<TextRow> RowsOf(absl::string_view beginning) {
  std::vector<TextRow> rows;
  bool quoted = false;
  size_t from = 0;
  int64_t line = 0;
  int64_t line_of_row = 0;
  for (size_t i = 0; i < beginning.size() && rows.size() < kRowsMax; ++i) {
    const char c = beginning[i];
    if (c == '"') quoted = !quoted;
    if (!EndsLine(c)) continue;
    if (c == '\r' && i + 1 < beginning.size() && beginning[i + 1] == '\n') continue;
    ++line;
    if (quoted) continue;
    const absl::string_view text = absl::StripSuffix(beginning.substr(from, i - from), "\r");
    if (!text.empty()) rows.push_back({text, line_of_row});
    from = i + 1;
    line_of_row = line;
  }
  return rows;
}

std::vector<absl::string_view> FieldsOf(absl::string_view row, char delimiter) {
  std::vector<absl::string_view> fields;
  bool quoted = false;
  size_t from = 0;
  for (size_t i = 0; i <= row.size(); ++i) {
    if (i < row.size() && row[i] == '"') quoted = !quoted;
    if (i < row.size() && (quoted || row[i] != delimiter)) continue;
    absl::string_view field = absl::StripAsciiWhitespace(row.substr(from, i - from));
    if (absl::ConsumePrefix(&field, "\"")) absl::ConsumeSuffix(&field, "\"");
    fields.push_back(field);
    from = i + 1;
  }
  return fields;
}

bool IsEmpty(absl::string_view field) { return field.empty(); }

// Whether a text is a time, a number or a key, and no name of a column.
bool IsNoName(absl::string_view field) {
  const auto digits = std::count_if(field.begin(), field.end(), absl::ascii_isdigit);
  return digits >= 3 || (digits > 0 && static_cast<size_t>(digits) == field.size());
}

// Its digits as 9, its letters as a, each run of them as one: "04.03.2024" is "9.9.9".
std::string ShapeOf(absl::string_view field) {
  std::string shape;
  for (const char c : field) {
    const bool letter = absl::ascii_isalpha(c) || !absl::ascii_isascii(c);
    const char kind = absl::ascii_isdigit(c) ? '9' : letter ? 'a' : c;
    if ((kind == '9' || kind == 'a') && !shape.empty() && shape.back() == kind) continue;
    shape += kind;
  }
  return shape;
}

// Whether a text is of the kind of those below it, a time or a key, and not their name.
bool IsOneOf(absl::string_view field, const std::vector<absl::string_view>& below) {
  constexpr std::ptrdiff_t kLongNumber = 5;  // a header of years has four
  const auto digits = std::count_if(field.begin(), field.end(), absl::ascii_isdigit);
  const bool number = digits == static_cast<std::ptrdiff_t>(field.size());
  if (digits == 0 || (number && digits < kLongNumber) || below.empty()) return false;
  const std::string shape = ShapeOf(field);
  const auto alike = std::count_if(below.begin(), below.end(), [&](absl::string_view other) {
    return ShapeOf(other) == shape && (!number || other.size() == field.size());
  });
  return alike * 10 >= static_cast<std::ptrdiff_t>(below.size()) * 9;
}

bool HasHeader(const std::vector<std::vector<absl::string_view>>& rows) {
  const std::vector<absl::string_view>& first = rows.front();
  for (size_t column = 0; column < first.size(); ++column) {
    std::vector<absl::string_view> below;
    for (size_t row = 1; row < rows.size(); ++row) {
      if (column < rows[row].size() && !rows[row][column].empty()) {
        below.push_back(rows[row][column]);
      }
    }
    if (IsOneOf(first[column], below)) return false;
  }
  const auto named =
      static_cast<int64_t>(first.size()) - std::count_if(first.begin(), first.end(), IsEmpty);
  const auto others = std::count_if(first.begin(), first.end(), IsNoName);
  // A key and a time at the least; a header of years has a name before them.
  return others < 2 || others * 4 < named || !IsNoName(first.front());
}

}  // namespace

CsvShape LookAtCsv(absl::string_view beginning, char told) {
  absl::ConsumePrefix(&beginning, "\xef\xbb\xbf");
  const std::vector<TextRow> rows = RowsOf(beginning);
  CsvShape shape;
  bool found = false;
  std::vector<char> delimiters(kDelimiters.begin(), kDelimiters.end());
  if (told != 0) delimiters = {told};
  for (const char delimiter : delimiters) {
    std::vector<std::vector<absl::string_view>> fields;
    for (const TextRow& row : rows) fields.push_back(FieldsOf(row.text, delimiter));
    for (size_t top = 0; top < fields.size() && rows[top].line <= kTitleMax; ++top) {
      const size_t columns = fields[top].size();
      const size_t below = std::min(fields.size() - top - 1, kAlikeMax);
      const auto first = fields.begin() + static_cast<std::ptrdiff_t>(top) + 1;
      const auto alike = std::count_if(first, first + static_cast<std::ptrdiff_t>(below),
                                       [&](const auto& row) { return row.size() == columns; });
      // A title that is filled up with delimiters names less than half of the columns.
      const auto named = static_cast<std::ptrdiff_t>(columns) -
                         std::count_if(fields[top].begin(), fields[top].end(), IsEmpty);
      if (columns < 2 || below == 0 || alike * 10 < static_cast<std::ptrdiff_t>(below) * 9 ||
          named * 2 < static_cast<std::ptrdiff_t>(columns)) {
        continue;
      }
      const bool better = !found || rows[top].line < shape.skip_lines ||
                          (rows[top].line == shape.skip_lines && columns > shape.columns);
      if (better) {
        shape = {rows[top].line, delimiter, columns,
                 HasHeader({fields.begin() + static_cast<std::ptrdiff_t>(top), fields.end()})};
        found = true;
      }
      break;
    }
  }
  return found ? shape : CsvShape();
}

}  // namespace gridledger::files
