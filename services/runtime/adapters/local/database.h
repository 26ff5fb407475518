// The RocksDB database of a log's folder: its settings, the ways of opening it, and the few
// questions that are asked of it. Knows where records lie, not what an append is.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger::local {

struct DatabaseOptions {
  std::shared_ptr<rocksdb::Cache> cache;
  size_t write_buffer_bytes = 0;
};

inline std::string DatabaseFolder(const std::string& folder) { return folder + "/records"; }
inline std::string BulkFolder(const std::string& folder) { return folder + "/bulk"; }

rocksdb::Options RocksOptions(const DatabaseOptions& options);
absl::StatusOr<std::string> MakeTemporaryFolder();
// Unavailable when the disk has no room for what opening writes: all that may be in memory.
absl::Status RoomToOpen(const std::string& folder, const DatabaseOptions& options);
rocksdb::ReadOptions ScanOptions();

inline rocksdb::Slice SliceOf(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::string_view ViewOf(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// Corruption is DataLoss, a full disk and other I/O errors are Unavailable.
absl::Status ToStatus(const rocksdb::Status& status, absl::string_view act);

// Makes a database for that many partitions; it is there as a whole or not at all.
absl::Status CreateDatabase(const std::string& folder, int partitions,
                            const DatabaseOptions& options);
absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForWriting(const std::string& folder,
                                                            const DatabaseOptions& options);
// Changes nothing in the folder. Must not be used while another process writes.
absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForChecking(const std::string& folder,
                                                             const DatabaseOptions& options,
                                                             rocksdb::WALRecoveryMode mode);
// Follows a writer in another process, by TryCatchUpWithPrimary.
absl::StatusOr<std::shared_ptr<rocksdb::DB>> OpenForFollowing(const std::string& folder,
                                                              const DatabaseOptions& options);

// The partition count from the header note. DataLoss when it is missing or unreadable.
absl::StatusOr<int> ReadPartitions(rocksdb::DB& db);
// The offset after the last record of each partition.
absl::StatusOr<std::vector<int64_t>> ReadEnds(rocksdb::DB& db, int partitions);
// Whether the record before each end is there. Looks at no other partition's records, as ReadEnds
// may when it finds where one begins.
absl::StatusOr<bool> ReachesEnds(rocksdb::DB& db, const std::vector<int64_t>& ends);
// Whether there are as many pairs as the ends and notes call for; a hole anywhere makes it false.
// Asks the files' properties, reads no records. Wrong while another process writes.
absl::StatusOr<bool> CountsAgree(rocksdb::DB& db, const std::vector<int64_t>& ends);

// DataLoss in the words that everyone uses: where, what, and what to do.
absl::Status Damaged(Partition partition, Offset offset, absl::string_view what);

}  // namespace gridledger::local
