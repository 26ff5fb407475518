#include "services/runtime/adapters/local/tail.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gridledger::local {

Tail::Tail(const std::vector<int64_t>& ends) : ends_(ends.size()) {
  for (size_t p = 0; p < ends.size(); ++p) ends_[p].store(ends[p], std::memory_order_relaxed);
}

void Tail::Publish(absl::Span<const int64_t> ends) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t p = 0; p < ends.size(); ++p) {
    if (ends_[p].load(std::memory_order_relaxed) >= ends[p]) continue;
    ends_[p].store(ends[p], std::memory_order_release);
    for (Waiter* waiter : waiters_) {
      if (waiter->wants[p]) waiter->moved.notify_one();
    }
  }
}

Tail::Came Tail::Await(Waiter& waiter, absl::Duration wait, absl::FunctionRef<bool()> ready) {
  constexpr absl::Duration kWaitMax = absl::Hours(24 * 365);  // so that the deadline is a number
  const auto deadline =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(wait, kWaitMax));
  std::unique_lock<std::mutex> lock(mutex_);
  const auto place = waiters_.insert(waiters_.end(), &waiter);
  bool is_ready = ready();
  while (!is_ready && !waiter.woken) {
    const bool late = waiter.moved.wait_until(lock, deadline) == std::cv_status::timeout;
    is_ready = ready();
    if (late) break;
  }
  waiters_.erase(place);
  if (is_ready) return Came::kReady;
  return std::exchange(waiter.woken, false) ? Came::kWake : Came::kNothing;
}

void Tail::Wake(Waiter& waiter) {
  const std::lock_guard<std::mutex> lock(mutex_);
  waiter.woken = true;
  waiter.moved.notify_one();
}

}  // namespace gridledger::local
