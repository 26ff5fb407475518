// Many at once, over HTTP: POST /api/v1/events takes NDJSON (plain or gzip, any length) and
// CloudEvents (structured, binary and batched), and answers line by line what became of each.
//
//   {"line": 1, "id": …, "partition": …, "offset": …, "stage": …, "verdict": "applied"}
//   {"line": 2, "status": 422, "detail": …, "field": …}        not taken in
#pragma once

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "services/domain/intake/principal.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/city/city.h"
#include "services/gateway/http/router.h"

namespace gridledger::gateway {

struct BulkOptions {
  City* city = nullptr;
  std::function<std::variant<intake::Principal, Reply>(const Request&)> identify;
  std::function<policy::Zone()> zone;
};

class Bulk {
 public:
  explicit Bulk(BulkOptions options) : options_(std::move(options)) {}
  // The routes live as long as this does.
  void AddTo(Router* router);

 private:
  struct Item;
  boost::asio::awaitable<Reply> Take(Request& request);
  boost::asio::awaitable<void> TakeLines(intake::Principal principal, Request& request,
                                         BodyWriter& writer);
  // Fills in what became of each.
  boost::asio::awaitable<void> Submit(const intake::Principal& principal, std::vector<Item>& items);
  // Those from `begin` on, none of which is about the same incident as another.
  boost::asio::awaitable<size_t> SubmitSome(const intake::Principal& principal,
                                            std::vector<Item>& items, size_t begin);

  const BulkOptions options_;
};

}  // namespace gridledger::gateway
