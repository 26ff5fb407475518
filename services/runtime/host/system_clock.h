// The machine's clock, for the edges that need one.
#pragma once

#include <absl/time/clock.h>

#include "services/runtime/ports/clock.h"

namespace gridledger::host {

class SystemClock : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixMillis(absl::ToUnixMillis(absl::Now())); }
};

}  // namespace gridledger::host
