// Partitions whose time is ahead of this machine's clock: what is reported there live counts from
// that time on, late by as much, until the clock has caught up.
#pragma once

#include <absl/time/time.h>

#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger::cli {

struct Ahead {
  Partition partition;
  absl::Duration by;
};

// Adds the partition when its time is more than a second ahead of `present`: clocks of a city's
// machines differ by less.
void AddIfAhead(Partition partition, absl::Time time, absl::Time present, std::vector<Ahead>* all);

// "ahead of this machine's clock: partition 3 by 19 h 59 min". REQUIRES: not empty.
std::string DescribeAhead(const std::vector<Ahead>& all);

}  // namespace gridledger::cli
