#include "services/history/importing/mapped_rows.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/base/nearest.h"
#include "services/history/files/bytes/spool.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/history/mapping/rows/named_columns.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

files::RowFormat FormatOf(v1::Format format) {
  switch (format) {
    case v1::FORMAT_CSV: return files::RowFormat::kCsv;
    case v1::FORMAT_JSON_LINES: return files::RowFormat::kJsonLines;
    case v1::FORMAT_XES: return files::RowFormat::kXes;
    default: return files::RowFormat::kUnspecified;
  }
}

}  // namespace

absl::StatusOr<files::RowOptions> RowOptionsOf(const v1::Mapping& mapping) {
  const absl::StatusOr<char> delimiter = mapping::DelimiterOf(mapping);
  if (!delimiter.ok()) return delimiter.status();
  files::RowOptions options;
  options.format = FormatOf(mapping.format());
  options.delimiter = *delimiter;
  options.skip_lines = mapping.csv().skip_lines();
  options.header.assign(mapping.csv().header().begin(), mapping.csv().header().end());
  options.encoding = mapping.encoding();
  options.columns = mapping::ColumnsOf(mapping);
  return options;
}

std::string TakenText(const std::string& name, const files::OpenedRows& opened) {
  const bool csv = opened.format == files::RowFormat::kCsv;
  const bool delimiter = opened.delimiter_detected && opened.delimiter != ',';
  const bool encoding =
      opened.encoding_detected && !absl::EqualsIgnoreCase(opened.encoding, "UTF-8");
  const bool format = opened.format_detected && !csv;
  if (!delimiter && !encoding && !format) return "";
  std::string text = absl::StrCat(name, " is read as ", std::string(files::NameOf(opened.format)));
  if (csv) {
    const std::string shown = opened.delimiter == '\t'
                                  ? "tabs"
                                  : absl::StrCat("'", std::string(1, opened.delimiter), "'");
    absl::StrAppend(&text, " with ", shown);
  }
  return absl::StrCat(text, ", ", opened.encoding, " (detected)");
}

void SayUnknownLeaks(const v1::Mapping& mapping, const std::string& mapping_path,
                     const std::vector<std::string>& header) {
  for (const std::string& leak : mapping.leaks()) {
    if (std::count(header.begin(), header.end(), leak) > 0) continue;
    std::fprintf(stderr, "gridledger: %s: leaks: there is no column \"%s\"%s\n",
                 Printable(mapping_path).c_str(), Printable(leak).c_str(),
                 Printable(Instead(leak, header)).c_str());
  }
}

bool IsRowsFile(const std::string& path) { return absl::EndsWith(path, ".rows.csv"); }

files::RowOptions RowOptionsFor(const std::string& path, const files::RowOptions& options) {
  files::RowOptions own = options;
  if (!IsRowsFile(path)) return own;
  own.format = files::RowFormat::kCsv;
  own.skip_lines = 0;
  own.header.clear();
  // An editor may have saved it in what it takes for the right encoding: UTF-8 where it is that.
  own.utf8_first = true;
  return own;
}

absl::StatusOr<MappedRows> OpenMappedRows(const std::string& path, const files::RowOptions& options,
                                          const std::string& spool) {
  auto stream = files::OpenInput(path);
  if (!stream.ok()) return stream.status();
  const std::string name = (*stream)->name();
  MappedRows rows;
  rows.again = path;
  std::error_code error;
  if (!spool.empty() && (path == "-" || !std::filesystem::is_regular_file(path, error))) {
    absl::StatusOr<files::Spooled> spooled = files::SpoolInput(*std::move(stream), spool);
    if (!spooled.ok()) return spooled.status();
    stream = std::move(spooled->input);
    rows.again = spooled->path;
  }
  absl::StatusOr<files::OpenedRows> opened =
      files::OpenRows(*std::move(stream), RowOptionsFor(path, options));
  if (!opened.ok()) return opened.status();
  const std::string taken = TakenText(name, *opened);
  if (!taken.empty()) std::fprintf(stderr, "gridledger: %s\n", Printable(taken).c_str());
  for (const std::string& column : opened->unseen) {
    std::fprintf(stderr, "gridledger: %s: the beginning has no value for column \"%s\"%s\n",
                 Printable(name).c_str(), Printable(column).c_str(),
                 Printable(Instead(column, opened->seen)).c_str());
  }
  rows.is_utf8 = absl::EqualsIgnoreCase(opened->encoding, "UTF-8");
  rows.reader = std::move(opened->reader);
  rows.delimiter = opened->format == files::RowFormat::kCsv ? opened->delimiter : '\0';
  return rows;
}

}  // namespace gridledger::cli
