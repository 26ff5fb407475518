#include "services/gridledger/row_store.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gridledger::cli {
namespace {

constexpr int kRoundBits = 16;
constexpr uint64_t kRoundMask = (uint64_t{1} << kRoundBits) - 1;
// A row that an import without such a file took: whatever stood in it.
constexpr uint64_t kAnyContent = ~kRoundMask;
constexpr int64_t kByContentMax = 1'000'000;  // × ~32 B = 32 MiB; nobody corrects more by hand

uint64_t AsWord(uint64_t content) {
  const uint64_t word = content & ~kRoundMask;
  return word == kAnyContent ? kAnyContent - (kRoundMask + 1) : word;
}
int RoundOf(uint64_t word) { return static_cast<int>(word & kRoundMask); }

}  // namespace

absl::StatusOr<std::unique_ptr<RowStore>> RowStore::Open(Options options) {
  std::unique_ptr<RowStore> store(new RowStore(std::move(options)));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(store->options_.path, error);
  if (error) return store;
  store->now_ = store->options_.path;
  if (bytes % sizeof(uint64_t) != 0) {
    return absl::DataLossError(absl::StrCat(store->now_, " has been cut off"));
  }
  if (!store->options_.by_content ||
      static_cast<int64_t>(bytes / sizeof(uint64_t)) > kByContentMax) {
    return store;
  }
  store->from_ = std::fopen(store->now_.c_str(), "rb");
  if (store->from_ == nullptr) return store->Failed("read", store->now_);
  uint64_t word = 0;
  while (std::fread(&word, sizeof word, 1, store->from_) == 1) {
    if (store->IsKnown(word)) store->by_content_.emplace(word & ~kRoundMask, word);
  }
  std::fclose(std::exchange(store->from_, nullptr));
  return store;
}

RowStore::~RowStore() {
  if (from_ != nullptr) std::fclose(from_);
  if (to_ != nullptr) std::fclose(to_);
  std::error_code error;
  for (int pass = 1; pass <= passes_; ++pass) {
    std::filesystem::remove(absl::StrCat(options_.path, ".part", pass), error);
  }
}

absl::Status RowStore::Begin() {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(options_.path).parent_path(), error);
  part_ = absl::StrCat(options_.path, ".part", ++passes_);
  if (!now_.empty()) {
    from_ = std::fopen(now_.c_str(), "rb");
    if (from_ == nullptr) return Failed("read", now_);
  }
  to_ = std::fopen(part_.c_str(), "wb");
  if (to_ == nullptr) return Failed("write", part_);
  row_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RowStore::ReadWord() {
  if (from_ == nullptr) {
    return now_.empty() && row_ <= options_.rows_before ? kAnyContent | 1 : 0;
  }
  uint64_t word = 0;
  if (std::fread(&word, sizeof word, 1, from_) == 1) return word;
  if (std::ferror(from_) != 0) return Failed("read", now_);
  std::fclose(std::exchange(from_, nullptr));
  return 0;
}

absl::Status RowStore::WriteWord(uint64_t word) {
  if (!failed_.ok()) return failed_;
  return std::fwrite(&word, sizeof word, 1, to_) == 1 ? absl::OkStatus() : Failed("write", part_);
}

bool RowStore::IsKnown(uint64_t word) const {
  const auto& rounds = options_.rounds;
  const int round = RoundOf(word);
  return round != 0 && ((passes_ > 1 && round == taking_) ||
                        std::find(rounds.begin(), rounds.end(), round) != rounds.end());
}

bool RowStore::IsCutOff(uint64_t word) const {
  const auto& rounds = options_.cut_off;
  return std::find(rounds.begin(), rounds.end(), RoundOf(word)) != rounds.end();
}

