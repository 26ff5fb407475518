#include "services/history/files/rows/row_format.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <array>
#include <utility>

#include "services/history/files/bytes/encoding.h"
#include "services/history/files/bytes/peeked_input.h"
#include "services/history/files/rows/csv_reader.h"
#include "services/history/files/rows/csv_shape.h"
#include "services/history/files/rows/json_lines_reader.h"
#include "services/history/files/rows/path_columns.h"
#include "services/history/files/rows/xes_reader.h"

namespace gridledger::files {
namespace {

// Of an input, while it is looked at. Inputs that wait open have all but the first two behind them.
constexpr size_t kEncodingBytes = size_t{64} << 10;
constexpr size_t kAsciiBytes = size_t{256} << 10;    // ASCII so far tells nothing
constexpr size_t kLookedAtBytes = size_t{16} << 20;  // for a draft
constexpr size_t kSpreadsheetBytes = 16;             // "sep=;" behind a byte order mark
constexpr size_t kHeaderBytes = kFieldBytesMax;      // a longer header is refused anyhow
constexpr size_t kSeenBytes = size_t{256} << 10;     // ~500 events
constexpr size_t kColumnsBytes = size_t{4} << 20;
constexpr int kColumnsRows = 1000;

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isascii(c); });
}

bool IsUtf8Name(absl::string_view encoding) {
  return absl::EqualsIgnoreCase(encoding, "UTF-8") || absl::EqualsIgnoreCase(encoding, "UTF8");
}

absl::Status Because(const InputStream& input, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(input.name(), ": ", why));
}

// What is told of an input whose encoding nothing tells.
constexpr absl::string_view kNoEncoding =
    "its encoding cannot be told from its beginning, which is not UTF-8 throughout; name it, as in "
    "`encoding: GB18030` in the mapping, or --encoding GB18030 for a draft of one; UTF-8 where "
    "some bytes are damaged";

// The first bytes as UTF-8, without blanks; empty when there are only blanks.
absl::StatusOr<std::string> FirstText(const std::string& beginning, const std::string& encoding,
                                      const std::string& name) {
  constexpr size_t kLookedAt = 4096;
  auto text =
      DecodeInput(InputFromText(beginning.substr(0, kLookedAt), name), encoding, kNoTextByte);
  if (!text.ok()) return text.status();
  const auto piece = (*text)->Read();  // of a text in memory
  return std::string(absl::StripLeadingAsciiWhitespace(*piece));
}

absl::StatusOr<RowFormat> DetectFormat(absl::string_view text, const InputStream& input) {
  if (absl::StartsWith(text, "<")) return RowFormat::kXes;
  if (absl::StartsWith(text, "{")) {
    if (absl::StrContains(text, "\"FeatureCollection\"") &&
        absl::StrContains(text, "\"features\"")) {
      return Because(input,
                     "it is GeoJSON, one object for all; rows have to be JSON lines, one object a "
                     "line: jq -c '.features[]' FILE");
    }
    return RowFormat::kJsonLines;
  }
  if (absl::StartsWith(text, "[") &&
      absl::StartsWith(absl::StripLeadingAsciiWhitespace(text.substr(1)), "{")) {
    return Because(input,
                   "it is one JSON list; rows have to be JSON lines, one object a line: "
                   "jq -c '.[]' FILE");
  }
  return RowFormat::kCsv;
}

// Up to the first line end outside of quotes that has something before it.
absl::string_view HeaderLine(absl::string_view text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (!quoted && (text[i] == '\n' || text[i] == '\r')) return text.substr(0, i);
  }
  return text;
}

// What is behind so many lines.
absl::string_view Behind(absl::string_view text, int64_t lines) {
  for (; lines > 0 && !text.empty(); --lines) {
    const size_t end = text.find_first_of("\r\n");
    if (end == absl::string_view::npos) return "";
    text.remove_prefix(text.substr(end, 2) == "\r\n" ? end + 2 : end + 1);
  }
  return text;
}

