#include "services/history/files/sorting/sorter.h"

#include <absl/strings/str_cat.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/history/files/bytes/temp_folder.h"

namespace gridledger::files {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;      // of memory for items' bytes
constexpr size_t kMemoryBytesMin = size_t{4} << 20;  // 4 blocks; a run of less is mostly overhead
// Of one fact: a record of the log takes 1 MiB.
constexpr size_t kFactBytesMax = size_t{2} << 20;
constexpr size_t kReadaheadMin = size_t{16} << 10;   // a block of a run
constexpr size_t kReadaheadMax = size_t{256} << 10;  // more is no faster

absl::Status ToStatus(const rocksdb::Status& status, absl::string_view act) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(act, ": ", status.ToString());
  return status.IsCorruption() ? absl::DataLossError(text) : absl::UnavailableError(text);
}

int64_t OrderedGroup(uint64_t group) { return static_cast<int64_t>(group ^ (uint64_t{1} << 63)); }
uint64_t GroupOf(int64_t ordered) { return static_cast<uint64_t>(ordered) ^ (uint64_t{1} << 63); }

// partition, group, time, version, input, row, ordinal: byte order is the order of facts.
void AppendKey(Partition partition, const FactPlace& place, std::string* out) {
  AppendOrdered(out, partition.value);
  AppendOrdered(out, OrderedGroup(place.group));
  AppendOrdered(out, ToMillis(place.at));
  AppendOrdered(out, place.version);
  AppendOrdered(out, place.input);
  AppendOrdered(out, static_cast<int64_t>(place.row));
  AppendOrdered(out, place.ordinal);
}

bool ParseKey(absl::string_view key, FactPlace* place) {
  int64_t partition = 0;
  int64_t group = 0;
  int64_t at = 0;
  int64_t version = 0;
  int64_t input = 0;
  int64_t row = 0;
  int64_t ordinal = 0;
  if (!TakeOrdered(&key, &partition) || !TakeOrdered(&key, &group) || !TakeOrdered(&key, &at) ||
      !TakeOrdered(&key, &version) || !TakeOrdered(&key, &input) || !TakeOrdered(&key, &row) ||
      !TakeOrdered(&key, &ordinal)) {
    return false;
  }
  *place = {.at = FromMillis(at),
            .version = version,
            .input = static_cast<uint32_t>(input),
            .row = static_cast<uint64_t>(row),
            .ordinal = static_cast<uint32_t>(ordinal),
            .group = GroupOf(group)};
  return key.empty();
}

