// Keeps the state as it is now under a name that says how far it is: where a replay may begin, and
// what takes the place of a state that is damaged. Costs hard links and a few syncs.
#pragma once

#include <absl/status/status.h>

#include "services/runtime/ports/state_store.h"

namespace gridledger::host {

// "at-N": N records, of all partitions, by the service that is farthest. Nothing happens when there
// is no state yet, or a snapshot of that name.
absl::Status KeepSnapshot(StateStore* store);

}  // namespace gridledger::host
