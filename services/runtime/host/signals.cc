#include "services/runtime/host/signals.h"

#include <algorithm>

namespace gridledger::host {

StopSignals::StopSignals(bool hears_hangup) {
  // Neither OpenSSL nor a client of the brokers sees to it that its writes raise none.
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  if (hears_hangup) sigaddset(&set_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

int StopSignals::WaitForOne(absl::Duration wait) {
  const timespec limit = absl::ToTimespec(wait);
  const int signal = std::max(0, sigtimedwait(&set_, nullptr, &limit));
  if (signal != SIGHUP) return signal;
  hangup_ = true;
  return 0;
}

}  // namespace gridledger::host
