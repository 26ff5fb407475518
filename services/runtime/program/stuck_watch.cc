#include "services/runtime/program/stuck_watch.h"

#include <algorithm>

namespace gridledger::host {
namespace {

constexpr absl::Duration kStepMax = absl::Seconds(1);

}  // namespace

bool StuckWatch::Check(const std::vector<uint64_t>& turns, absl::Time now) {
  const absl::Duration step =
      std::clamp(now - looked_at_, absl::ZeroDuration(), kStepMax);  // the first one's is not used
  looked_at_ = now;
  bool stuck = false;
  threads_.resize(turns.size());
  for (size_t i = 0; i < turns.size(); ++i) {
    Thread& thread = threads_[i];
    // A thread that has not come round once is at its beginning, whatever that takes.
    const bool stands = turns[i] == thread.turns && turns[i] > 0;
    thread.stood = stands ? thread.stood + step : absl::ZeroDuration();
    thread.turns = turns[i];
    stuck |= thread.stood >= limit_;
  }
  return stuck;
}

}  // namespace gridledger::host
