#include "services/history/mapping/values/local_clock.h"

#include <absl/time/civil_time.h>

#include <algorithm>
#include <limits>

namespace gridledger::mapping {
namespace {

const absl::CivilSecond kEpoch(1970, 1, 1);

int64_t Floor(int64_t ms) { return ms >= 0 ? ms / 1000 : -((999 - ms) / 1000); }

}  // namespace

LocalClock::Answer LocalClock::At(int64_t local_ms, int64_t* at_ms) {
  const int64_t local_s = Floor(local_ms);
  if (local_s >= begin_s_ && local_s < end_s_) {
    *at_ms = local_ms - offset_s_ * 1000;
    return Answer::kInstant;
  }
  const absl::TimeZone::TimeInfo info = zone_.At(kEpoch + local_s);
  absl::Time at = info.pre;
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::UNIQUE: Remember(at, local_s - absl::ToUnixSeconds(at)); break;
    case absl::TimeZone::TimeInfo::REPEATED:
      if (ambiguous_ == v1::AMBIGUOUS_HOUR_REJECT) return Answer::kAmbiguous;
      if (ambiguous_ == v1::AMBIGUOUS_HOUR_LATER) at = info.post;
      break;
    case absl::TimeZone::TimeInfo::SKIPPED:
      if (skipped_ == v1::SKIPPED_HOUR_REJECT) return Answer::kSkipped;
      if (skipped_ == v1::SKIPPED_HOUR_BEFORE) at = info.post;
      break;
  }
  *at_ms = absl::ToUnixSeconds(at) * 1000 + (local_ms - local_s * 1000);
  return Answer::kInstant;
}

void LocalClock::Remember(absl::Time at, int64_t offset_s) {
  offset_s_ = offset_s;
  begin_s_ = std::numeric_limits<int64_t>::min();
  end_s_ = std::numeric_limits<int64_t>::max();
  absl::TimeZone::CivilTransition change;
  // A transition at `at` itself is before it: what follows it has the offset.
  if (zone_.PrevTransition(at + absl::Seconds(1), &change)) {
    begin_s_ = std::max(change.from, change.to) - kEpoch;
  }
  if (zone_.NextTransition(at, &change)) end_s_ = std::min(change.from, change.to) - kEpoch;
}

}  // namespace gridledger::mapping
