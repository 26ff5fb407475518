// The native API under /api/v1: each route is described in openapi.yaml, which is served beside it.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <boost/asio/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "gridledger/v1/fact.pb.h"
#include "services/domain/intake/principal.h"
#include "services/domain/metrics/metrics.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/city/city.h"
#include "services/gateway/http/router.h"

namespace gridledger::gateway {

struct PastFigures {
  metrics::Sheet sheet;
  std::optional<absl::Time> present;  // of the newest record before that instant; none: none was
};

struct ApiOptions {
  City* city = nullptr;
  // Who sends the request; a reply instead when that cannot be told, or they have to wait.
  std::function<std::variant<intake::Principal, Reply>(const Request&)> identify;
  // The ledger's own zone.
  std::function<policy::Zone()> zone;
  // Figures as of an instant that the live state has passed: folds, and may take its time.
  std::function<absl::StatusOr<PastFigures>(absl::Time as_of)> past_figures;
  // What the program tells Prometheus of itself.
  std::function<std::string()> program_figures;
  // For what waits for a disk; outlives the routes.
  boost::asio::thread_pool* pool = nullptr;
};

class Api {
 public:
  explicit Api(ApiOptions options) : options_(std::move(options)) {}
  // The routes live as long as this does.
  void AddTo(Router* router);

 private:
  boost::asio::awaitable<Reply> ListIncidents(Request& request);
  boost::asio::awaitable<Reply> ShowIncident(Request& request);
  boost::asio::awaitable<Reply> Report(Request& request);
  boost::asio::awaitable<Reply> AddFact(Request& request);
  boost::asio::awaitable<Reply> ShowMetrics(Request& request);
  boost::asio::awaitable<Reply> ShowFigures(Request& request);
  boost::asio::awaitable<Reply> ShowPartitions(Request& request);
  boost::asio::awaitable<Reply> ShowMembers(Request& request);
  boost::asio::awaitable<Reply> ShowPolicy(Request& request);
  boost::asio::awaitable<Reply> ListDeadLetters(Request& request);

  // Runs something slow on the pool.
  template <class T>
  boost::asio::awaitable<T> Elsewhere(std::function<T()> work) {
    return Await<T>([this, work = std::move(work)](Told<T> told) mutable {
      boost::asio::post(*options_.pool, [work = std::move(work), told = std::move(told)]() mutable {
        std::move(told)(work());
      });
    });
  }

  const ApiOptions options_;
};

// What a refused question is to a client.
Reply ProblemOf(const absl::Status& status);
// JSON as the commands print it.
Reply JsonReply(const nlohmann::ordered_json& json, int status = 200);

}  // namespace gridledger::gateway
