// The endpoints of a service's own program, on loopback unless told otherwise:
//   /live      200 while the process does its work, 503 when nothing can go on
//   /ready     200 once everything that it runs is folded to the end of the ledger, 503 before;
//              503, too, as long as a group has not said what that is
//   /metrics   for Prometheus
//   /clients   the newest statistics of the clients of a cluster: an object, by which client it is,
//              of librdkafka's own JSON
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/host/live_city.h"

namespace gridledger::host {

struct EndpointOptions {
  std::string address;  // HOST:PORT; port 0 takes a free one
  std::string service;
  // Asked at each request, from the endpoints' own threads.
  std::function<CityLook()> look;
  std::function<bool()> failed;
  // Whether it is settled which partitions it runs.
  std::function<bool()> given = [] { return true; };
  std::function<std::vector<KafkaClientStatistics>()> client_statistics = [] {
    return std::vector<KafkaClientStatistics>();
  };
};

class Endpoints {
 public:
  // InvalidArgument for an address of another form, Unavailable when it cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Endpoints>> Start(EndpointOptions options);
  virtual ~Endpoints() = default;
  // Where it listens.
  virtual const std::string& address() const = 0;
};

// What /metrics says of a look and of the clients.
std::string PrometheusText(const std::string& service, const CityLook& look,
                           const std::vector<KafkaClientStatistics>& clients);

}  // namespace gridledger::host
