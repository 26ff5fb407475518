#include "services/runtime/adapters/local/coverage.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "services/runtime/adapters/local/record_layout.h"
#include "services/runtime/adapters/table_files/tails.h"

namespace gridledger::local {
namespace {

namespace fs = std::filesystem;

// Reads on behind a damaged block at the next partition.
void AddRecords(rocksdb::Iterator& it, Coverage* coverage) {
  Partition partition{-1};
  it.SeekToFirst();
  while (partition.value < kPartitionsMax) {
    for (; it.Valid(); it.Next()) {
      Offset offset;
      if (ParseRecordKey(ViewOf(it.key()), &partition, &offset)) coverage->Add(partition, offset);
    }
    if (it.status().ok()) return;
    partition = partition.Next();
    it.Seek(SliceOf(RecordKey(partition, Offset{0}).text()));
  }
}

// The write-ahead logs are replayed into an empty database of our own that is thrown away.
absl::Status AddWriteAheadLogs(const std::string& folder, const DatabaseOptions& options,
                               Coverage* coverage) {
  absl::StatusOr<std::string> own = MakeTemporaryFolder();
  if (!own.ok()) return own.status();
  rocksdb::Options o = RocksOptions(options);
  o.create_if_missing = true;
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(o, *own, &raw);
  std::unique_ptr<rocksdb::DB> db(std::exchange(raw, nullptr));
  db.reset();
  if (status.ok()) {
    o.create_if_missing = false;
    o.wal_dir = DatabaseFolder(folder);
    o.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    status = rocksdb::DB::OpenForReadOnly(o, *own, &raw);
    db.reset(raw);
  }
  if (status.ok()) {
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(ScanOptions()));
    AddRecords(*it, coverage);
  }
  db.reset();
  std::error_code ignored;
  fs::remove_all(*own, ignored);
  return ToStatus(status, "the write-ahead logs");
}

// Not damage but want of rights, handles or memory.
absl::Status FilesOpen(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(DatabaseFolder(folder), error)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot open ", entry.path().string(), ": ", strerror(errno)));
    }
    ::close(file);
  }
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot list ", DatabaseFolder(folder), ": ", error.message()));
}

}  // namespace

void Coverage::Add(Partition partition, Offset offset) {
  absl::btree_map<int64_t, int64_t>& runs = runs_[partition];
  const int64_t at = offset.value;
  auto after = runs.upper_bound(at);
  if (after != runs.begin()) {
    const auto before = std::prev(after);
    if (at < before->second) return;
    if (at == before->second) {
      ++before->second;
      if (after != runs.end() && after->first == before->second) {
        before->second = after->second;
        runs.erase(after);
      }
      return;
    }
  }
  int64_t end = at + 1;
  if (after != runs.end() && after->first == end) {
    end = after->second;
    runs.erase(after);
  }
  runs.emplace(at, end);
}

int64_t Coverage::FirstMissing(Partition partition) const {
  const auto runs = runs_.find(partition);
  if (runs == runs_.end() || runs->second.begin()->first != 0) return 0;
  return runs->second.begin()->second;
}

int64_t Coverage::End(Partition partition) const {
  const auto runs = runs_.find(partition);
  return runs == runs_.end() ? 0 : runs->second.rbegin()->second;
}

Coverage ReadCoverage(const std::string& folder, const DatabaseOptions& options) {
  Coverage coverage;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(DatabaseFolder(folder), ignored)) {
    const std::string path = entry.path().string();
    if (entry.path().extension() != ".sst") continue;
    if (!table_files::CheckTail(*rocksdb::Env::Default(), path).ok()) continue;
    rocksdb::SstFileReader file(RocksOptions(options));
    if (!file.Open(path).ok()) continue;
    const std::unique_ptr<rocksdb::Iterator> it(file.NewIterator(ScanOptions()));
    AddRecords(*it, &coverage);
  }
  // When the write-ahead logs cannot be read, their records count as gone.
  AddWriteAheadLogs(folder, options, &coverage).IgnoreError();
  return coverage;
}

absl::Status ExplainUnopenable(const std::string& folder, const DatabaseOptions& options,
                               const std::optional<std::vector<int64_t>>& witnessed,
                               const absl::Status& error) {
  if (absl::Status status = FilesOpen(folder); !status.ok()) return status;
  const Coverage coverage = ReadCoverage(folder, options);
  const int known = witnessed ? static_cast<int>(witnessed->size()) : 0;
  for (Partition p{0}; p.value < std::max(known, coverage.LastPartition() + 1); p = p.Next()) {
    const int64_t acknowledged = p.value < known ? (*witnessed)[p.value] : 0;
    const int64_t end = std::max(acknowledged, coverage.End(p));
    const int64_t first_missing = coverage.FirstMissing(p);
    if (first_missing >= end) continue;
    return Damaged(p, Offset{first_missing},
                   absl::StrCat("no file that can be read holds it, of ", end,
                                " records in the partition (", error.message(), ")"));
  }
  return Damaged(Partition{0}, Offset{0},
                 absl::StrCat("the list of the log's files is damaged, which concerns every "
                              "partition, though no record is missing from the files (",
                              error.message(), ")"));
}

}  // namespace gridledger::local