rocksdb::Slice SliceOf(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::Options RunOptions() {
  rocksdb::Options o;
  o.create_if_missing = true;
  o.disable_auto_compactions = true;  // runs are read once, merged as they are
  o.level0_slowdown_writes_trigger = 1 << 30;
  o.level0_stop_writes_trigger = 1 << 30;
  o.max_open_files = -1;
  o.compression = rocksdb::kLZ4Compression;  // a third of the disk for little time
  o.write_buffer_size = size_t{1} << 20;     // nothing is ever put
  o.avoid_flush_during_shutdown = true;
  o.max_background_jobs = 1;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.info_log_level = rocksdb::InfoLogLevel::FATAL_LEVEL;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = kReadaheadMin;  // in order; an index of 65,536 × ~50 B = 3 MB a GiB
  table.block_cache = rocksdb::NewLRUCache(size_t{1} << 20);
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

}  // namespace

// Reads the runs as one.
class RunFacts final : public SortedFacts {
 public:
  RunFacts(rocksdb::DB* database, Partition partition, int64_t count, size_t readahead_bytes)
      : left_(count) {
    AppendOrdered(&begin_, partition.value);
    AppendOrdered(&end_, int64_t{partition.value} + 1);
    bound_ = rocksdb::Slice(end_);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound_;
    options.fill_cache = false;
    options.readahead_size = readahead_bytes;
    iterator_.reset(database->NewIterator(options));
    iterator_->Seek(begin_);
  }

  absl::StatusOr<bool> Next(SortedFact* fact) override {
    if (started_) iterator_->Next();
    started_ = true;
    if (!iterator_->Valid()) {
      if (!iterator_->status().ok())
        return ToStatus(iterator_->status(), "cannot read sorted facts");
      if (left_ != 0) return absl::DataLossError(absl::StrCat(left_, " sorted facts are missing"));
      started_ = false;  // the end stays the end
      return false;
    }
    absl::string_view value = ViewOf(iterator_->value());
    uint64_t key_bytes = 0;
    if (!ParseKey(ViewOf(iterator_->key()), &fact->place) || !TakeVarint(&value, &key_bytes) ||
        key_bytes > value.size()) {
      return absl::DataLossError("a sorted fact is not readable");
    }
    fact->key = value.substr(0, key_bytes);
    fact->entry = value.substr(key_bytes);
    --left_;
    return true;
  }

 private:
  std::string begin_;
  std::string end_;
  rocksdb::Slice bound_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  int64_t left_;
  bool started_ = false;
};

// Reads what stayed in memory.
class MemoryFacts final : public SortedFacts {
 public:
  using Iterator = std::vector<FactSorter::Item>::const_iterator;
  MemoryFacts(Iterator at, Iterator end) : at_(at), end_(end) {}

  absl::StatusOr<bool> Next(SortedFact* fact) override {
    if (at_ == end_) return false;
    fact->place = at_->place;
    fact->key = absl::string_view(at_->bytes, at_->key_bytes);
    fact->entry = absl::string_view(at_->bytes + at_->key_bytes, at_->entry_bytes);
    ++at_;
    return true;
  }

 private:
  Iterator at_;
  const Iterator end_;
};

FactSorter::FactSorter(Options options)
    : options_(std::move(options)), counts_(static_cast<size_t>(options_.partitions)) {}

FactSorter::~FactSorter() {
  if (database_ != nullptr) database_->Close().PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<FactSorter>> FactSorter::Open(Options options) {
  INVARIANT(options.partitions > 0, "facts go to partitions");
  if (options.temp_folder.empty()) {
    return absl::InvalidArgumentError("no folder for what does not fit in memory");
  }
  options.memory_bytes = std::max(options.memory_bytes, kMemoryBytesMin);
  auto removed = TempFolder::RemoveAbandoned(options.temp_folder);
  if (!removed.ok()) return removed.status();
  return std::unique_ptr<FactSorter>(new FactSorter(std::move(options)));
}

int64_t FactSorter::count() const {
  int64_t count = 0;
  for (const int64_t part : counts_) count += part;
  return count;
}

absl::Status FactSorter::Add(Partition partition, const FactPlace& place, absl::string_view key,
                             absl::string_view entry) {
  INVARIANT(!finished_, "a finished sorter takes no more");
  INVARIANT(partition.value >= 0 && partition.value < options_.partitions, "no such partition");
  const size_t bytes = key.size() + entry.size();
  if (bytes > kFactBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a fact of ", bytes, " bytes; at most ", kFactBytesMax));
  }
  // A growing vector needs its old and its doubled new place at once.
  const size_t items_bytes =
      (items_.size() < items_.capacity() ? items_.capacity() : 3 * items_.capacity()) *
      sizeof(Item);
  const bool new_block = block_ >= blocks_.size() || block_used_ + bytes > blocks_[block_].size;
  const size_t block_bytes =
      new_block && block_ + 1 >= blocks_.size() ? std::max(bytes, kBlockBytes) : 0;
  if (!items_.empty() && items_bytes + blocks_bytes_ + block_bytes > options_.memory_bytes) {
    if (absl::Status status = PutAway(); !status.ok()) return status;
  }
  char* const at = Reserve(bytes);
  memcpy(at, key.data(), key.size());
  memcpy(at + key.size(), entry.data(), entry.size());
  Item& item = items_.emplace_back(Item{place, partition, static_cast<uint32_t>(key.size()),
                                        static_cast<uint32_t>(entry.size()), at});
  item.place.at = FromMillis(ToMillis(place.at));
  ++counts_[static_cast<size_t>(partition.value)];
  return absl::OkStatus();
}

char* FactSorter::Reserve(size_t bytes) {
  while (block_ < blocks_.size() && block_used_ + bytes > blocks_[block_].size) {
    ++block_;
    block_used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const size_t size = std::max(bytes, kBlockBytes);
    blocks_.push_back(Block{std::make_unique_for_overwrite<char[]>(size), size});
    blocks_bytes_ += size;
  }
  char* const at = blocks_[block_].memory.get() + block_used_;
  block_used_ += bytes;
  return at;
}

absl::Status FactSorter::Finish() {
  INVARIANT(!finished_, "finished twice");
  finished_ = true;
  if (runs_ > 0) {
    if (absl::Status status = PutAway(); !status.ok()) return status;
    items_ = std::vector<Item>();  // a mere {} would keep the memory
    blocks_.clear();
    blocks_bytes_ = 0;
    return absl::OkStatus();
  }
  SortItems();
  return absl::OkStatus();
}

void FactSorter::SortItems() {
  std::sort(items_.begin(), items_.end());
  for (size_t i = 1; i < items_.size(); ++i) {
    INVARIANT(items_[i - 1] < items_[i], "two facts have the same place");
  }
}

absl::Status FactSorter::OpenDatabase() {
  auto temp = TempFolder::Make(options_.temp_folder);
  if (!temp.ok()) return temp.status();
  rocksdb::DB* database = nullptr;
  const std::string path = (*temp)->path() + "/runs";
  const rocksdb::Status status = rocksdb::DB::Open(RunOptions(), path, &database);
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot make ", path));
  temp_ = *std::move(temp);
  database_.reset(database);
  return absl::OkStatus();
}

absl::Status FactSorter::PutAway() {
  if (items_.empty()) return absl::OkStatus();
  if (database_ == nullptr) {
    if (absl::Status status = OpenDatabase(); !status.ok()) return status;
  }
  SortItems();
  const std::string path = absl::StrCat(temp_->path(), "/run-", runs_, ".sst");
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), RunOptions());
  rocksdb::Status status = writer.Open(path);
  std::string key;
  std::string value;
  for (const Item& item : items_) {
    if (!status.ok()) break;
    key.clear();
    AppendKey(item.partition, item.place, &key);
    value.clear();
    AppendVarint(&value, item.key_bytes);
    value.append(item.bytes, item.key_bytes + item.entry_bytes);
    status = writer.Put(SliceOf(key), SliceOf(value));
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;  // the file is never written again
    status = database_->IngestExternalFile({path}, ingest);
  }
  if (!status.ok())
    return ToStatus(status, absl::StrCat("cannot put facts away in ", temp_->path()));
  ++runs_;
  items_.clear();
  block_ = 0;
  block_used_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SortedFacts>> FactSorter::NewReader(Partition partition) const {
  INVARIANT(finished_, "sorted facts are read when all are in");
  INVARIANT(partition.value >= 0 && partition.value < options_.partitions, "no such partition");
  if (database_ != nullptr) {
    // Each run is read ahead: what all runs take is a part of what the items took.
    const size_t readahead = std::clamp(options_.memory_bytes / 4 / static_cast<size_t>(runs_),
                                        kReadaheadMin, kReadaheadMax);
    return std::make_unique<RunFacts>(database_.get(), partition, count(partition), readahead);
  }
  const auto range =
      std::equal_range(items_.begin(), items_.end(), Item{{}, partition, 0, 0, nullptr},
                       [](const Item& a, const Item& b) { return a.partition < b.partition; });
  return std::make_unique<MemoryFacts>(range.first, range.second);
}

}  // namespace gridledger::files
