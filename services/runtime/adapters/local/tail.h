// The durable ends of a log's partitions, and the readers that wait for them to move. Knows no
// records.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <vector>

namespace gridledger::local {

class Tail {
 public:
  // One reader's place to wait. Used by one thread at a time; Wake may come from any.
  struct Waiter {
    std::condition_variable moved;
    std::vector<char> wants;  // by partition; changed only while not waiting
    bool woken = false;       // guarded by the tail's mutex
  };

  explicit Tail(const std::vector<int64_t>& ends);
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  int partitions() const { return static_cast<int>(ends_.size()); }
  int64_t End(int partition) const { return ends_[partition].load(std::memory_order_acquire); }
  // Raises the ends and tells the waiting readers of those that moved.
  void Publish(absl::Span<const int64_t> ends);

  enum class Came { kReady, kWake, kNothing };
  // Waits until `ready` (asked under the mutex), a Wake, or the end of `wait`. Only ends of
  // partitions in `waiter.wants` are told.
  Came Await(Waiter& waiter, absl::Duration wait, absl::FunctionRef<bool()> ready);
  // Ends the present wait, or the next one.
  void Wake(Waiter& waiter);

 private:
  std::vector<std::atomic<int64_t>> ends_;
  std::mutex mutex_;
  std::list<Waiter*> waiters_;
};

}  // namespace gridledger::local
