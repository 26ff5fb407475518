// Runs a source through all services in lock-step, partition by partition, on some threads: the
// common part of import and simulate. The ledger is durable before any state that was made from it.
#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/engine/lockstep.h"
#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::host {

struct LockStepRun {
  EventLog* log = nullptr;
  StateStore* store = nullptr;
  std::vector<engine::Service> services;  // in rank order
  std::string code_id;
  // Called once a partition, from the thread that will use what it gets.
  std::function<std::unique_ptr<BulkAppender>()> new_bulk;
  std::function<absl::StatusOr<std::unique_ptr<engine::OutsideSource>>(Partition)> new_source;
  // Virtual time runs on to here after the last entry; InfinitePast to stop with it.
  absl::Time until = absl::InfinitePast();
  int threads = 1;
  // Of all tables together; decides how often checkpoints are made.
  size_t tables_bytes_max = size_t{512} << 20;
  // Set from outside to end the run early; what was done stays, and a later run goes on from it.
  const std::atomic<bool>* stop = nullptr;
};

struct LockStepTotals {
  std::atomic<int64_t> appended{0};        // records
  std::atomic<int64_t> steps{0};           // entries taken from the sources
  std::atomic<int64_t> passed_over{0};     // entries that the ledger had already
  std::atomic<int64_t> late{0};            // entries older than their partition's time
  std::atomic<int64_t> caught_up{0};       // records folded before the first step
  std::atomic<int64_t> snapshot_at{8192};  // appended records that the next snapshot is due at
};

// The totals move while the run goes on, for a progress bar. A long run keeps snapshots on its way,
// at twice as many records each time: the newest is never before its middle.
absl::Status Run(const LockStepRun& run, LockStepTotals* totals);

// Folds `tasks`, all of one partition, to the end of the log. `after_batch` is called with the
// number of records after each batch and may stop the work with an error.
absl::Status FoldToEnd(EventLog* log, Partition partition, const std::vector<engine::Task*>& tasks,
                       absl::FunctionRef<absl::Status(int64_t)> after_batch);

}  // namespace gridledger::host
