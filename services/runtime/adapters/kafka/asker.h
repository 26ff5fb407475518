// Asks questions that may hang, for those who must not wait: some threads of its own, as many as
// there are questions under way, up to a bound. A question whose partition has no leader takes its
// whole time-out; those behind it do not wait for it while there are threads left.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/synchronization/mutex.h>

#include <deque>
#include <thread>
#include <vector>

namespace gridledger::kafka {

class Asker {
 public:
  using Question = absl::AnyInvocable<void()>;

  Asker() = default;
  // Waits for the questions that were asked.
  ~Asker();
  // Has it run by another thread, after those that wait already. Each has to end by itself.
  void Ask(Question question);

 private:
  void Work();

  absl::Mutex mutex_;
  std::deque<Question> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gridledger::kafka
