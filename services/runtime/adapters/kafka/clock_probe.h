// Asks the brokers the time, once a second: a record of no content into a topic of its own, whose
// answer says when it was stamped. A quiet city has no other answers, and a standby sends nothing.
// A client of its own, so that a topic that is missing harms nobody.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "services/runtime/adapters/kafka/broker_clock.h"
#include "services/runtime/adapters/kafka/client.h"

namespace gridledger::kafka {

class ClockProbe {
 public:
  // InvalidArgument for a property. `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<ClockProbe>> Start(const ClientOptions& options,
                                                           std::string topic, BrokerClock* clock);
  ~ClockProbe();

 private:
  ClockProbe(std::shared_ptr<RunningClient> client, std::string topic, BrokerClock* clock)
      : client_(std::move(client)), topic_(std::move(topic)), clock_(clock) {}
  void Work();

  const std::shared_ptr<RunningClient> client_;
  const std::string topic_;
  BrokerClock* const clock_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace gridledger::kafka
