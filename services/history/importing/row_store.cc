#include "services/history/importing/row_store.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/history/files/bytes/durable.h"
#include "services/history/files/bytes/temp_folder.h"

namespace gridledger::cli {
namespace {

constexpr int kRoundShift = 48;
constexpr uint64_t kRowMask = (uint64_t{1} << kRoundShift) - 1;
constexpr size_t kRowBytes = 3 * sizeof(uint64_t);
// So that it sorts as a whole number from 0 on.
constexpr uint64_t kContentMask = ~(uint64_t{1} << 63);

uint64_t WordOf(int round, uint64_t row) {
  return (static_cast<uint64_t>(round) << kRoundShift) | row;
}

void AddTo(const RowStore::Taken& row, RowStore::Sum* sum) {
  const std::array<uint64_t, 3> words = {row.incident, row.content, WordOf(row.round, row.row)};
  ++sum->rows;
  sum->checksum += Fingerprint({reinterpret_cast<const char*>(words.data()), kRowBytes});
}

bool SortsBefore(const RowStore::Taken& a, const RowStore::Taken& b) {
  return std::tie(a.incident, a.content) < std::tie(b.incident, b.content);
}
bool IsSame(const RowStore::Taken& a, const RowStore::Taken& b) {
  return a.incident == b.incident && a.content == b.content;
}

absl::Status Failed(const char* act, const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot ", act, " ", path, ": ", strerror(errno)));
}

files::FactPlace PlaceOf(const RowStore::Taken& row) {
  return {.at = absl::UnixEpoch(),
          .version = static_cast<int64_t>(row.content),
          .input = static_cast<uint32_t>(row.round),
          .row = row.row,
          .group = row.incident};
}

// The rows of a sorter, in order.
class Sorted {
 public:
  static absl::StatusOr<Sorted> Of(files::FactSorter& sorter) {
    if (absl::Status status = sorter.Finish(); !status.ok()) return status;
    auto facts = sorter.NewReader(Partition{0});
    if (!facts.ok()) return facts.status();
    return Sorted(*std::move(facts));
  }
  // False at the end.
  absl::StatusOr<bool> Next(RowStore::Taken* row) {
    files::SortedFact fact;
    absl::StatusOr<bool> more = facts_->Next(&fact);
    if (!more.ok() || !*more) return more;
    *row = {.incident = fact.place.group,
            .content = static_cast<uint64_t>(fact.place.version),
            .round = static_cast<int>(fact.place.input),
            .row = fact.place.row};
    return true;
  }

 private:
  explicit Sorted(std::unique_ptr<files::SortedFacts> facts) : facts_(std::move(facts)) {}
  std::unique_ptr<files::SortedFacts> facts_;
};

}  // namespace

// ---- words and rows on disk

class RowStore::Words {
 public:
  static absl::StatusOr<std::unique_ptr<Words>> Make(const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const absl::StatusOr<int> file = files::OpenUnnamed(folder);
    if (!file.ok()) return file.status();
    return std::unique_ptr<Words>(new Words(*file, folder));
  }
  ~Words() { ::close(file_); }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;

  absl::Status Set(uint64_t at, uint64_t word) {
    return ::pwrite(file_, &word, sizeof word, Place(at)) == sizeof word
               ? absl::OkStatus()
               : Failed("write in", folder_);
  }
  // 0 where nothing was set.
  absl::StatusOr<uint64_t> Get(uint64_t at) const {
    uint64_t word = 0;
    const ssize_t bytes = ::pread(file_, &word, sizeof word, Place(at));
    if (bytes < 0) return Failed("read in", folder_);
    return bytes == sizeof word ? word : 0;
  }
  // The same, one after the other.
  absl::StatusOr<uint64_t> GetNext(uint64_t at) {
    const uint64_t block = at / block_.size();
    if (block != block_at_) {
      block_.fill(0);
      if (::pread(file_, block_.data(), sizeof block_, Place(block * block_.size())) < 0) {
        return Failed("read in", folder_);
      }
      block_at_ = block;
    }
    return block_[at % block_.size()];
  }

