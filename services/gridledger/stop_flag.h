// SIGINT and SIGTERM as a flag, for work that runs on threads of its own and must end tidily.
#pragma once

#include <atomic>
#include <csignal>
#include <thread>

#include "services/runtime/host/signals.h"

namespace gridledger::cli {

// REQUIRES: built before the threads that look at the flag, or a signal would end them at once.
// Afterwards the signals do what they did before.
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

  const std::atomic<bool>* flag() const { return &stop_; }

 private:
  static sigset_t PresentMask() {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return mask;
  }
  void Watch() {
    while (!done_) {
      if (signals_.Wait(absl::Milliseconds(50))) stop_ = true;
    }
  }

  const sigset_t before_;
  host::StopSignals signals_;  // blocks them
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace gridledger::cli
