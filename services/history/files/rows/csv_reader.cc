#include "services/history/files/rows/csv_reader.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/base/characters.h"
#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/base/layout.h"

namespace gridledger::files {
namespace {

constexpr size_t kSegmentBytesMax = size_t{64} << 10;  // so that a field overshoots by no more

int NeverSpace(unsigned char) { return 0; }  // libcsv strips what it takes for blanks

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

uint64_t BeginningOf(const std::vector<std::string>& header,
                     const std::vector<absl::string_view>& fields) {
  std::string bytes;
  const auto add = [&](absl::string_view text) {
    AppendVarint(&bytes, text.size());
    absl::StrAppend(&bytes, text);
  };
  for (const std::string& column : header) add(column);
  for (const absl::string_view field : fields) add(field);
  return Fingerprint(bytes);
}

}  // namespace

CsvReader::CsvReader(std::unique_ptr<InputStream> input, char delimiter)
    : input_(std::move(input)), delimiter_(delimiter) {
  INVARIANT(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv takes its own flags");
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
  csv_set_space_func(&parser_, &NeverSpace);
  csv_set_blk_size(&parser_, kSegmentBytesMax);  // else a field grows by 128 bytes at a time
}

CsvReader::~CsvReader() { csv_free(&parser_); }

absl::StatusOr<std::unique_ptr<CsvReader>> CsvReader::Open(std::unique_ptr<InputStream> input,
                                                           Options options) {
  if (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r') {
    return absl::InvalidArgumentError("a quote or a line end cannot be the delimiter");
  }
  std::unique_ptr<CsvReader> reader(new CsvReader(std::move(input), options.delimiter));
  if (absl::Status status = reader->ReadHeader(std::move(options)); !status.ok()) return status;
  return reader;
}

absl::Status CsvReader::ReadHeader(Options options) {
  const std::string& name = input_->name();
  while (first_.size() < kByteOrderMark.size()) {
    auto piece = input_->Read();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) break;
    absl::StrAppend(&first_, *piece);
  }
  piece_ = first_;
  if (absl::StartsWith(piece_, kByteOrderMark)) piece_.remove_prefix(kByteOrderMark.size());
  if (absl::Status skipped = SkipLines(options.skip_lines); !skipped.ok()) return skipped;
  if (!options.header.empty()) {
    for (const std::string& column : options.header) NameColumn(column);
    return absl::OkStatus();
  }
  InputRow row;
  const absl::StatusOr<bool> found = ReadRow(&row);
  if (!found.ok()) return found.status();
  if (!*found) return absl::InvalidArgumentError(absl::StrCat(name, " is empty: no header"));
  if (!row.rejected.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: the header is not CSV: %s", name, row.line, row.rejected));
  }
  for (const absl::string_view field : row.fields) {
    // A line break within a name is how a spreadsheet shows it.
    std::string column(StripBlanks(field));
    std::replace_if(column.begin(), column.end(), absl::ascii_isspace, ' ');
    absl::RemoveExtraAsciiWhitespace(&column);
    const bool utf8 = google::protobuf::internal::IsStructurallyValidUTF8(
        column.data(), static_cast<int>(column.size()));
    const bool control = std::any_of(column.begin(), column.end(), absl::ascii_iscntrl);
    if (!utf8 || control) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s:%d: the header %s (its column %d %s)", name, row.line,
                          utf8 ? "has a control character" : "is not text in UTF-8",
                          header_.size() + 1, utf8 ? "has one" : "is not"));
    }
    NameColumn(column);
  }
  return absl::OkStatus();
}

absl::Status CsvReader::SkipLines(int64_t lines) {
  while (line_ <= lines) {
    const auto segment = NextSegment();
    if (!segment.ok()) return segment.status();
    if (segment->empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(input_->name(), " has no line behind the ", lines, " that are passed over"));
    }
    CountLines(*segment);
  }
  return absl::OkStatus();
}

