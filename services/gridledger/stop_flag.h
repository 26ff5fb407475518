// SIGINT and SIGTERM as a flag for work that runs on threads of its own, so that it ends tidily.
#pragma once

#include <atomic>
#include <thread>

#include "services/runtime/host/signals.h"

namespace gridledger::cli {

// REQUIRES: built before the threads that look at the flag, or a signal would end them at once.
class StopFlag {
 public:
  StopFlag() : thread_([this] { Watch(); }) {}
  ~StopFlag() {
    done_ = true;
    thread_.join();
  }
  StopFlag(const StopFlag&) = delete;
  StopFlag& operator=(const StopFlag&) = delete;

  const std::atomic<bool>* flag() const { return &stop_; }

 private:
  void Watch() {
    while (!done_) {
      if (signals_.Wait(absl::Milliseconds(50))) stop_ = true;
    }
  }

  host::StopSignals signals_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace gridledger::cli
