// What readers of an embedded log share: the database, the tail, and for a follower of another
// process the way to learn what that process has written since.
#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <rocksdb/db.h>

#include <functional>
#include <memory>
#include <mutex>
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
  // The database to open iterators on. Those already open keep their own.
  std::shared_ptr<rocksdb::DB> db();

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
};

}  // namespace gridledger::local
