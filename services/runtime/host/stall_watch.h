// Sees partitions that stand still: the log's end is ahead of what is folded, and nothing comes.
// Never reads a clock or a log.
#pragma once

#include <absl/time/time.h>

#include <map>
#include <vector>

#include "services/runtime/host/live_city.h"

namespace gridledger::host {

struct Stall {
  Partition partition;
  Offset next;  // the first record that does not come
  Offset end;   // where the log ends, as last heard
};

class StallWatch {
 public:
  // `after`: of a city that is live. One that catches up reads its partitions in turns, and is
  // given ten times as long.
  explicit StallWatch(absl::Duration after) : after_(after) {}

  // Those that stand still for so long by now, in the order of partitions. A look that comes late
  // counts as a second only: then it is this process that stood.
  std::vector<Stall> Check(const CityLook& look, absl::Time now);

 private:
  struct Standing {
    Offset next;
    absl::Duration stood;
  };
  const absl::Duration after_;
  absl::Time looked_at_ = absl::InfiniteFuture();
  std::map<Partition, Standing> standing_;
};

}  // namespace gridledger::host
