// A clock that stands until it is moved. Never moves by itself, and never back.
#pragma once

#include <absl/time/time.h>

#include <algorithm>

#include "services/runtime/ports/clock.h"

namespace gridledger {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(absl::Time now) : now_(now) {}

  absl::Time Now() override { return now_; }
  // Nothing happens when it is later already.
  void MoveTo(absl::Time at) { now_ = std::max(now_, at); }
  void Advance(absl::Duration by) { MoveTo(now_ + by); }

 private:
  absl::Time now_;
};

}  // namespace gridledger