 private:
  Words(int file, std::string folder) : file_(file), folder_(std::move(folder)) {}
  static off_t Place(uint64_t at) { return static_cast<off_t>(at * sizeof(uint64_t)); }

  const int file_;
  const std::string folder_;
  std::array<uint64_t, 8192> block_ = {};
  uint64_t block_at_ = ~uint64_t{0};
};

class RowStore::Stream {
 public:
  // Without a file there is no row.
  static absl::StatusOr<std::unique_ptr<Stream>> Open(const std::string& path) {
    std::unique_ptr<Stream> stream(new Stream(path));
    stream->file_ = std::fopen(path.c_str(), "rb");
    if (stream->file_ == nullptr && errno != ENOENT) return Failed("read", path);
    return stream;
  }
  ~Stream() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // False at the end.
  absl::StatusOr<bool> Next(Taken* row) {
    if (file_ == nullptr) return false;
    std::array<uint64_t, 3> words = {};
    const size_t bytes = std::fread(words.data(), 1, kRowBytes, file_);
    if (std::ferror(file_) != 0) return Failed("read", path_);
    if (bytes == 0) return false;
    if (bytes != kRowBytes) {
      return absl::DataLossError(absl::StrCat(
          path_, " has been cut off in the middle of a row, or has bytes behind the last"));
    }
    *row = {.incident = words[0],
            .content = words[1],
            .round = static_cast<int>(words[2] >> kRoundShift),
            .row = words[2] & kRowMask};
    return true;
  }

