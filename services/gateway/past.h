// The city as of an instant that the live state has passed: folded from the newest snapshot before
// it, or from the beginning, on a copy of the state that is for reading alone.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <list>
#include <optional>
#include <utility>

#include "services/gateway/api/api.h"
#include "services/runtime/host/folder.h"

namespace gridledger::gateway {

class Past {
 public:
  // How the ledger is opened once more.
  explicit Past(host::FolderOptions where) : where_(std::move(where)) { where_.read_only = true; }

  // Blocks for as long as the fold takes; one at a time. The newest answers are kept, for what is
  // past does not change.
  absl::StatusOr<PastFigures> Figures(absl::Time as_of);

 private:
  static constexpr size_t kKept = 64;  // sheets × ~100 KB

  host::FolderOptions where_;
  absl::Mutex mutex_;
  std::list<PastFigures> kept_ ABSL_GUARDED_BY(mutex_);  // the latest used first
};

}  // namespace gridledger::gateway
