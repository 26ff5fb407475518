// The clock port. Only edges ask it; a fold's time comes from the log (law L6).
#pragma once

#include <absl/time/time.h>

namespace gridledger {

class Clock {
 public:
  virtual ~Clock() = default;
  // What time it is by whoever stamps the ledger's records, as far as this process knows. Cut to
  // whole milliseconds, as the log's timestamps are. May step either way, when a clock is set or
  // somebody tells better.
  virtual absl::Time Now() = 0;
  // Never goes back, and is nobody's time of day: for how long something lasts.
  virtual absl::Time Steady() { return Now(); }
};

}  // namespace gridledger
