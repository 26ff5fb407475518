#include "services/gridledger/rejected_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

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

RejectedRows::RejectedRows(std::string path, std::string input, int* told)
    : path_(std::move(path)), input_(std::move(input)), told_(told) {
  std::error_code error;
  std::filesystem::remove(path_, error);
}

RejectedRows::~RejectedRows() {
  if (file_ != nullptr) std::fclose(file_);
}

absl::Status RejectedRows::Add(int64_t line, int64_t row, absl::string_view column,
                               absl::string_view reason) {
  if (file_ == nullptr) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
    file_ = std::fopen(path_.c_str(), "w");
    if (file_ == nullptr) return Failed();
    std::fputs("line,row,column,reason\n", file_);
  }
  ++count_;
  const std::string said =
      absl::StrCat(line, ",", row, ",", Quoted(column), ",", Quoted(reason), "\n");
  if (std::fputs(said.c_str(), file_) < 0) return Failed();
  if (++*told_ <= kToldMax) {
    const std::string where =
        column.empty() ? std::string() : absl::StrCat("column ", column, ": ");
    std::fprintf(stderr, "rejected: %s:%lld: %s\n", Printable(input_).c_str(),
                 static_cast<long long>(line), Printable(absl::StrCat(where, reason)).c_str());
  }
  if (*told_ == kToldMax + 1) std::fputs("rejected: … further rows are in the list\n", stderr);
  return absl::OkStatus();
}

absl::Status RejectedRows::Finish() {
  if (file_ == nullptr) return absl::OkStatus();
  std::FILE* const file = std::exchange(file_, nullptr);
  return std::fclose(file) == 0 ? absl::OkStatus() : Failed();
}

absl::Status RejectedRows::Failed() const {
  return absl::UnavailableError(
      absl::StrCat("cannot write the list of rejected rows, ", path_, ": ", std::strerror(errno)));
}

}  // namespace gridledger::cli
