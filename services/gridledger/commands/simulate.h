// Simulation as a piece of work, for the commands that want one.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "services/runtime/console/ledger_options.h"
#include "services/simulation/city.h"

namespace gridledger::cli {

struct SimulateOptions {
  CommonOptions common;
  std::string pack = "yutang";
  uint64_t seed = 1;
  uint64_t incidents = simulation::kPublished;
  int partitions = 8;
  bool prints = true;  // what it made, on standard output
  // The folder is ours to write.
  std::function<void()> opened = [] {};
};

// Plays the pack into the folder. While it is at it, the folder says so in
// a file, so that a period that was cut off is not taken for a whole one.
absl::Status Simulate(const SimulateOptions& options);

// What was being played into the folder and was cut off; nothing when nothing was. `common` is left
// as it is. DataLoss when the file cannot be read.
absl::StatusOr<std::optional<SimulateOptions>> CutOffSimulation(const std::string& data);

}  // namespace gridledger::cli
