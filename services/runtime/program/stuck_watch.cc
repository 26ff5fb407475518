#include "services/runtime/program/stuck_watch.h"

#include <algorithm>

namespace gridledger::host {
namespace {

constexpr absl::Duration kStepMax = absl::Seconds(1);

}  // namespace

bool StuckWatch::Look(const std::vector<uint64_t>& rounds, absl::Time now) {
  const absl::Duration step =
      std::clamp(now - looked_at_, absl::ZeroDuration(), kStepMax);  // the first one's is not used
  looked_at_ = now;
  bool stuck = false;
  threads_.resize(rounds.size());
  for (size_t i = 0; i < rounds.size(); ++i) {
    Thread& thread = threads_[i];
    // A thread that has not come round once is at its beginning, whatever that takes.
    const bool stands = rounds[i] == thread.rounds && rounds[i] > 0;
    thread.stood = stands ? thread.stood + step : absl::ZeroDuration();
    thread.rounds = rounds[i];
    stuck |= thread.stood >= limit_;
  }
  return stuck;
}

}  // namespace gridledger::host
