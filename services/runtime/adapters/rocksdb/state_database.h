// The RocksDB database under the state store: its settings, its ways of opening, what its errors
// mean. It is written by ingesting sorted files only: there is no WAL record and no memtable entry
// in it, ever.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>
#include <vector>

#include "services/runtime/ports/state_store.h"

namespace gridledger::state {

// Hears from RocksDB's background threads.
class Background : public rocksdb::EventListener {
 public:
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

  // Compactions ended and errors met so far.
  int64_t events() const;
  // Waits until there were more events than `seen`; false when there were none for that long.
  bool WaitBeyond(int64_t seen, absl::Duration at_most);
  // The first error since the last Forgive.
  rocksdb::Status error() const;
  void Forgive();

 private:
  mutable absl::Mutex mutex_;
  int64_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  rocksdb::Status error_ ABSL_GUARDED_BY(mutex_);
};

struct DatabaseOptions {
  std::string folder;
  size_t cache_bytes = 0;
  std::vector<ScannedTable> scanned = {};
  rocksdb::Env* env = nullptr;  // null: the system's
};

rocksdb::Options RocksOptions(const DatabaseOptions& options);

// NotFound when there is no state in the folder and none is to be made, FailedPrecondition when
// another process has it open for writing, DataLoss when files are missing, torn or corrupt.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenForWriting(const rocksdb::Options& options,
                                                            const std::string& folder);
// A look at the newest state, which stays as it is while another process goes on writing.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenForReading(const rocksdb::Options& options,
                                                            const std::string& folder);

// Corruption is DataLoss; a full disk and other I/O errors are Unavailable.
absl::Status ToStatus(const rocksdb::Status& status, absl::string_view act);

inline rocksdb::Slice SliceOf(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::string_view ViewOf(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace gridledger::state
