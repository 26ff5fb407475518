// The machine's clock, for the edges that need one.
#pragma once

#include <absl/time/clock.h>

#include <chrono>

#include "services/runtime/ports/clock.h"

namespace gridledger::host {

class SystemClock : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixMillis(absl::ToUnixMillis(absl::Now())); }
  absl::Time Steady() override {
    return absl::UnixEpoch() +
           absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace gridledger::host
