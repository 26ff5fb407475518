// The HTTP server: connections, their limits and their end. Boost.Beast parses and writes; which
// handler answers is the router's matter.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "services/gateway/http/router.h"

namespace gridledger::gateway {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8311;
  // How many ports after that one are tried while it is taken; port 0 takes a free one.
  int further_ports = 0;
  int threads = 2;
  // PEM files; both or neither. Read again by Reload.
  std::string certificate_file, key_file;

  size_t header_bytes_max = size_t{16} << 10;
  size_t connections_max = 10'000;       // × ~20 KiB
  size_t connections_of_peer_max = 512;  // of one address that is not loopback
  size_t requests_max = 2'000;           // that are being answered; more get 503
  absl::Duration idle = absl::Seconds(75);
  absl::Duration header = absl::Seconds(10);  // from its first byte
  absl::Duration body = absl::Seconds(30);    // between two pieces of it
  absl::Duration write = absl::Seconds(30);
  absl::Duration drain = absl::Seconds(10);
  // Called for each request before its handler; a reply ends it there.
  std::function<std::optional<Reply>(Request&)> before = nullptr;
  // Called with each reply before it is sent: headers that all have.
  std::function<void(const Request&, Reply&)> after = nullptr;
  // What an operator should know; never of what a client sent.
  std::function<void(absl::string_view text)> said = nullptr;
};

struct ServerCounts {
  int64_t connections = 0;   // now
  int64_t accepted = 0;      // since the start
  int64_t refused = 0;       // connections over a limit
  int64_t requests = 0;      // answered since the start
  int64_t overload = 0;      // answered with 503 for want of room
  int64_t by_class[6] = {};  // answers by the first digit of their status
};

class Server {
 public:
  // `router` outlives it. Unavailable when no port can be listened on; InvalidArgument for
  // certificate or key files that cannot be used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options, const Router* router);
  // Stops.
  virtual ~Server() = default;
  // "http://127.0.0.1:8311"
  virtual const std::string& address() const = 0;
  virtual ServerCounts counts() const = 0;
  // Reads certificate and key again; new connections have them. The old ones stay after an error.
  virtual absl::Status Reload() = 0;
  // Takes no more connections, lets what is under way come to its end for a while, and ends.
  virtual void Stop() = 0;
};

}  // namespace gridledger::gateway
