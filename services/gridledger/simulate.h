// Simulation as a piece of work, for the commands that want one.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>

#include "services/domain/simulation/city.h"
#include "services/gridledger/command.h"

namespace gridledger::cli {

struct SimulateOptions {
  CommonOptions common;
  std::string pack = "yutang";
  uint64_t seed = 1;
  uint64_t incidents = simulation::kPublished;
  int partitions = 8;
};

// Plays the pack into the folder and prints what it made.
absl::Status Simulate(const SimulateOptions& options);

}  // namespace gridledger::cli
