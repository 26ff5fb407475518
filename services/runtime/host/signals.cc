#include "services/runtime/host/signals.h"

namespace gridledger::host {

StopSignals::StopSignals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

bool StopSignals::Wait(absl::Duration wait) {
  const timespec limit = absl::ToTimespec(wait);
  return sigtimedwait(&set_, nullptr, &limit) > 0;
}

}  // namespace gridledger::host
