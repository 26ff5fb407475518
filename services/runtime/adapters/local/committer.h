// The writing side of an embedded log: one thread gathers what was handed over and commits it with
// one synced write; bulk files are ingested between two commits. Nothing is acknowledged before it
// is durable and the witness knows of it.
//
// After a failed write nothing is accepted until the database was closed and opened again, which is
// tried when there is room: what was handed over in the meantime fails too, so that a later record
// never overtakes a lost one. RocksDB's own way of going on after an error hangs at times.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/adapters/local/database.h"
#include "services/runtime/adapters/local/source.h"
#include "services/runtime/adapters/local/tail.h"
#include "services/runtime/adapters/local/witness.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::local {

// A closed sorted file of one partition's records, offsets `first` to `first + count - 1`.
struct BulkFile {
  std::string path;
  Partition partition;
  Offset first;
  int64_t count = 0;
};

// How the database is closed and opened again after an error.
struct Reopening {
  std::string folder;
  DatabaseOptions options;
  absl::Duration retry_after;
};

class Committer {
 public:
  // Both outlive the committer.
  Committer(Source& source, Witness& witness, Reopening reopening);
  // Commits what was handed over, then stops.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // As EventLog::Append. Blocks while more than kQueueBytesMax are waiting.
  void Append(Partition partition, std::vector<NewRecord> records, EventLog::Done done);

  // Gives the partition to one bulk appender; answers its end. FailedPrecondition when it is taken.
  absl::StatusOr<Offset> Claim(Partition partition);
  void Release(Partition partition);
  // Makes the files' records durable and visible, all or none. REQUIRES: their partitions are
  // claimed and the files continue them.
  absl::Status Ingest(absl::Span<const BulkFile> files);

 private:
  struct Pending {
    Partition partition;
    std::string values;        // encoded, one after the other
    std::vector<size_t> ends;  // of each value in `values`
    EventLog::Done done;
  };

  void Run();
  void CommitGroup(std::vector<Pending> group);
  absl::Status Write(const std::vector<Pending>& group, std::vector<Offset>* firsts);
  absl::Status Publish();
  absl::Status Fail(absl::Status error);
  absl::Status EnsureWorking();
  absl::Status Reopen();
  absl::Status AdoptEnds();

  Source& source_;
  Witness& witness_;
  Tail& tail_;
  const Reopening reopening_;

  std::mutex commit_mutex_;    // one write, ingestion or recovery at a time
  std::vector<int64_t> ends_;  // durable; guarded by commit_mutex_, as the next two
  absl::Status failure_;       // of the last write, until the database has recovered
  std::chrono::steady_clock::time_point retry_at_;

  std::mutex queue_mutex_;
  std::condition_variable queued_;   // something to do, or stop
  std::condition_variable drained_;  // room in the queue, or a partition without pending appends
  std::deque<Pending> queue_;
  size_t queue_bytes_ = 0;
  std::vector<int> pending_;   // by partition: queued or being committed
  std::vector<char> claimed_;  // by partition
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace gridledger::local