// The delimiter of a first line "sep=;", as spreadsheets write it; 0 where it is none.
char ToldBySpreadsheet(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  const absl::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return line.size() == 5 && absl::StartsWithIgnoreCase(line, "sep=") ? line[4] : '\0';
}

char SniffDelimiter(absl::string_view header) {
  constexpr std::array<char, 4> kDelimiters = {',', ';', '\t', '|'};
  std::array<size_t, 4> counts = {};
  bool quoted = false;
  for (const char c : header) {
    if (c == '"') quoted = !quoted;
    const auto at = std::find(kDelimiters.begin(), kDelimiters.end(), c);
    if (!quoted && at != kDelimiters.end()) ++counts[static_cast<size_t>(at - kDelimiters.begin())];
  }
  const auto most = std::max_element(counts.begin(), counts.end());  // the first of equals
  return kDelimiters[static_cast<size_t>(most - counts.begin())];
}

// Reads rows while there are, and not too many. What is wrong with them is told when they are read
// for good.
void ReadSome(RowReader& reader) {
  InputRow row;
  for (int i = 0; i < kColumnsRows; ++i) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok() || !*more) return;
  }
}

std::vector<std::string> FindColumns(RowFormat format, std::string beginning,
                                     const std::string& name) {
  auto text = InputFromText(std::move(beginning), name);
  if (format == RowFormat::kJsonLines) {
    JsonLinesReader reader(std::move(text), PathColumns());
    ReadSome(reader);
    return reader.header();
  }
  XesReader reader(std::move(text), PathColumns());
  ReadSome(reader);
  std::vector<std::string> columns;
  for (size_t i = 0; i < reader.header().size(); ++i) {
    // A list with a key twice is no column, as its rows would be rejected.
    if (!reader.repeated(i)) columns.push_back(reader.header()[i]);
  }
  return columns;
}

absl::Status OpenPaths(std::unique_ptr<PeekedInput> text, const RowOptions& options,
                       OpenedRows* opened) {
  const bool told = !options.columns.empty();
  opened->seen =
      FindColumns(opened->format, text->Peek(told ? kSeenBytes : kColumnsBytes), text->name());
  for (const std::string& column : options.columns) {
    if (std::count(opened->seen.begin(), opened->seen.end(), column) == 0) {
      opened->unseen.push_back(column);
    }
  }
  PathColumns columns(told ? options.columns : opened->seen);
  if (opened->format == RowFormat::kXes) {
    opened->reader = std::make_unique<XesReader>(std::move(text), std::move(columns));
  } else {
    opened->reader = std::make_unique<JsonLinesReader>(std::move(text), std::move(columns));
  }
  return absl::OkStatus();
}

// As its beginning looks.
absl::Status OpenLookedAt(std::unique_ptr<PeekedInput> text, OpenedRows* opened) {
  const std::string beginning = text->Peek(kEncodingBytes);
  const char told = ToldBySpreadsheet(beginning);
  const int64_t above = told != 0 ? 1 : 0;
  const CsvShape shape = LookAtCsv(Behind(beginning, above), told);
  CsvReader::Options options;
  options.skip_lines = above + shape.skip_lines;
  options.delimiter = told != 0            ? told
                      : shape.columns == 0 ? SniffDelimiter(HeaderLine(beginning))
                                           : shape.delimiter;
  opened->skip_lines = shape.skip_lines;
  opened->header_made = !shape.has_header;
  for (size_t i = 1; opened->header_made && i <= shape.columns; ++i) {
    options.header.push_back(absl::StrCat("column ", i));
  }
  opened->delimiter = options.delimiter;
  opened->delimiter_detected = true;
  auto reader = CsvReader::Open(std::move(text), std::move(options));
  if (!reader.ok()) return reader.status();
  opened->reader = *std::move(reader);
  return absl::OkStatus();
}

