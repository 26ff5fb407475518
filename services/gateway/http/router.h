// Which handler answers which method and path. Made once, then only read.
#pragma once

#include <absl/strings/string_view.h>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "services/gateway/http/message.h"

namespace gridledger::gateway {

using Respond = std::function<boost::asio::awaitable<Reply>(Request&)>;

struct Route {
  std::string method;
  // "/api/v1/incidents/{id}": a part in braces stands for one segment, and is a capture. A last
  // part "{name*}" stands for all that follows.
  std::string path;
  Respond handler;
  size_t body_bytes_max = size_t{64} << 10;  // 64 KiB: a report or a fact is under 2
  bool reads_body = false;                   // the handler reads it piece by piece, without end
};

class Router {
 public:
  // REQUIRES: no route of that method and path is there.
  void Add(Route route);
  struct Match {
    const Route* route = nullptr;  // null: 404, or 405 when `allowed` is not empty
    std::vector<Field> captures;
    std::vector<std::string> allowed;  // the methods that the path has
  };
  // `path` as it was sent, with its escapes and without the query. HEAD is answered by what GET is.
  Match Find(absl::string_view method, absl::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace gridledger::gateway
