#include "services/domain/intake/rate_limiter.h"

#include <algorithm>

namespace gridledger::intake {

absl::Duration RateLimiter::Take(absl::string_view principal, absl::Time now) {
  while (!by_full_at_.empty() && by_full_at_.begin()->first <= now) {
    Drop(std::string(by_full_at_.begin()->second));
  }
  const absl::Duration bucket = rate_.each * rate_.burst;
  const auto found = full_at_.find(principal);
  absl::Time full_at = found == full_at_.end() ? now : found->second;
  // A clock that was set back makes nobody wait longer than an empty bucket does.
  full_at = std::min(full_at, now + bucket);
  const absl::Duration lacking = full_at + rate_.each - now - bucket;
  if (lacking > absl::ZeroDuration()) return lacking;
  Set(principal, full_at + rate_.each);
  return absl::ZeroDuration();
}

void RateLimiter::Set(absl::string_view principal, absl::Time full_at) {
  Drop(principal);
  if (full_at_.size() >= principals_max_) Drop(std::string(by_full_at_.begin()->second));
  full_at_.emplace(std::string(principal), full_at);
  by_full_at_.emplace(full_at, std::string(principal));
}

void RateLimiter::Drop(absl::string_view principal) {
  const auto found = full_at_.find(principal);
  if (found == full_at_.end()) return;
  by_full_at_.erase({found->second, found->first});
  full_at_.erase(found);
}

}  // namespace gridledger::intake
