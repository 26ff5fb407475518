#include "services/runtime/adapters/local/database.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "services/runtime/adapters/local/record_layout.h"
#include "services/runtime/adapters/table_files/sync.h"
#include "services/runtime/adapters/table_files/tails.h"

namespace gridledger::local {
namespace {

namespace fs = std::filesystem;

constexpr int kWriteBuffersMax = 3;

// RocksDB's own diary takes a full disk for a mistake of the program, and stops it.
class NoDiary : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// The committer opens the database again, and nobody else goes on after an error.
class NoSelfRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// Each opening begins here: RocksDB itself does not survive every damaged tail of a file.
absl::Status CheckTails(const std::string& folder) {
  return table_files::CheckTails(*rocksdb::Env::Default(), DatabaseFolder(folder));
}

}  // namespace

rocksdb::Options RocksOptions(const DatabaseOptions& options) {
  rocksdb::Options o;
  o.create_if_missing = false;
  o.paranoid_checks = true;
  o.max_open_files = -1;  // all files stay open: a follower keeps what the writer compacts away
  o.db_host_id.clear();   // a ledger names no machine
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  o.write_buffer_size = options.write_buffer_bytes;
  o.max_write_buffer_number = kWriteBuffersMax;
  o.allow_concurrent_memtable_write = false;  // one thread commits
  // Offsets of a partition ascend, so the last place of insertion is the next one's neighbour.
  o.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(4));
  o.compaction_style = rocksdb::kCompactionStyleLevel;
  // Never throttled: when a disk has no room left for compactions, appends would hang instead of
  // going on to the end of the disk and failing there. Files of a log hardly overlap.
  o.level0_slowdown_writes_trigger = o.level0_stop_writes_trigger = 1 << 30;
  o.soft_pending_compaction_bytes_limit = o.hard_pending_compaction_bytes_limit = 0;
  o.level_compaction_dynamic_level_bytes = true;
  o.target_file_size_base = uint64_t{64} << 20;
  o.target_file_size_multiplier = 2;  // fewer open files in a large log
  // Of each of some dozens of files that a compaction merges.
  o.compaction_readahead_size =
      std::clamp(options.write_buffer_bytes / 16, size_t{64} << 10, size_t{2} << 20);
  o.ttl = 0;  // records never change, so old files are never rewritten for their age
  o.periodic_compaction_seconds = 0;
  o.compression = rocksdb::kLZ4Compression;
  o.bytes_per_sync = uint64_t{1} << 20;
  o.max_background_jobs = 2;
  o.max_bgerror_resume_count = 0;
  o.listeners.push_back(std::make_shared<NoSelfRecovery>());
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.info_log = std::make_shared<NoDiary>();

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = options.cache;
  table.block_size = size_t{32} << 10;  // reading is in order; a few records are looked up alone
  table.format_version = table_files::kFormatVersion;
  table.checksum = table_files::kChecksum;
  // The index of a large log outgrows memory: in two levels, cached as blocks are.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.cache_index_and_filter_blocks = true;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

rocksdb::ReadOptions ScanOptions() {
  rocksdb::ReadOptions o;
  o.verify_checksums = true;
  o.ignore_range_deletions = true;  // there are none
  o.fill_cache = false;             // a replay must not push out what others look up
  return o;
}

absl::StatusOr<std::string> MakeTemporaryFolder() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "gridledger-XXXXXX").string();
  if (!error && ::mkdtemp(path.data()) != nullptr) return path;
  return absl::UnavailableError(absl::StrCat("cannot make a temporary folder ", path));
}

absl::Status RoomToOpen(const std::string& folder, const DatabaseOptions& options) {
  constexpr size_t kLists = size_t{1} << 20;  // of files, options
  const std::string path = folder + "/room";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return absl::UnavailableError(absl::StrCat("cannot open ", path));
  const size_t bytes = kWriteBuffersMax * options.write_buffer_bytes + kLists;
  const int error = ::posix_fallocate(file, 0, static_cast<off_t>(bytes));
  ::close(file);
  ::unlink(path.c_str());
  if (error == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the log in ", folder,
                                             " waits for room on its disk, at least ", bytes >> 20,
                                             " MiB: ", strerror(error)));
}

absl::Status ToStatus(const rocksdb::Status& status, absl::string_view act) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(act, ": ", status.ToString());
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace()) return absl::UnavailableError(absl::StrCat(text, " (the disk is full)"));
  return absl::UnavailableError(text);
}

absl::Status CreateDatabase(const std::string& folder, int partitions,
                            const DatabaseOptions& options) {
  const std::string growing = DatabaseFolder(folder) + ".new";
  std::error_code error;
  fs::remove_all(growing, error);
  rocksdb::Options o = RocksOptions(options);
  o.create_if_missing = true;
  o.error_if_exists = true;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(o, growing, &raw);
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot create the log in ", folder));
  std::unique_ptr<rocksdb::DB> db(raw);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  status = db->Put(synced, SliceOf(kHeaderNote), HeaderNote(partitions));
  if (status.ok()) status = db->Flush(rocksdb::FlushOptions());
  if (status.ok()) status = db->Close();
  db.reset();
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot create the log in ", folder));
  fs::rename(growing, DatabaseFolder(folder), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot create the log in ", folder, ": ", error.message()));
  }
  return table_files::Sync(folder);
}

absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForWriting(const std::string& folder,
                                                            const DatabaseOptions& options) {
  if (absl::Status status = CheckTails(folder); !status.ok()) return status;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(RocksOptions(options), DatabaseFolder(folder), &raw);
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot open the log in ", folder));
  return std::shared_ptr<rocksdb::DB>(raw);
}

absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForChecking(const std::string& folder,
                                                             const DatabaseOptions& options,
                                                             rocksdb::WALRecoveryMode mode) {
  if (absl::Status status = CheckTails(folder); !status.ok()) return status;
  rocksdb::Options o = RocksOptions(options);
  o.wal_recovery_mode = mode;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(o, DatabaseFolder(folder), &raw);
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot check the log in ", folder));
  return std::shared_ptr<rocksdb::DB>(raw);
}

absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForFollowing(const std::string& folder,
                                                              const DatabaseOptions& options) {
  if (absl::Status status = CheckTails(folder); !status.ok()) return status;
  rocksdb::Options o = RocksOptions(options);
  absl::StatusOr<std::string> own = MakeTemporaryFolder();
  if (!own.ok()) return own.status();
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenAsSecondary(o, DatabaseFolder(folder), *own, &raw);
  std::error_code ignored;
  fs::remove_all(*own, ignored);
  if (!status.ok()) return ToStatus(status, absl::StrCat("cannot follow the log in ", folder));
  return std::shared_ptr<rocksdb::DB>(raw);
}

absl::StatusOr<int> ReadPartitions(rocksdb::DB& db) {
  std::string note;
  const rocksdb::Status status = db.Get(ScanOptions(), SliceOf(kHeaderNote), &note);
  int partitions = 0;
  if (status.ok() && ParseHeaderNote(note, &partitions)) return partitions;
  if (!status.ok() && !status.IsNotFound()) return ToStatus(status, "the log's header");
  return absl::DataLossError("the log's header, with the number of partitions, is missing");
}

absl::StatusOr<std::vector<int64_t>> ReadEnds(rocksdb::DB& db, int partitions) {
  std::vector<int64_t> ends(partitions, 0);
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(ScanOptions()));
  for (int p = 0; p < partitions; ++p) {
    const RecordKey last(Partition{p}, Offset{INT64_MAX});
    it->SeekForPrev(SliceOf(last.text()));
    if (!it->Valid()) {
      if (absl::Status status = ToStatus(it->status(), "its last record"); !status.ok()) {
        return Damaged(Partition{p}, Offset{0}, status.message());
      }
      continue;
    }
    Partition partition;
    Offset offset;
    if (ParseRecordKey(ViewOf(it->key()), &partition, &offset) && partition.value == p) {
      ends[p] = offset.value + 1;
    }
  }
  return ends;
}

absl::StatusOr<bool> ReachesEnds(rocksdb::DB& db, const std::vector<int64_t>& ends) {
  rocksdb::PinnableSlice value;
  for (size_t p = 0; p < ends.size(); ++p) {
    if (ends[p] == 0) continue;
    const Partition partition{static_cast<int32_t>(p)};
    const Offset last{ends[p] - 1};
    value.Reset();
    const rocksdb::Status status = db.Get(ScanOptions(), db.DefaultColumnFamily(),
                                          SliceOf(RecordKey(partition, last).text()), &value);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return Damaged(partition, last, status.ToString());
  }
  return true;
}

absl::StatusOr<bool> CountsAgree(rocksdb::DB& db, const std::vector<int64_t>& ends) {
  uint64_t expected = 0;
  for (const int64_t end : ends) expected += static_cast<uint64_t>(end);
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(ScanOptions()));
  for (it->Seek(SliceOf(kNotePrefix)); it->Valid(); it->Next()) ++expected;
  if (!it->status().ok()) return ToStatus(it->status(), "the log's notes");

  uint64_t counted = 0;
  rocksdb::TablePropertiesCollection tables;
  if (rocksdb::Status status = db.GetPropertiesOfAllTables(&tables); !status.ok()) {
    return ToStatus(status, "the files' properties");
  }
  for (const auto& [file, properties] : tables) counted += properties->num_entries;
  for (const auto* property : {&rocksdb::DB::Properties::kNumEntriesActiveMemTable,
                               &rocksdb::DB::Properties::kNumEntriesImmMemTables}) {
    uint64_t entries = 0;
    if (!db.GetIntProperty(*property, &entries)) return false;
    counted += entries;
  }
  return counted == expected;
}

absl::Status Damaged(Partition partition, Offset offset, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("partition ", partition.value, " offset ", offset.value, ": ", what,
                   ". Stop the services, keep the folder as it is, and restore it from a backup"));
}

}  // namespace gridledger::local
