#include "services/runtime/host/keep_snapshot.h"

#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>

namespace gridledger::host {

absl::Status KeepSnapshot(StateStore* store) {
  absl::btree_map<ServiceName, int64_t> records;
  for (const TaskId& task : store->Tasks()) {
    const auto found = store->Find(task);
    if (!found.ok()) return found.status();
    if (found->has_value()) records[task.service] += (*found)->next.value;
  }
  int64_t most = 0;
  for (const auto& [service, count] : records) most = std::max(most, count);
  if (most == 0) return absl::OkStatus();
  absl::Status kept = store->Snapshot(absl::StrCat("at-", most));
  return absl::IsAlreadyExists(kept) ? absl::OkStatus() : kept;
}

}  // namespace gridledger::host
