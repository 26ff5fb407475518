// Ends a process in bounded time: on SIGTERM or SIGINT, or when its work is done, whatever hangs. A
// client of a cluster may wait for a broker that does not answer, and closing one may block for
// ever (trap L21). A hard exit is safe at any instant, for state and offset are one write (law L5);
// it is only late or early:
//
//   asked while it still opens           after 2 s it ends with 0: nothing had begun
//   asked, and the checkpoint not made   after 20 s it ends with 3: the next start folds more
//   checkpointed                         after 5 s it ends with the code of its work
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <functional>
#include <optional>
#include <thread>

#include "services/runtime/host/signals.h"

namespace gridledger::host {

class EndWatch {
 public:
  // Waits for the signals, which nobody else does then. `signals` outlives it.
  // `hung_up` is called on SIGHUP, where the signals tell of it.
  explicit EndWatch(StopSignals* signals, std::function<void()> hung_up = nullptr);
  // The process has come to its end by itself.
  ~EndWatch();

  // It runs: from now on an end begins with a checkpoint.
  void Opened();
  // Waits for a signal; false when `wait` passed first.
  bool Asked(absl::Duration wait);
  // All that has to be kept is kept; what is left to do is to close, and then to end with `code`.
  void Kept(int code);

 private:
  void Watch();

  StopSignals* const signals_;
  const std::function<void()> hung_up_;
  absl::Mutex mutex_;
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<int> code_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::thread thread_;
};

}  // namespace gridledger::host
