// The embedded log: the event log port on a folder, for one writing process. Records lie in a
// RocksDB database (record_layout.h); beside it a small witness knows what was acknowledged
// (witness.h), so that a loss is told and never passed over.
//
// Contract, beyond that of EventLog
//   - One process writes a folder; a second one is refused. Any number may follow with `read_only`,
//     while the writer runs and when it does not.
//   - Open finds lost tails, holes, and files that are missing, cut or unreadable, before it
//     changes anything; a flipped bit inside a data block is found when it is read, or by Verify.
//     Both are DataLoss with partition and offset.
//   - After an append failed (disk full), appends are Unavailable until there is room for all that
//     may be in memory, three write buffers; reading goes on.
//   - Readers and bulk appenders must be gone before the log is.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace rocksdb {
class Cache;
}

namespace gridledger {

struct LocalLogOptions {
  std::string folder;
  // For creation, 1 to 4096; 0 takes what is there. FailedPrecondition when there is another count.
  int partitions = 0;
  bool read_only = false;
  // Blocks looked up alone, and the files' indexes. `cache`, when given, is shared instead.
  size_t cache_bytes = size_t{32} << 20;
  std::shared_ptr<rocksdb::Cache> cache;
  // What is in memory only and replayed at opening: 16 MiB takes some 0.1 s. Up to three of them.
  size_t write_buffer_bytes = size_t{16} << 20;
  // How long a failed log refuses appends before it looks for room again.
  absl::Duration retry_after = absl::Seconds(1);
};

// The first record of a partition that is not there or not readable.
struct LogDamage {
  Partition partition;
  Offset offset;
  std::string what;
};

class LocalLog final : public EventLog {
 public:
  using Options = LocalLogOptions;

  // FailedPrecondition: another process writes the folder, or the partition counts differ.
  // NotFound: no log, and no partition count to make one. DataLoss: see above; nothing was changed.
  static absl::StatusOr<std::unique_ptr<LocalLog>> Open(Options options);
  ~LocalLog() override;

  int partitions() const override;
  absl::StatusOr<Offset> End(Partition partition) override;
  // Blocks while 64 MiB are waiting for the disk.
  void Append(Partition partition, std::vector<NewRecord> records, Done done) override;
  std::unique_ptr<LogReader> NewReader() override;
  std::unique_ptr<LogReader> NewReaderOfValues() override;

  // FailedPrecondition from its Append when the log is read-only. Memory: one block and the index
  // of one file a partition.
  std::unique_ptr<BulkAppender> NewBulkAppender();

  // Reads every record below the present ends and checks checksums, offsets and layout. Calls
  // `progress` now and then with records read and records in all; it may answer false to stop
  // (Cancelled). Returns the first damage of each partition.
  absl::StatusOr<std::vector<LogDamage>> Verify(
      absl::FunctionRef<bool(int64_t done, int64_t total)> progress);

  // What opening found and could mend without losing anything acknowledged, in sentences.
  const std::vector<std::string>& warnings() const;

 private:
  struct State;
  explicit LocalLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace gridledger
