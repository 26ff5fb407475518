// SIGINT and SIGTERM as a flag, for work that runs on threads of its own and must end tidily.
#pragma once

#include <atomic>
#include <csignal>
#include <thread>

#include "services/runtime/host/signals.h"

namespace gridledger::cli {

// REQUIRES: built before the process has any thread, a database's own included: those that it
// starts later leave the signals to this one. Afterwards the signals do what they did before.
class StopFlag {
 public:
  StopFlag() : before_(PresentMask()), thread_([this] { Watch(); }) {}
  ~StopFlag() {
    done_ = true;
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  // The caller looks at the flag from now on, and ends tidily once it is set. Until somebody does,
  // and when a second signal comes, a signal ends the process at once: nobody waits for a command
  // that does not listen.
  const std::atomic<bool>* Listen() const {
    listens_ = true;
    return &stop_;
  }

 private:
  static sigset_t PresentMask() {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return mask;
  }
  void Watch() {
    while (!done_) {
      const int signal = signals_.WaitForOne(absl::Milliseconds(50));
      if (signal == 0) continue;
      if (!listens_ || stop_) EndAtOnce(signal);
      stop_ = true;
    }
  }
  static void EndAtOnce(int signal) {
    std::signal(signal, SIG_DFL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    raise(signal);
  }

  const sigset_t before_;
  host::StopSignals signals_;  // blocks them
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  mutable std::atomic<bool> listens_{false};
  std::thread thread_;
};

}  // namespace gridledger::cli
