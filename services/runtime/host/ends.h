// Where partitions end, asked of the log all at once: one that has no leader just now keeps nobody
// else waiting.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <vector>

#include "services/runtime/ports/event_log.h"

namespace gridledger::host {

// In the order of `partitions`. What is Unavailable is asked again until `patience` has passed.
std::vector<absl::StatusOr<Offset>> AskEnds(EventLog& log, const std::vector<Partition>& partitions,
                                            absl::Duration patience);
// Of every partition of the log.
std::vector<Partition> AllPartitions(const EventLog& log);

}  // namespace gridledger::host