void CsvReader::NameColumn(absl::string_view name) {
  std::string numbered(name);
  if (!name.empty()) {
    int times = ++names_[name];
    while (times > 1) {
      numbered = absl::StrCat(name, " (", times, ")");
      if (names_.emplace(numbered, 1).second) break;
      times = ++names_[name];
    }
  }
  header_.push_back(std::move(numbered));
}

absl::StatusOr<bool> CsvReader::Next(InputRow* row) {
  if (!failed_.ok()) return failed_;
  absl::StatusOr<bool> found = ReadRow(row);
  if (!found.ok()) {
    failed_ = absl::Status(found.status().code(),
                           absl::StrCat(found.status().message(), "; line ", line_));
    return failed_;
  }
  if (rows_ == 0)
    beginning_ = BeginningOf(header_, *found ? row->fields : std::vector<absl::string_view>());
  if (!*found) return false;
  row->number = ++rows_;
  if (row->rejected.empty() && fields_ != header_.size()) {
    row->rejected = absl::StrFormat("%d fields where the header has %d", fields_, header_.size());
  }
  row->raw.clear();
  if (!row->rejected.empty()) {
    while (!raw_.empty() && (raw_.back() == '\n' || raw_.back() == '\r')) raw_.pop_back();
    row->raw = raw_;
  }
  return true;
}

absl::StatusOr<bool> CsvReader::ReadRow(InputRow* row) {
  in_row_ = false;
  row_done_ = false;
  skipping_ = false;
  texts_.clear();
  ends_.clear();
  fields_ = 0;
  rejected_.clear();
  raw_.clear();
  while (!row_done_) {
    auto segment = NextSegment();
    if (!segment.ok()) return segment.status();
    if (segment->empty()) {
      if (!in_row_) return false;
      EndInput();
      break;
    }
    const char last = segment->back();
    const bool line_ends = last == '\n' || last == '\r';
    if (!in_row_) {
      if (line_ends && segment->size() == 1) {  // an empty line, or the second half of CRLF
        CountLines(*segment);
        continue;
      }
      in_row_ = true;
      row_line_ = line_;
      if (line_ends && SplitPlainLine(segment->substr(0, segment->size() - 1), row)) {
        CountLines(*segment);
        row->line = row_line_;
        if (fields_ != header_.size()) KeepRaw(*segment);
        return true;
      }
    }
    KeepRaw(*segment);
    if (!skipping_) Feed(*segment);
    if (skipping_ && line_ends) row_done_ = true;
    CountLines(*segment);
  }
  EndRow(row);
  return true;
}

absl::StatusOr<absl::string_view> CsvReader::NextSegment() {
  while (piece_.empty() && !input_ended_) {
    auto piece = input_->Read();
    if (!piece.ok()) return piece.status();
    piece_ = *piece;
    input_ended_ = piece_.empty();
  }
  if (piece_.empty()) return piece_;
  absl::string_view segment = piece_.substr(0, kSegmentBytesMax);
  for (const char end : {'\n', '\r'}) {
    const void* found = memchr(segment.data(), end, segment.size());
    if (found != nullptr) {
      segment = segment.substr(0, static_cast<const char*>(found) - segment.data() + 1);
    }
  }
  piece_.remove_prefix(segment.size());
  return segment;
}

bool CsvReader::SplitPlainLine(absl::string_view line, InputRow* row) {
  row->fields.clear();
  while (true) {
    // A segment is shorter than kFieldBytesMax, so that only the number of fields needs a look.
    if (row->fields.size() == kColumnsMax) return false;
    const bool quoted = !line.empty() && line.front() == '"';
    if (quoted) line.remove_prefix(1);
    const void* found = memchr(line.data(), quoted ? '"' : delimiter_, line.size());
    if (found == nullptr && quoted) return false;  // goes on in the next line
    const size_t size =
        found == nullptr ? line.size() : static_cast<const char*>(found) - line.data();
    const absl::string_view field = line.substr(0, size);
    if (!quoted && memchr(field.data(), '"', field.size()) != nullptr) return false;
    row->fields.push_back(field);
    line.remove_prefix(size);
    if (quoted) line.remove_prefix(1);
    if (line.empty()) break;
    if (line.front() != delimiter_) return false;  // a doubled quote, or a wrong one
    line.remove_prefix(1);
  }
  fields_ = row->fields.size();
  row->number = 0;
  row->rejected.clear();
  return true;
}

