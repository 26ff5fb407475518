#include "services/gateway/access/slowdown.h"

#include <algorithm>

namespace gridledger::access {

absl::Duration Slowdown::Wait(absl::string_view name, absl::Time now) const {
  const auto found = failures_.find(name);
  if (found == failures_.end()) return absl::ZeroDuration();
  // A clock that was set back makes nobody wait longer.
  return std::clamp(found->second.next_at - now, absl::ZeroDuration(), pace_.longest);
}

void Slowdown::Failed(absl::string_view name, absl::Time now) {
  while (!by_newest_.empty() && by_newest_.begin()->first + pace_.forgotten_after <= now) {
    Forget(std::string(by_newest_.begin()->second));
  }
  const auto found = failures_.find(name);
  Failures failures = found == failures_.end() ? Failures{} : found->second;
  Forget(name);
  if (failures_.size() >= names_max_) Forget(std::string(by_newest_.begin()->second));
  failures.count = std::min(failures.count + 1, pace_.free + 64);
  failures.newest_at = now;
  failures.next_at = now;
  if (failures.count > pace_.free) {
    absl::Duration delay = pace_.first;
    for (int i = pace_.free + 1; i < failures.count && delay < pace_.longest; ++i) delay *= 2;
    failures.next_at = now + std::min(delay, pace_.longest);
  }
  by_newest_.emplace(now, std::string(name));
  failures_.emplace(std::string(name), failures);
}

void Slowdown::TakeBack(absl::string_view name) {
  const auto found = failures_.find(name);
  if (found == failures_.end()) return;
  if (--found->second.count == 0) return Forget(name);
  found->second.next_at = found->second.newest_at;
}

void Slowdown::Forget(absl::string_view name) {
  const auto found = failures_.find(name);
  if (found == failures_.end()) return;
  by_newest_.erase({found->second.newest_at, found->first});
  failures_.erase(found);
}

}  // namespace gridledger::access
