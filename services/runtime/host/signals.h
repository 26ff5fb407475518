// SIGINT and SIGTERM as something to wait for, so that no handler runs amid other code; and SIGPIPE
// ignored: a peer that went away is an error of the write that met it, and ends no program.
#pragma once

#include <absl/time/time.h>

#include <csignal>
#include <utility>

namespace gridledger::host {

// Ignores SIGPIPE; blocks the other two for this thread and those it starts. Build it first thing
// in main.
class StopSignals {
 public:
  // With `hears_hangup` SIGHUP ends nothing, but is told by TakeHangup: files are to be read again.
  explicit StopSignals(bool hears_hangup = false);
  // Waits for one of them; false when `wait` passed first.
  bool Wait(absl::Duration wait) { return WaitForOne(wait) != 0; }
  // Which one came; 0 when `wait` passed first.
  int WaitForOne(absl::Duration wait);
  // Whether a SIGHUP came while somebody waited, since the last call.
  bool TakeHangup() { return std::exchange(hangup_, false); }

 private:
  sigset_t set_;
  bool hangup_ = false;
};

}  // namespace gridledger::host