 private:
  explicit Stream(std::string path) : path_(std::move(path)) {}
  const std::string path_;
  std::FILE* file_ = nullptr;
};

// The file that takes the place of the one that is there: what that one has, and what is taken.
class RowStore::Writer {
 public:
  static absl::StatusOr<std::unique_ptr<Writer>> Open(const RowStore& store) {
    std::unique_ptr<Writer> writer(new Writer(store));
    auto stored = Stream::Open(store.options_.path);
    if (!stored.ok()) return stored.status();
    writer->stored_ = *std::move(stored);
    absl::Status made = MakeFolder(std::filesystem::path(writer->path_).parent_path());
    if (!made.ok()) return made;
    writer->file_ = std::fopen(writer->part_.c_str(), "wb");
    if (writer->file_ == nullptr) return Failed("write", writer->part_);
    if (absl::Status status = writer->NextStored(); !status.ok()) return status;
    return writer;
  }
  ~Writer() {
    if (file_ != nullptr) std::fclose(file_);
    std::error_code error;
    std::filesystem::remove(part_, error);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // In order.
  absl::Status Put(const Taken& row) {
    absl::Status status;
    while (status.ok() && more_ && !SortsBefore(row, row_)) status = WriteStored();
    return status.ok() ? Write(row) : status;
  }
  // Durable on return.
  absl::Status Finish() {
    absl::Status status;
    while (status.ok() && more_) status = WriteStored();
    if (!status.ok()) return status;
    if (std::fclose(std::exchange(file_, nullptr)) != 0) return Failed("write", part_);
    return PutInPlace(part_, path_);
  }

 private:
  explicit Writer(const RowStore& store)
      : store_(store), path_(store.options_.path), part_(absl::StrCat(path_, ".part")) {}

  absl::Status NextStored() {
    do {
      const absl::StatusOr<bool> more = stored_->Next(&row_);
      if (!more.ok()) return more.status();
      more_ = *more;
    } while (more_ && !store_.IsKnown(row_.round));
    return absl::OkStatus();
  }
  absl::Status WriteStored() {
    absl::Status status = Write(row_);
    return status.ok() ? NextStored() : status;
  }
  absl::Status Write(const Taken& row) {
    const std::array<uint64_t, 3> words = {row.incident, row.content, WordOf(row.round, row.row)};
    return std::fwrite(words.data(), kRowBytes, 1, file_) == 1 ? absl::OkStatus()
                                                               : Failed("write", part_);
  }

  const RowStore& store_;
  const std::string path_;
  const std::string part_;
  std::unique_ptr<Stream> stored_;
  Taken row_;  // the next that is stored
  bool more_ = false;
  std::FILE* file_ = nullptr;
};

// ---- the store

RowStore::RowStore(Options options)
    : options_(std::move(options)), cut_off_(options_.cut_off.begin(), options_.cut_off.end()) {}

RowStore::~RowStore() = default;

absl::StatusOr<std::unique_ptr<RowStore>> RowStore::Open(Options options) {
  std::unique_ptr<RowStore> store(new RowStore(std::move(options)));
  if (absl::Status status = store->Count(); !status.ok()) return status;
  return store;
}

absl::Status RowStore::Count() {
  auto stream = Stream::Open(options_.path);
  if (!stream.ok()) return stream.status();
  Taken row;
  std::map<int, Sum> sums;
  while (true) {
    const absl::StatusOr<bool> more = (*stream)->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (!IsKnown(row.round)) continue;
    ++known_;
    AddTo(row, &sums[row.round]);
    uint64_t& last = last_[row.round];
    last = std::max(last, row.row);
  }
  uint64_t begin = 0;
  for (const auto& [round, sum] : options_.rounds) {
    if (sums[round] != sum) {
      return absl::DataLossError(absl::StrCat(options_.path, " does not have the ", sum.rows,
                                              " rows that import ", round,
                                              " took, as it took them: bring the folder that it is "
                                              "in back from a copy, or import into ",
                                              "a new folder"));
    }
    begins_[round] = begin;
    begin += last_[round] + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<files::FactSorter>> RowStore::NewSorter() const {
  return files::FactSorter::Open({.memory_bytes = options_.memory_bytes,
                                  .temp_folder = options_.temp_folder,
                                  .partitions = 1});
}

absl::Status RowStore::Take(uint64_t present, uint64_t incident, uint64_t content) {
  if (looked_ == nullptr) {
    auto sorter = NewSorter();
    if (!sorter.ok()) return sorter.status();
    looked_ = *std::move(sorter);
  }
  return looked_->Add(
      Partition{0},
      PlaceOf({.incident = incident, .content = content & kContentMask, .row = present}), "", "");
}

absl::Status RowStore::Match() {
  if (looked_ == nullptr) return absl::OkStatus();
  const absl::Status status = MatchLooked();
  looked_.reset();
  return status;
}

absl::Status RowStore::MatchLooked() {
  auto present = Words::Make(options_.temp_folder);
  auto known = Words::Make(options_.temp_folder);
  auto stream = Stream::Open(options_.path);
  auto sorted = Sorted::Of(*looked_);
  if (!present.ok()) return present.status();
  if (!known.ok()) return known.status();
  if (!stream.ok()) return stream.status();
  if (!sorted.ok()) return sorted.status();
  by_present_ = *std::move(present);
  by_known_ = *std::move(known);

  struct Missing {
    uint64_t rows = 0;
    uint64_t first = 0;
  };
  absl::flat_hash_map<int, Missing> missing;  // of rounds that were cut off
  Taken looked;
  Taken before;  // of what was looked for, the last that is known
  Taken last;    // and the last of all
  absl::StatusOr<bool> more_looked = sorted->Next(&looked);
  Taken stored;
  for (absl::StatusOr<bool> more = (*stream)->Next(&stored);; more = (*stream)->Next(&stored)) {
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (!IsKnown(stored.round)) continue;
    while (more_looked.ok() && *more_looked && SortsBefore(looked, stored)) {
      last = looked;
      more_looked = sorted->Next(&looked);
    }
    bool is_here = before.row != 0 && IsSame(before, stored);
    uint64_t here = 0;
    while (more_looked.ok() && *more_looked && IsSame(looked, stored)) {
      if (here == 0 || looked.row == stored.row) here = looked.row;
      before = last = looked;
      more_looked = sorted->Next(&looked);
    }
    if (!more_looked.ok()) return more_looked.status();
    if (here != 0) {
      absl::Status set = by_present_->Set(here, WordOf(stored.round, stored.row));
      if (set.ok()) set = by_known_->Set(begins_[stored.round] + stored.row, here);
      if (!set.ok()) return set;
      is_here = true;
    }
    const bool is_met = (last.row != 0 && last.incident == stored.incident) ||
                        (*more_looked && looked.incident == stored.incident);
    if (is_met) rounds_met_.insert(stored.round);
    if (is_here) {
      rounds_here_.insert(stored.round);
    } else if (cut_off_.contains(stored.round)) {
      Missing& of_round = missing[stored.round];
      of_round.first = ++of_round.rows == 1 ? stored.row : std::min(of_round.first, stored.row);
    }
  }
  for (const int round : cut_off_) {
    const auto found = missing.find(round);
    if (found == missing.end() || !rounds_here_.contains(round)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "an import of it was interrupted, and ", found->second.rows,
        " of the rows that it took are missing now or not what they were, the first of them row ",
        found->second.first, ". Import what was being imported then once more, as it was; when ",
        "that has come to its end, what has changed since can come in"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RowStore::Known> RowStore::Find(uint64_t present) {
  if (by_present_ == nullptr) return Known{};
  const absl::StatusOr<uint64_t> word = by_present_->GetNext(present);
  if (!word.ok()) return word.status();
  return Known{.round = static_cast<int>(*word >> kRoundShift), .row = *word & kRowMask};
}

absl::StatusOr<uint64_t> RowStore::PresentOf(int round, uint64_t row) const {
  const auto begin = begins_.find(round);
  const auto last = last_.find(round);
  if (by_known_ == nullptr || begin == begins_.end() || last == last_.end() || row > last->second) {
    return 0;
  }
  return by_known_->Get(begin->second + row);
}

absl::Status RowStore::Take(const Taken& row) {
  if (writer_ == nullptr) {
    auto writer = Writer::Open(*this);
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
  }
  if (!taken_.empty() && row.incident != taken_.front().incident) {
    INVARIANT(taken_.front().incident < row.incident, "rows are taken in the order of incidents");
    if (absl::Status status = WriteTaken(); !status.ok()) return status;
  }
  // The rows of one incident are few, as a rule.
  if (taken_.size() >= std::max(options_.memory_bytes / sizeof(Taken) / 3, size_t{1})) {
    if (absl::Status status = PutAwayTaken(); !status.ok()) return status;
  }
  taken_.push_back(row);
  taken_.back().content &= kContentMask;
  AddTo(taken_.back(), &taken_sum_);
  return absl::OkStatus();
}

absl::Status RowStore::PutAwayTaken() {
  if (put_away_ == nullptr) {
    auto sorter = NewSorter();
    if (!sorter.ok()) return sorter.status();
    put_away_ = *std::move(sorter);
  }
  for (const Taken& row : taken_) {
    absl::Status added = put_away_->Add(Partition{0}, PlaceOf(row), "", "");
    if (!added.ok()) return added;
  }
  taken_.clear();
  return absl::OkStatus();
}

absl::Status RowStore::WriteTaken() {
  absl::Status status;
  if (put_away_ == nullptr) {
    std::sort(taken_.begin(), taken_.end(), SortsBefore);
    for (const Taken& row : taken_) {
      if (status.ok()) status = writer_->Put(row);
    }
    taken_.clear();
    return status;
  }
  status = PutAwayTaken();
  if (!status.ok()) return status;
  {
    auto sorted = Sorted::Of(*put_away_);
    if (!sorted.ok()) return sorted.status();
    Taken row;
    while (status.ok()) {
      const absl::StatusOr<bool> more = sorted->Next(&row);
      if (!more.ok()) return more.status();
      if (!*more) break;
      status = writer_->Put(row);
    }
  }
  put_away_.reset();
  return status;
}

absl::Status RowStore::Commit() {
  if (writer_ == nullptr) return absl::OkStatus();
  absl::Status status = WriteTaken();
  if (status.ok()) status = writer_->Finish();
  writer_.reset();
  return status;
}

}  // namespace gridledger::cli
