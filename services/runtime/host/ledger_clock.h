// The clock of a city's service: the brokers' once they have told, for they stamp what it appends,
// and this machine's until then. How far this machine's is off follows from both.
#pragma once

#include <absl/time/time.h>

#include <atomic>
#include <optional>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::host {

class LedgerClock final : public SystemClock {
 public:
  // `off`: what a test wants this machine's clock to be ahead by.
  explicit LedgerClock(absl::Duration off = absl::ZeroDuration()) : off_(off) {}
  // From now on the brokers of that log are listened to; it outlives the use of this clock.
  void ListenTo(KafkaLog* log) { log_ = log; }

  absl::Time Now() override {
    const std::optional<absl::Time> brokers = Brokers();
    return brokers.has_value() ? absl::FromUnixMillis(absl::ToUnixMillis(*brokers)) : Machine();
  }
  // By how much this machine's clock is ahead of the brokers'; behind: negative. Nothing before
  // they have told.
  std::optional<absl::Duration> Ahead() {
    const std::optional<absl::Time> brokers = Brokers();
    if (!brokers.has_value()) return std::nullopt;
    return Machine() - *brokers;
  }

 private:
  absl::Time Machine() { return SystemClock::Now() + off_; }
  std::optional<absl::Time> Brokers() {
    KafkaLog* const log = log_;
    return log == nullptr ? std::nullopt : log->BrokersNow(Machine());
  }

  const absl::Duration off_;
  std::atomic<KafkaLog*> log_{nullptr};
};

}  // namespace gridledger::host
