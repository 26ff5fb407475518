#include "services/gridledger/rejected_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/gridledger/terminal.h"

namespace gridledger::cli {
namespace {

constexpr int kToldMax = 20;  // of all inputs: a screen

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

}  // namespace

RejectedRows::RejectedRows(Options options, int* told)
    : options_(std::move(options)),
      rows_path_(absl::StrCat(absl::StripSuffix(options_.list, ".csv"), ".rows.csv")),
      told_(told) {
  std::error_code error;
  std::filesystem::remove(options_.list, error);
  std::filesystem::remove(rows_path_, error);
}

RejectedRows::~RejectedRows() {
  if (file_ != nullptr) std::fclose(file_);
  if (rows_file_ != nullptr) std::fclose(rows_file_);
}

// Readable to its owner only: what stands in rows is nobody else's business.
std::FILE* RejectedRows::Make(const std::string& path) const {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return nullptr;
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  return file;
}

absl::Status RejectedRows::Add(int64_t line, int64_t row, absl::string_view column,
                               absl::string_view reason) {
  if (file_ == nullptr) {
    file_ = Make(options_.list);
    if (file_ == nullptr) return Failed(options_.list);
    std::fputs("line,row,column,reason\n", file_);
  }
  ++count_;
  const std::string said =
      absl::StrCat(line, ",", row, ",", Quoted(column), ",", Quoted(reason), "\n");
  if (std::fputs(said.c_str(), file_) < 0) return Failed(options_.list);
  if (++*told_ <= kToldMax) {
    const std::string where =
        column.empty() ? std::string() : absl::StrCat("column ", column, ": ");
    std::fprintf(stderr, "rejected: %s:%lld: %s\n", Printable(options_.input).c_str(),
                 static_cast<long long>(line), Printable(absl::StrCat(where, reason)).c_str());
  }
  if (*told_ == kToldMax + 1) std::fputs("rejected: … further rows are in the list\n", stderr);
  return absl::OkStatus();
}

absl::Status RejectedRows::Keep(const std::vector<std::string>& header,
                                absl::Span<const absl::string_view> fields) {
  const auto write = [this](const auto& texts) {
    line_.clear();
    for (const auto& text : texts) {
      if (!line_.empty()) line_.push_back(options_.delimiter);
      absl::StrAppend(&line_, Quoted(text));
    }
    line_.push_back('\n');
    return std::fwrite(line_.data(), 1, line_.size(), rows_file_) == line_.size();
  };
  if (rows_file_ == nullptr) {
    rows_file_ = Make(rows_path_);
    if (rows_file_ == nullptr) return Failed(rows_path_);
    kept_ = true;
    if (options_.mark) std::fputs("\xEF\xBB\xBF", rows_file_);
    if (!write(header)) return Failed(rows_path_);
  }
  return write(fields) ? absl::OkStatus() : Failed(rows_path_);
}

absl::Status RejectedRows::Finish() {
  std::FILE* const file = std::exchange(file_, nullptr);
  std::FILE* const rows = std::exchange(rows_file_, nullptr);
  if (file != nullptr && std::fclose(file) != 0) return Failed(options_.list);
  if (rows != nullptr && std::fclose(rows) != 0) return Failed(rows_path_);
  return absl::OkStatus();
}

absl::Status RejectedRows::Failed(const std::string& path) const {
  return absl::UnavailableError(
      absl::StrCat("cannot write the rejected rows to ", path, ": ", std::strerror(errno)));
}

}  // namespace gridledger::cli
