#include "services/runtime/adapters/files/distinct.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <fstream>
#include <queue>
#include <utility>

namespace gridledger::files {
namespace {

constexpr size_t kMemoryBytesMin = size_t{64} << 10;
constexpr size_t kReadAhead = 4096;  // values: 32 KiB a run; 20 M of them in 16 MiB make 12 runs

// A run, read in order.
class RunReader {
 public:
  explicit RunReader(const std::string& path) : file_(path, std::ios::binary) {}

  bool ok() const { return !broken_; }
  bool Next(uint64_t* value) {
    if (at_ == values_.size() && !Refill()) return false;
    *value = values_[at_++];
    return true;
  }

 private:
  bool Refill() {
    values_.resize(kReadAhead);
    at_ = 0;
    file_.read(reinterpret_cast<char*>(values_.data()),
               static_cast<std::streamsize>(values_.size() * sizeof(uint64_t)));
    const size_t bytes = static_cast<size_t>(file_.gcount());
    broken_ = file_.bad() || bytes % sizeof(uint64_t) != 0;
    values_.resize(bytes / sizeof(uint64_t));
    return !broken_ && !values_.empty();
  }

  std::ifstream file_;
  std::vector<uint64_t> values_;
  size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace

DistinctCounter::DistinctCounter(Options options)
    : temp_folder_(std::move(options.temp_folder)),
      // A growing vector needs its old and its doubled new place at once.
      values_max_(std::max(options.memory_bytes, kMemoryBytesMin) / sizeof(uint64_t) * 2 / 3) {}

absl::Status DistinctCounter::Add(uint64_t fingerprint) {
  if (values_.size() >= values_max_) {
    SortValues();
    if (values_.size() > values_max_ / 2) {
      if (absl::Status status = PutAway(); !status.ok()) return status;
    }
  }
  if (values_.size() == values_.capacity()) {
    values_.reserve(std::min(values_max_, std::max<size_t>(4096, 2 * values_.size())));
  }
  values_.push_back(fingerprint);
  return absl::OkStatus();
}

void DistinctCounter::SortValues() {
  std::sort(values_.begin(), values_.end());
  values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
}

absl::Status DistinctCounter::PutAway() {
  if (temp_ == nullptr) {
    auto temp = TempFolder::Make(temp_folder_);
    if (!temp.ok()) return temp.status();
    temp_ = *std::move(temp);
  }
  const std::string path = RunPath(runs_);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values_.data()),
             static_cast<std::streamsize>(values_.size() * sizeof(uint64_t)));
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  values_.clear();
  ++runs_;
  return absl::OkStatus();
}

std::string DistinctCounter::RunPath(int run) const {
  return absl::StrCat(temp_->path(), "/distinct-", run);
}

absl::StatusOr<int64_t> DistinctCounter::Count() {
  SortValues();
  if (runs_ == 0) {
    const auto count = static_cast<int64_t>(values_.size());
    values_ = std::vector<uint64_t>();  // a mere {} would keep the memory
    return count;
  }
  if (absl::Status status = PutAway(); !status.ok()) return status;
  values_ = std::vector<uint64_t>();
  return Merge();
}

absl::StatusOr<int64_t> DistinctCounter::Merge() const {
  std::vector<std::unique_ptr<RunReader>> readers;
  using Head = std::pair<uint64_t, size_t>;  // value, reader
  std::priority_queue<Head, std::vector<Head>, std::greater<Head>> heads;
  const auto advance = [&](size_t reader) {
    uint64_t value = 0;
    if (readers[reader]->Next(&value)) heads.emplace(value, reader);
    return readers[reader]->ok();
  };
  for (int run = 0; run < runs_; ++run) {
    readers.push_back(std::make_unique<RunReader>(RunPath(run)));
    if (!advance(readers.size() - 1))
      return absl::DataLossError(absl::StrCat("cannot read ", RunPath(run)));
  }
  int64_t count = 0;
  uint64_t last = 0;
  while (!heads.empty()) {
    const auto [value, reader] = heads.top();
    heads.pop();
    if (count == 0 || value != last) ++count;
    last = value;
    if (!advance(reader)) {
      return absl::DataLossError(absl::StrCat("cannot read ", RunPath(static_cast<int>(reader))));
    }
  }
  return count;
}

}  // namespace gridledger::files
