// What import and simulate share: a folder to write, all services in lock-step over it, a progress
// line, an early end on SIGINT or SIGTERM that loses nothing, and a snapshot at the end.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

struct LockStepWork {
  const CommonOptions* options = nullptr;
  host::Folder* folder = nullptr;
  std::string verb;  // "importing"
  std::function<absl::StatusOr<std::unique_ptr<engine::OutsideSource>>(Partition)> new_source;
  absl::Time until = absl::InfinitePast();
  int64_t steps_expected = 0;  // entries from the sources, for the progress line; 0 when not known
};

struct LockStepOutcome {
  int64_t records = 0;      // appended
  int64_t passed_over = 0;  // entries that the ledger had already
  int64_t late = 0;         // entries older than the ledger's present
  // Of the whole ledger, afterwards.
  int64_t incidents = 0, open = 0, closed = 0, voids = 0;
  int64_t voids_before = 0;
  absl::Time now;  // the ledger's present
};

// Cancelled when a signal ended it early: what was done stays, and the same command goes on from
// it.
absl::StatusOr<LockStepOutcome> RunLockStep(const LockStepWork& work);

// The folder, opened for writing and made when it is not there.
absl::StatusOr<std::unique_ptr<host::Folder>> OpenForWriting(const CommonOptions& options,
                                                             int partitions);

}  // namespace gridledger::cli
