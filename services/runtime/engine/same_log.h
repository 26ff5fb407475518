// Whether a state was made from the log that it is found beside. Reads one record; never repairs
// either of them.
#pragma once

#include <absl/status/status.h>

#include "services/runtime/engine/task.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::engine {

// The log was cut (and maybe grew again) under the state of `task`, or is another: DataLoss.
absl::Status OtherLog(const Task& task);
// That the log still holds, before the task's position, the record that the task folded there;
// OtherLog when it does not.
absl::Status CheckSameLog(EventLog* log, const Task& task);

}  // namespace gridledger::engine