RowStore::Answer RowStore::Look(uint64_t content) {
  ++row_;
  const absl::StatusOr<uint64_t> old = ReadWord();
  if (!old.ok()) failed_ = old.status();
  old_ = old.ok() && IsKnown(*old) ? *old : 0;
  content_ = AsWord(content);
  const uint64_t was = old_ & ~kRoundMask;
  if (old_ != 0 && (was == content_ || was == kAnyContent)) {
    old_ = content_ | static_cast<uint64_t>(RoundOf(old_));
    if (IsCutOff(old_)) {
      again_.Set(static_cast<uint64_t>(row_));
      if (options_.by_content) again_by_content_.insert(content_);
    }
    return {Kind::kKnown, RoundOf(old_)};
  }
  if (options_.by_content) {
    const auto found = by_content_.find(content_);
    if (found == by_content_.end()) return {};
    old_ = found->second;
    if (IsCutOff(old_)) again_by_content_.insert(content_);
    return {Kind::kKnown, RoundOf(old_)};
  }
  return {old_ == 0 ? Kind::kNew : Kind::kChanged, RoundOf(old_)};
}

absl::Status RowStore::Take(int round) {
  taking_ = round;
  return WriteWord(content_ | static_cast<uint64_t>(round));
}

absl::Status RowStore::Leave() { return WriteWord(old_); }

absl::Status RowStore::End() {
  while (from_ != nullptr || (now_.empty() && row_ < options_.rows_before)) {
    ++row_;
    const absl::StatusOr<uint64_t> word = ReadWord();
    if (!word.ok()) return word.status();
    if (from_ == nullptr && *word == 0) break;
    if (absl::Status status = WriteWord(IsKnown(*word) ? *word : 0); !status.ok()) return status;
  }
  if (std::fclose(std::exchange(to_, nullptr)) != 0) return Failed("write", part_);
  now_ = part_;
  return failed_;
}

absl::Status RowStore::CheckCutOff() {
  if (options_.cut_off.empty() || passes_ == 0) return absl::OkStatus();
  int64_t without = 0;
  int64_t first = 0;
  if (!by_content_.empty()) {
    for (const auto& [content, word] : by_content_) {
      if (IsCutOff(word) && !again_by_content_.contains(content)) ++without;
    }
  } else {
    std::FILE* const words = std::fopen(now_.c_str(), "rb");
    if (words == nullptr) return Failed("read", now_);
    uint64_t word = 0;
    for (int64_t row = 1; std::fread(&word, sizeof word, 1, words) == 1; ++row) {
      if (!IsCutOff(word) || again_.Has(static_cast<uint64_t>(row))) continue;
      if (without++ == 0) first = row;
    }
    std::fclose(words);
  }
  if (without == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "an import of it was interrupted, and ", without, " of the rows that it took are missing now",
      " or not what they were", first > 0 ? absl::StrCat(", the first of them row ", first) : "",
      ". Import what was being imported then once more, as it was; when that has come to its end, "
      "what has changed since can come in"));
}

absl::Status RowStore::GiveBack(int64_t row, int round) {
  if (to_ == nullptr) {
    to_ = std::fopen(now_.c_str(), "r+b");
    if (to_ == nullptr) return Failed("write", now_);
  }
  const off_t at = static_cast<off_t>(sizeof(uint64_t)) * (row - 1);
  uint64_t word = 0;
  const int file = fileno(to_);
  if (::pread(file, &word, sizeof word, at) != sizeof word) return Failed("read", now_);
  if (RoundOf(word) != round) return absl::OkStatus();
  word = 0;
  return ::pwrite(file, &word, sizeof word, at) == sizeof word ? absl::OkStatus()
                                                               : Failed("write", now_);
}

absl::Status RowStore::Commit() {
  if (passes_ == 0) return absl::OkStatus();
  if (to_ == nullptr) to_ = std::fopen(now_.c_str(), "r+b");
  const bool durable = to_ != nullptr && ::fsync(fileno(to_)) == 0;
  if (to_ != nullptr) std::fclose(std::exchange(to_, nullptr));
  if (!durable || std::rename(now_.c_str(), options_.path.c_str()) != 0) {
    return Failed("write", options_.path);
  }
  return absl::OkStatus();
}

absl::Status RowStore::Failed(const char* act, const std::string& path) const {
  return absl::UnavailableError(absl::StrCat("cannot ", act, " ", path, ": ", strerror(errno)));
}

}  // namespace gridledger::cli
