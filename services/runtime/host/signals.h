// SIGINT and SIGTERM as something to wait for, so that no handler runs amid other code; and SIGPIPE
// ignored: a peer that went away is an error of the write that met it, and ends no program.
#pragma once

#include <absl/time/time.h>

#include <csignal>

namespace gridledger::host {

// Ignores SIGPIPE; blocks the other two for this thread and those it starts. Build it first thing
// in main.
class StopSignals {
 public:
  StopSignals();
  // Waits for one of them; false when `wait` passed first.
  bool Wait(absl::Duration wait) { return WaitForOne(wait) != 0; }
  // Which one came; 0 when `wait` passed first.
  int WaitForOne(absl::Duration wait);

 private:
  sigset_t set_;
};

}  // namespace gridledger::host