absl::Status OpenCsv(std::unique_ptr<PeekedInput> text, const RowOptions& options,
                     OpenedRows* opened) {
  if (options.look) return OpenLookedAt(std::move(text), opened);
  opened->delimiter = options.delimiter;
  opened->delimiter_detected = options.delimiter == 0;
  const char told = ToldBySpreadsheet(text->Peek(kSpreadsheetBytes));
  const int64_t skip_lines = options.skip_lines + (told != 0 ? 1 : 0);
  if (opened->delimiter_detected && told != 0) {
    opened->delimiter = told;
  } else if (opened->delimiter_detected) {
    std::string beginning = text->Peek(1);
    const auto header = [&] { return HeaderLine(Behind(beginning, skip_lines)); };
    // A line that goes to the end of what is known may go on.
    while (beginning.size() < kHeaderBytes &&
           (header().empty() || header().end() == absl::string_view(beginning).end())) {
      std::string more = text->Peek(2 * beginning.size() + 1);
      if (more.size() == beginning.size()) break;
      beginning = std::move(more);
    }
    opened->delimiter = SniffDelimiter(header());
  }
  auto reader = CsvReader::Open(
      std::move(text),
      {.delimiter = opened->delimiter, .skip_lines = skip_lines, .header = options.header});
  if (!reader.ok()) return reader.status();
  opened->reader = *std::move(reader);
  return absl::OkStatus();
}

}  // namespace

absl::string_view NameOf(RowFormat format) {
  switch (format) {
    case RowFormat::kUnspecified: return "";
    case RowFormat::kCsv: return "CSV";
    case RowFormat::kJsonLines: return "JSON lines";
    case RowFormat::kXes: return "XES";
  }
  return "";
}

absl::StatusOr<OpenedRows> OpenRows(std::unique_ptr<InputStream> input, const RowOptions& options) {
  const std::string name = input->name();
  auto bytes = std::make_unique<PeekedInput>(std::move(input));
  std::string beginning = bytes->Peek(kEncodingBytes);
  if (IsAscii(beginning)) beginning = bytes->Peek(options.look ? kLookedAtBytes : kAsciiBytes);

  OpenedRows opened;
  opened.begins_as_ascii = IsAscii(beginning) && !bytes->saw_all();
  const std::string marked = MarkedEncoding(beginning);
  const bool utf8 =
      options.utf8_first && !IsAscii(beginning) && BeginsAsUtf8(beginning, bytes->saw_all());
  opened.encoding_detected = options.encoding.empty() || !marked.empty() || utf8;
  opened.encoding = !marked.empty()            ? marked
                    : utf8                     ? "UTF-8"
                    : options.encoding.empty() ? DetectEncoding(beginning, bytes->saw_all())
                                               : options.encoding;
  if (opened.encoding.empty()) return Because(*bytes, kNoEncoding);
  const absl::StatusOr<std::string> first = FirstText(beginning, opened.encoding, name);
  if (!first.ok()) return Because(*bytes, first.status().message());

  opened.format = options.format;
  opened.format_detected = options.format == RowFormat::kUnspecified;
  if (opened.format_detected) {
    const absl::StatusOr<RowFormat> format = DetectFormat(*first, *bytes);
    if (!format.ok()) return format.status();
    opened.format = *format;
  }
  // CSV in UTF-8 needs no decoding: its reader leaves bytes that are no text to whoever maps them.
  std::unique_ptr<InputStream> text = std::move(bytes);
  if (opened.format != RowFormat::kCsv || !IsUtf8Name(opened.encoding)) {
    auto decoded = DecodeInput(std::move(text), opened.encoding,
                               opened.format == RowFormat::kXes ? kNoTextCharacter : kNoTextByte);
    if (!decoded.ok()) return decoded.status();
    text = *std::move(decoded);
  }
  auto peeked = std::make_unique<PeekedInput>(std::move(text));
  absl::Status status = opened.format == RowFormat::kCsv
                            ? OpenCsv(std::move(peeked), options, &opened)
                            : OpenPaths(std::move(peeked), options, &opened);
  if (!status.ok()) return status;
  return opened;
}

}  // namespace gridledger::files
