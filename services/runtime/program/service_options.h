// The options of a service's own program: from the command line, the environment, or the file of
// --config. Reads what they say; opens and starts nothing.
#pragma once

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger::host {

struct ServiceOptions {
  std::string data, log, state;
  std::vector<std::string> kafka;
  std::string kafka_properties;
  std::string partitions, group, instance;
  std::string memory = "1GiB";
  int threads = 1;
  bool drain = false;
  bool standby = false;
  bool keep_place = false;
  std::string takeover_after = "500ms";
  std::string stuck_after = "5m";
  std::string checkpoint_every = "10s";
  std::string http;
  std::string log_format = "text";
  std::string clock_offset;
};

// Every option is also an environment variable and a line of the file of --config, flags too.
void AddOptions(CLI::App& app, ServiceOptions& options);

// `option` is named in the error: InvalidArgument unless `text` is a duration above zero.
absl::StatusOr<absl::Duration> ParseWait(const std::string& option, const std::string& text);
// "0-7,12", in order and each once. InvalidArgument for what is none of `count` partitions.
absl::StatusOr<std::vector<Partition>> ParsePartitions(const std::string& text, int count);
// Of --clock-offset. Zero unless it is a duration.
absl::Duration OffsetOf(const std::string& text);
// The member's static name in its group. Two processes never share a state folder, so its path
// tells them apart.
std::string InstanceName(const ServiceOptions& options);

}  // namespace gridledger::host
