#include "services/runtime/adapters/kafka/broker_clock.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace gridledger::kafka {
namespace {

// Timestamps are cut to whole milliseconds.
constexpr absl::Duration kCut = absl::Milliseconds(1);
// Two clocks part by less than a millisecond a second; one that is being slewed, by half of that.
constexpr int64_t kDriftPart = 1000;
// One that has not answered for so long, when others have, is no longer asked.
constexpr absl::Duration kForgetAfter = absl::Minutes(10);

}  // namespace

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

void BrokerClock::Answered(int32_t broker, absl::Time sent, absl::Time answered,
                           absl::Time stamped) {
  const absl::Time epoch = absl::UnixEpoch();
  const Sample fresh{answered, (stamped - epoch) - (answered - epoch),
                     (stamped + kCut - epoch) - (sent - epoch)};
  const absl::MutexLock lock(&mutex_);
  std::erase_if(brokers_, [&](const auto& one) { return answered - one.second.at > kForgetAfter; });
  const auto [at, is_new] = brokers_.try_emplace(broker, fresh);
  if (is_new) return;
  Sample& kept = at->second;
  const absl::Duration drift = (answered - kept.at) / kDriftPart;
  const bool contradicts =
      fresh.least > kept.most + drift || fresh.most < kept.least - drift;  // somebody set a clock
  const bool narrower = fresh.most - fresh.least <= kept.most - kept.least + drift;
  if (contradicts || narrower) kept = fresh;
}

void BrokerClock::Saw(absl::Time read, absl::Time stamped) {
  const absl::Time epoch = absl::UnixEpoch();
  const absl::Duration least = (stamped - epoch) - (read - epoch);
  const absl::MutexLock lock(&mutex_);
  const absl::Duration drift =
      seen_.has_value() ? (read - seen_->at) / kDriftPart : absl::ZeroDuration();
  if (!seen_.has_value() || least >= seen_->least - drift) seen_ = Sample{read, least, least};
}

std::optional<absl::Time> BrokerClock::Now(absl::Time steady, absl::Time machine) const {
  const absl::MutexLock lock(&mutex_);
  if (brokers_.empty()) {
    if (!seen_.has_value() || steady + seen_->least <= machine) return std::nullopt;
    return steady + seen_->least;
  }
  std::vector<absl::Duration> ahead;
  for (const auto& [broker, sample] : brokers_) {
    ahead.push_back(sample.least + (sample.most - sample.least) / 2);
  }
  std::sort(ahead.begin(), ahead.end());
  const absl::Time low = steady + ahead[(ahead.size() - 1) / 2];
  const absl::Time high = steady + ahead[ahead.size() / 2];
  // Of two in the middle the one that says what this machine says.
  return absl::AbsDuration(low - machine) <= absl::AbsDuration(high - machine) ? low : high;
}

}  // namespace gridledger::kafka
