// The state store on RocksDB. Each commit is one sorted table file with all pairs and checkpoints,
// synced and ingested: no WAL, no memtable, 18 times the speed of writing pair by pair. Never
// writes in any other way, and never repairs: what is damaged is left to a snapshot or to a replay.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/container/btree_map.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/adapters/rocksdb/snapshots.h"
#include "services/runtime/ports/state_store.h"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace gridledger {

namespace state {
class Background;
}

struct RocksStateStoreOptions {
  std::string folder;
  std::string snapshots_folder = {};  // empty: `snapshots` beside the folder
  // Of the block cache, which holds indexes and filters too. Beside it the store needs a few MB
  // while it commits or compacts.
  size_t memory_bytes = size_t{64} << 20;
  // Their pairs are in no filter, which saves 1.25 bytes of memory each. To ask for one of them is
  // slow, and no less right; a store may be opened with other tables than it was written with.
  std::vector<ScannedTable> scanned = {};
  int snapshots_kept = 2;
  int damaged_kept = 2;  // states moved aside
  // The newest state at opening, while another process may go on writing. Writes nothing.
  bool read_only = false;
  rocksdb::Env* env = nullptr;  // null: the system's. For tests that let files fail.
};

class RocksStateStore : public StateStore {
 public:
  using Options = RocksStateStoreOptions;

  // Makes the folder when it is not there. NotFound when there is nothing to read only,
  // FailedPrecondition when another process writes it or a newer build wrote it, DataLoss when it
  // is damaged, Unavailable when the disk fails or is full.
  static absl::StatusOr<std::unique_ptr<RocksStateStore>> Open(Options options);

  // As Open, but a damaged state is moved aside (`state.damaged-1`), and the newest snapshot all of
  // whose blocks are sound takes its place; without one, it starts empty: the log is folded anew.
  // `said` gets a sentence for each step, for the operator. Damage that was found while the store
  // was in use counts too, at the next opening. REQUIRES: not read_only.
  static absl::StatusOr<std::unique_ptr<RocksStateStore>> OpenOrFallBack(
      Options options, std::vector<std::string>* said);

  // Newest first.
  static std::vector<SnapshotSummary> ListSnapshots(const Options& options);

  ~RocksStateStore() override;

  absl::StatusOr<std::optional<Checkpoint>> Find(const TaskId& task) override;
  std::vector<TaskId> Tasks() override;
  // For one thread, which need not be the one that commits.
  std::unique_ptr<TaskTier> Tier(const TaskId& task) override;
  absl::Status Commit(std::vector<TaskCheckpoint> checkpoints) override;
  // AlreadyExists when the name is taken, InvalidArgument when it is no name for a folder.
  absl::Status Snapshot(absl::string_view name) override;

  // Reads all of the task's pairs: DataLoss when one cannot be read or the digest is not the
  // checkpoint's. NotFound when the task has no checkpoint.
  absl::Status Verify(const TaskId& task);
  // Rewrites all files into the bottom level. For tools and tests: nothing needs it.
  absl::Status Compact();

 private:
  class RocksTier;

  // Where a task stands; its tiers ask before each read.
  struct Standing {
    std::atomic<uint32_t> generation{0};  // 0: no checkpoint
    Offset next;                          // used by commits only, as is the next one
    bool older_generations = false;       // pairs of older ones may be there still
  };

  explicit RocksStateStore(Options options);
  absl::Status OpenDatabase();
  absl::Status ReadTasks();
  std::shared_ptr<Standing> StandingOf(const TaskId& task);
  absl::Status HoldBack();
  absl::Status Ingest(std::vector<TaskCheckpoint>& checkpoints);
  // DataLoss with what to do, and a note in the folder for the next opening.
  absl::Status Damaged(const TaskId& task, absl::string_view words);
  absl::Status Damaged(absl::string_view words);

  const Options options_;
  std::shared_ptr<state::Background> background_;
  std::unique_ptr<rocksdb::DB> db_;
  absl::Mutex commits_;  // one commit or snapshot at a time
  absl::Mutex mutex_;
  absl::btree_map<TaskId, std::shared_ptr<Standing>> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gridledger
