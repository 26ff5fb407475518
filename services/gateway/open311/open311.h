// Open311 GeoReport v2 under /open311/v2, in XML and JSON, with the extensions that cities have
// agreed on. Everything it shows follows from the ledger: services from the policy in force,
// requests from the incidents. A request that is posted becomes a fact by the same door as a report
// of the native API.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gridledger/v1/policy.pb.h"
#include "services/domain/intake/principal.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/city/city.h"
#include "services/gateway/http/router.h"
#include "services/gateway/open311/arguments.h"
#include "services/gateway/open311/catalogue.h"
#include "services/gateway/open311/document.h"
#include "services/gateway/open311/service_request.h"

namespace gridledger::gateway::open311 {

struct Options {
  City* city = nullptr;
  // Who sends the request; a reply instead when that cannot be told, or they have to wait.
  std::function<std::variant<intake::Principal, Reply>(const Request&)> identify;
  // The ledger's own zone.
  std::function<policy::Zone()> zone;
  boost::asio::thread_pool* pool = nullptr;  // for what waits for a disk; outlives the routes
  // The names by which clients may call this city. A request without one means it, too; any other
  // is not found.
  std::vector<std::string> jurisdictions;
};

class Open311 {
 public:
  explicit Open311(Options options) : options_(std::move(options)) {}
  // The routes live as long as this does.
  void AddTo(Router* router);

 private:
  // What every call has, once it may go on.
  struct Call {
    Named what;  // the last segment of the path
    policy::Zone zone;
    intake::Principal who;
    std::vector<Field> fields;
    bool has_file = false;
    Format format() const { return what.format; }
  };
  // The reply instead: in this order, no such format, jurisdiction, key; a body that is no form.
  std::variant<Call, Reply> Begin(const Request& request, absl::string_view last);

  using Answer = boost::asio::awaitable<Reply>;
  Answer Get(Request& request);   // /open311/v2/WHAT.FORMAT
  Answer Post(Request& request);  // the same
  Answer ShowDefinition(Request& request);
  Answer ShowRequest(Request& request);
  Answer ShowToken(Request& request);
  Answer ShowDiscovery(Request& request);
  Answer NothingHere(Request& request);

  Answer ListServices(Call call);
  Answer ListRequests(Call call);
  Answer ListUpdates(Call call);
  Answer PostRequest(Call call, std::optional<std::string> repeat_key);
  Answer PostUpdate(Call call);
  Reply DiscoveryOf(const Request& request, Format format) const;

  struct Catalogue {
    v1::Policy policy;
    Places places;
  };
  boost::asio::awaitable<absl::StatusOr<Catalogue>> AskCatalogue(bool with_places);

  // Those that are there, by the partitions in which they are looked for; in no order.
  using Ids = std::vector<std::vector<IncidentId>>;
  boost::asio::awaitable<absl::StatusOr<std::vector<ServiceRequest>>> AskRequests(Ids ids,
                                                                                  bool with_life);
  Ids Everywhere(std::vector<IncidentId> ids) const;

  const Options options_;
};

}  // namespace gridledger::gateway::open311
