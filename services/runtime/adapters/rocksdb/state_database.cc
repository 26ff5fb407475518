#include "services/runtime/adapters/rocksdb/state_database.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "services/runtime/adapters/rocksdb/state_layout.h"
#include "services/runtime/adapters/table_files/tails.h"

namespace gridledger::state {
namespace {

// A reader finds files gone that the writer compacted away between two of its looks: it looks
// again. Each look takes milliseconds, a compaction seconds.
constexpr int kLooksMax = 20;

// RocksDB's own diary takes a full disk for a mistake of the program, and stops it.
class NoDiary : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// What of a key goes into a filter: all of it, or nothing for a pair that is only scanned.
class AskedByKey : public rocksdb::SliceTransform {
 public:
  // The name is of the tables, and each file keeps it: a filter made for others is not asked.
  explicit AskedByKey(std::vector<ScannedTable> scanned) : name_("gridledger.asked-by-key") {
    std::sort(scanned.begin(), scanned.end());
    for (const ScannedTable& table : scanned) {
      absl::StrAppend(&name_, " ", table.service.text(), "/", table.table);
      scanned_.push_back({state::ServicePrefix(table.service), static_cast<char>(table.table)});
    }
  }
  const char* Name() const override { return name_.c_str(); }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return key; }
  bool InDomain(const rocksdb::Slice& key) const override {
    return std::none_of(scanned_.begin(), scanned_.end(), [&key](const Scanned& one) {
      const size_t at = one.service.size() + kPairKeyBehindService;
      return key.size() > at && key[at] == one.table && key.starts_with(SliceOf(one.service));
    });
  }

 private:
  struct Scanned {
    std::string service;
    char table;
  };
  std::string name_;
  std::vector<Scanned> scanned_;
};

enum class Content { kNothing, kDatabase, kHeadless };

// Headless: table files without the CURRENT file. RocksDB would take the folder for a new one, and
// delete them.
Content ContentOf(rocksdb::Env& env, const std::string& folder) {
  std::vector<std::string> names;
  if (!env.GetChildren(folder, &names).ok()) return Content::kNothing;
  Content content = Content::kNothing;
  for (const std::string& name : names) {
    if (name == "CURRENT") return Content::kDatabase;
    const bool numbered = !name.empty() && name[0] >= '0' && name[0] <= '9';
    if (numbered && absl::EndsWith(name, ".sst")) content = Content::kHeadless;
  }
  return content;
}

absl::Status HeadlessError(const std::string& folder) {
  return absl::DataLossError(
      absl::StrCat("the state in ", folder, " is damaged: its CURRENT file is missing"));
}

absl::Status OpenStatus(const rocksdb::Status& status, const std::string& folder) {
  const std::string words = status.ToString();
  if (status.IsIOError() && (absl::StrContains(words, "lock hold by current process") ||
                             absl::StrContains(words, "While lock file"))) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state in ", folder,
                     " is open for writing elsewhere: stop the other process (", words, ")"));
  }
  // The folder is a database, so what is not found is a file of it.
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound()) {
    return absl::DataLossError(absl::StrCat("the state in ", folder, " is damaged: ", words));
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state in ", folder, " is not for this build: ", words));
  }
  return ToStatus(status, absl::StrCat("cannot open the state in ", folder));
}

}  // namespace

void Background::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) {
  absl::MutexLock lock(&mutex_);
  ++events_;
}

void Background::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) {
  absl::MutexLock lock(&mutex_);
  ++events_;
  if (error_.ok()) error_ = *error;
}

int64_t Background::events() const {
  absl::MutexLock lock(&mutex_);
  return events_;
}

bool Background::WaitBeyond(int64_t seen, absl::Duration at_most) {
  const auto more = [this, seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return events_ > seen; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&more), at_most);
}

rocksdb::Status Background::error() const {
  absl::MutexLock lock(&mutex_);
  return error_;
}

void Background::Forgive() {
  absl::MutexLock lock(&mutex_);
  error_ = rocksdb::Status::OK();
}

rocksdb::Options RocksOptions(const DatabaseOptions& options) {
  rocksdb::Options o;
  if (options.env != nullptr) o.env = options.env;
  o.create_if_missing = true;
  o.paranoid_checks = true;
  o.max_open_files = -1;  // opening finds torn files; a reader keeps what the writer compacts away
  o.db_host_id.clear();   // a state names no machine
  o.write_buffer_size = size_t{1} << 20;  // never used: nothing is ever written but by ingestion
  o.compaction_style = rocksdb::kCompactionStyleLevel;
  o.level_compaction_dynamic_level_bytes = true;
  // Checkpoints spread over all tasks, so each compaction out of level 0 rewrites the whole base
  // level: 64 MiB of it keeps the cost of a small checkpoint small, whatever the state's size.
  o.max_bytes_for_level_base = uint64_t{64} << 20;
  o.target_file_size_base = uint64_t{16} << 20;
  o.target_file_size_multiplier = 2;         // fewer open files in a large state
  o.level0_file_num_compaction_trigger = 6;  // a miss asks the filter of each of them
  // Of each of some 25 files that a compaction merges: half the cache's size again at most.
  o.compaction_readahead_size =
      std::clamp(options.cache_bytes / 64, size_t{64} << 10, size_t{2} << 20);
  o.ttl = 0;  // no rewriting of files for their age
  o.periodic_compaction_seconds = 0;
  o.compression = rocksdb::kLZ4Compression;
  o.bytes_per_sync = uint64_t{1} << 20;
  o.max_background_jobs = 2;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.info_log = std::make_shared<NoDiary>();

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes, /*num_shard_bits=*/-1,
                                           /*strict_capacity_limit=*/false,
                                           /*high_pri_pool_ratio=*/0.1);
  table.block_size = size_t{8} << 10;
  table.format_version = table_files::kFormatVersion;
  table.checksum = table_files::kChecksum;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = false;  // AskedByKey says of which keys the whole is
  o.prefix_extractor = std::make_shared<AskedByKey>(options.scanned);
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  // Every new incident is a miss that asks all filters: they stay at hand, within the cache's
  // limit.
  table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenForWriting(const rocksdb::Options& options,
                                                            const std::string& folder) {
  if (ContentOf(*options.env, folder) == Content::kHeadless) return HeadlessError(folder);
  if (absl::Status sound = table_files::CheckTails(*options.env, folder); !sound.ok()) return sound;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, folder, &db);
  if (!status.ok()) return OpenStatus(status, folder);
  return std::unique_ptr<rocksdb::DB>(db);
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenForReading(const rocksdb::Options& options,
                                                            const std::string& folder) {
  switch (ContentOf(*options.env, folder)) {
    case Content::kNothing: return absl::NotFoundError(absl::StrCat("no state in ", folder));
    case Content::kHeadless: return HeadlessError(folder);
    case Content::kDatabase: break;
  }
  if (absl::Status sound = table_files::CheckTails(*options.env, folder); !sound.ok()) return sound;
  rocksdb::Options o = options;
  o.create_if_missing = false;
  rocksdb::Status status;
  for (int look = 0; look < kLooksMax; ++look) {
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::OpenForReadOnly(o, folder, &db);
    if (status.ok()) return std::unique_ptr<rocksdb::DB>(db);
  }
  return OpenStatus(status, folder);
}

absl::Status ToStatus(const rocksdb::Status& status, absl::string_view act) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(act, ": ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace()) {
    return absl::UnavailableError(absl::StrCat(text, " (the disk is full: free some of it)"));
  }
  return absl::UnavailableError(text);
}

}  // namespace gridledger::state