void CsvReader::Feed(absl::string_view segment) {
  const auto field = [](void* text, size_t size, void* self) {
    static_cast<CsvReader*>(self)->TakeField({static_cast<const char*>(text), size});
  };
  const auto row = [](int, void* self) { static_cast<CsvReader*>(self)->row_done_ = true; };
  const size_t parsed = csv_parse(&parser_, segment.data(), segment.size(), field, row, this);
  if (parsed != segment.size()) {
    INVARIANT(csv_error(&parser_) == CSV_EPARSE, "no memory for a field");
    std::string reason = "a quote that neither opens nor closes a text";
    if (line_ > row_line_)
      absl::StrAppendFormat(&reason, ", up to line %d; is a quote not closed?", line_);
    Reject(std::move(reason));
  } else if (!row_done_ && parser_.entry_pos > kFieldBytesMax) {
    Reject(absl::StrFormat("a text of more than %d bytes, up to line %d; is a quote not closed?",
                           kFieldBytesMax, line_));
  }
}

void CsvReader::KeepRaw(absl::string_view segment) {
  const absl::string_view part =
      segment.substr(0, kRowBytesMax - std::min(kRowBytesMax, raw_.size()));
  raw_.append(part.data(), part.size());
}

void CsvReader::TakeField(absl::string_view text) {
  ++fields_;
  if (!rejected_.empty()) return;
  if (fields_ > kColumnsMax) {
    rejected_ = absl::StrFormat("more than %d fields", kColumnsMax);
  } else if (text.size() > kFieldBytesMax) {
    rejected_ = absl::StrFormat("a text of more than %d bytes", kFieldBytesMax);
  } else if (texts_.size() + text.size() > kRowBytesMax) {
    rejected_ = absl::StrFormat("more than %d bytes", kRowBytesMax);
  } else {
    texts_.append(text.data(), text.size());
    ends_.push_back(texts_.size());
  }
}

void CsvReader::Reject(std::string reason) {
  if (rejected_.empty()) rejected_ = std::move(reason);
  skipping_ = true;
  // The parser begins anew with the next line. Where a quote is open it cannot end by itself.
  parser_.options &= static_cast<unsigned char>(~CSV_STRICT_FINI);
  csv_fini(&parser_, nullptr, nullptr, nullptr);
  parser_.options |= CSV_STRICT_FINI;
}

void CsvReader::CountLines(absl::string_view segment) {
  const char last = segment.back();
  const bool second_half = after_cr_ && segment == "\n";
  if (last == '\r' || (last == '\n' && !second_half)) ++line_;
  after_cr_ = last == '\r';
}

void CsvReader::EndInput() {
  if (skipping_) return;
  const auto field = [](void* text, size_t size, void* self) {
    static_cast<CsvReader*>(self)->TakeField({static_cast<const char*>(text), size});
  };
  if (csv_fini(&parser_, field, nullptr, this) != 0) {
    Reject(absl::StrFormat("a quote that is not closed before the end, line %d", line_));
  }
}

void CsvReader::EndRow(InputRow* row) {
  row->line = row_line_;
  row->number = 0;
  row->rejected = rejected_;
  row->fields.clear();
  size_t from = 0;
  for (const size_t end : ends_) {
    row->fields.push_back(absl::string_view(texts_).substr(from, end - from));
    from = end;
  }
}

}  // namespace gridledger::files
