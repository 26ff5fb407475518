// What readers of an embedded log share: the database, the tail, and for a follower of another
// process the way to learn what that process has written since.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <rocksdb/db.h>

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "services/runtime/adapters/local/database.h"
#include "services/runtime/adapters/local/tail.h"
#include "services/runtime/adapters/local/witness.h"

namespace gridledger::local {

class Source {
 public:
  // The writer's own source: its ends are published by the committer.
  Source(std::shared_ptr<rocksdb::DB> db, const std::vector<int64_t>& ends)
      : tail(ends), db_(std::move(db)) {}
  // A follower's: moves on by Refresh.
  Source(std::string folder, const DatabaseOptions& options, std::shared_ptr<rocksdb::DB> db,
         std::unique_ptr<Witness> witness, const std::vector<int64_t>& ends)
      : tail(ends),
        folder_(std::move(folder)),
        options_(options),
        witness_(std::move(witness)),
        db_(std::move(db)) {}

  // Another process tells nobody that it wrote; a follower looks this often. Infinite for a writer.
  absl::Duration look_every() const;
  // Brings a follower up to what the writer has acknowledged. Unavailable when it cannot just now.
  absl::Status Refresh();

  // While it is held, no scan loses its database.
  std::shared_lock<std::shared_mutex> Reading() {
    return std::shared_lock<std::shared_mutex>(replacing_);
  }
  // A place to scan the newest database from. REQUIRES: Reading.
  struct Scan {
    std::shared_ptr<rocksdb::DB> db;  // null when there is none, or when it was replaced
    std::unique_ptr<rocksdb::Iterator> iterator;
    std::string bound_bytes;
    rocksdb::Slice bound;
  };
  std::shared_ptr<Scan> NewScan();

  // The writer's database, for the thread that commits; null when it could not be opened again.
  rocksdb::DB* db() { return db_.get(); }
  // Closes the database, which ends all scans in between two reads, and takes what `open` makes of
  // it. Null and the error when that fails.
  using Opening = absl::FunctionRef<absl::StatusOr<std::shared_ptr<rocksdb::DB>>()>;
  absl::Status Replace(Opening open);

  Tail tail;

 private:
  bool following() const { return witness_ != nullptr; }
  absl::Status CatchUp(const std::vector<int64_t>& ends);
  // DataLoss when records below `ends` are not there.
  absl::Status HasCaughtUp(const std::vector<int64_t>& ends);

  const std::string folder_;
  const DatabaseOptions options_;
  std::mutex mutex_;
  std::unique_ptr<Witness> witness_;
  std::shared_ptr<rocksdb::DB> db_;
  std::vector<std::weak_ptr<Scan>> scans_;
  std::shared_mutex replacing_;
};

}  // namespace gridledger::local
