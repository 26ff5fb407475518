// The front door: everything that a city answers on its own address, put together. Part of
// `gridledger up`, and a program of its own beside a cluster.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/engine/fold_watch.h"
#include "services/runtime/program/front.h"

namespace gridledger::gateway {

inline constexpr int kDefaultPort = 8311;

struct GatewaySettings {
  std::string certificate_file, key_file;  // PEM; both or neither
  std::string access_folder;               // where people and keys are kept
  bool public_reads = true;                // without a key or a session
  bool public_reports = true;
  std::vector<std::string> jurisdictions;  // names of this city for clients of Open311
  int threads = 2;
  std::function<void(absl::string_view)> said = nullptr;
};

// `settings` are read when it is opened.
std::unique_ptr<host::Front> MakeGateway(const GatewaySettings* settings);

}  // namespace gridledger::gateway
