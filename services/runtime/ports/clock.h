// The clock port. Only edges ask it; a fold's time comes from the log (law L6).
#pragma once

#include <absl/time/time.h>

namespace gridledger {

class Clock {
 public:
  virtual ~Clock() = default;
  // Cut to whole milliseconds, as the log's timestamps are.
  virtual absl::Time Now() = 0;
};

}  // namespace gridledger
