// How far this machine's clock is off the brokers', as log lines, and whether so far that others
// had better do the work. Deadlines go by the brokers' clock anyhow; never sets or reads a clock
// itself.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include <atomic>
#include <string>
#include <utility>

#include "services/runtime/host/ledger_clock.h"
#include "services/runtime/host/log_lines.h"

namespace gridledger::host {

class ClockWatch {
 public:
  // The clock outlives it.
  ClockWatch(std::string service, LedgerClock* clock)
      : service_(std::move(service)), clock_(*clock) {}

  // Once a turn. `stand_back` is told true when the clock has come to be wrong, false when it is
  // right again. A machine whose clock is far off is one that something is wrong with.
  void Check(absl::FunctionRef<void(bool)> stand_back);

  // Empty, or why it is better that others do the work; from any thread.
  std::string Unfit() const { return is_wrong_ ? Describe() : std::string(); }

 private:
  // "this machine's clock is 300.0 s ahead of the brokers'"
  std::string Describe() const;
  void Say(LogLevel level, absl::string_view event, absl::string_view then) const;

  const std::string service_;
  LedgerClock& clock_;
  std::atomic<bool> is_wrong_{false};
  bool is_off_ = false;
};

}  // namespace gridledger::host
