#include "services/history/importing/rejected_rows.h"

#include <fcntl.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "services/base/digest.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

constexpr int kToldMax = 20;  // of all inputs: a screen
constexpr size_t kSealBlockBytes = size_t{64} << 10;
constexpr const char* kPart = ".part";

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// Of what stands in it; "" when it is not there.
std::string SealOf(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return "";
  std::string block(kSealBlockBytes, '\0');
  uint64_t seal = 0;
  size_t bytes = 0;
  while (const size_t read = std::fread(block.data(), 1, block.size(), file)) {
    seal = Fingerprint(absl::StrCat(seal, absl::string_view(block.data(), read)));
    bytes += read;
  }
  std::fclose(file);
  return absl::StrFormat("%d %016x\n", bytes, seal);
}

// Whether the rows at that place are as they were written, or not there at all.
bool IsUntouched(const std::string& rows_path, const std::string& seal_path) {
  const std::string seal = SealOf(rows_path);
  if (seal.empty()) return true;
  std::ifstream file(seal_path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str() == seal;
}

}  // namespace

RejectedRows::RejectedRows(Options options, int* told) : options_(std::move(options)), told_(told) {
  const std::filesystem::path base(options_.base);
  for (int number = 1;; ++number) {
    const std::string name =
        absl::StrCat(base.filename().string(), number > 1 ? absl::StrCat("-", number) : "");
    const auto of = [&](const std::string& file) { return (base.parent_path() / file).string(); };
    list_path_ = of(name + ".csv");
    rows_path_ = of(name + ".rows.csv");
    seal_path_ = of("." + name + ".seal");
    if (IsUntouched(rows_path_, seal_path_)) break;
  }
}

RejectedRows::~RejectedRows() {
  if (file_ != nullptr) std::fclose(file_);
  if (rows_file_ != nullptr) std::fclose(rows_file_);
  std::error_code error;
  for (const std::string& path : {list_path_, rows_path_}) {
    std::filesystem::remove(absl::StrCat(path, kPart), error);
  }
}

// Readable to its owner only: what stands in rows is nobody else's business.
std::FILE* RejectedRows::Open(const std::string& final_path, bool begun) const {
  std::error_code error;
  const std::string path = absl::StrCat(final_path, kPart);
  if (!begun) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    std::filesystem::remove(path, error);
  }
  const int file =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | (begun ? 0 : O_CREAT | O_EXCL), 0600);
  return file < 0 ? nullptr : ::fdopen(file, "a");
}

absl::Status RejectedRows::Add(int64_t line, int64_t row, absl::string_view column,
                               absl::string_view reason) {
  if (file_ == nullptr) {
    file_ = Open(list_path_, count_ > 0);
    if (file_ == nullptr) return Failed(list_path_);
    if (count_ == 0) std::fputs("line,row,column,reason\n", file_);
  }
  ++count_;
  const std::string said =
      absl::StrCat(line, ",", row, ",", Quoted(column), ",", Quoted(reason), "\n");
  if (std::fputs(said.c_str(), file_) < 0) return Failed(list_path_);
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
                                const files::InputRow& row) {
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
    rows_file_ = Open(rows_path_, kept_);
    if (rows_file_ == nullptr) return Failed(rows_path_);
    const bool begun = std::exchange(kept_, true);
    if (!begun && options_.mark) std::fputs("\xEF\xBB\xBF", rows_file_);
    if (!begun && !write(header)) return Failed(rows_path_);
  }
  if (row.raw.empty()) return write(row.fields) ? absl::OkStatus() : Failed(rows_path_);
  // With a quote that is not closed it would take the rows behind it along.
  if (!options_.csv || std::count(row.raw.begin(), row.raw.end(), '"') % 2 != 0) {
    return write(std::vector<std::string>{row.raw}) ? absl::OkStatus() : Failed(rows_path_);
  }
  line_ = absl::StrCat(row.raw, "\n");
  const bool written = std::fwrite(line_.data(), 1, line_.size(), rows_file_) == line_.size();
  return written ? absl::OkStatus() : Failed(rows_path_);
}

absl::Status RejectedRows::Pause() {
  std::FILE* const rows = std::exchange(rows_file_, nullptr);
  std::FILE* const list = std::exchange(file_, nullptr);
  const bool rows_closed = rows == nullptr || std::fclose(rows) == 0;
  const bool list_closed = list == nullptr || std::fclose(list) == 0;
  if (!rows_closed) return Failed(rows_path_);
  return list_closed ? absl::OkStatus() : Failed(list_path_);
}

absl::Status RejectedRows::Finish() {
  if (absl::Status status = Pause(); !status.ok()) return status;
  std::error_code error;
  std::filesystem::remove(list_path_, error);
  std::filesystem::remove(rows_path_, error);
  std::filesystem::remove(seal_path_, error);
  if (kept_) {
    // The seal comes first: rows without one are somebody's.
    const std::string seal = SealOf(absl::StrCat(rows_path_, kPart));
    std::ofstream file(seal_path_, std::ios::trunc);
    file << seal;
    file.close();
    if (!file) return Failed(seal_path_);
    if (absl::Status status = Publish(rows_path_); !status.ok()) return status;
  }
  return count_ == 0 ? absl::OkStatus() : Publish(list_path_);
}

absl::Status RejectedRows::Publish(const std::string& path) const {
  const std::string part = absl::StrCat(path, kPart);
  return std::rename(part.c_str(), path.c_str()) == 0 ? absl::OkStatus() : Failed(path);
}

absl::Status RejectedRows::Failed(const std::string& path) const {
  return absl::UnavailableError(
      absl::StrCat("cannot write the rejected rows to ", path, ": ", std::strerror(errno)));
}

}  // namespace gridledger::cli
