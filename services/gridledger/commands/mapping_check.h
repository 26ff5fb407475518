// What does a mapping make of a file? Reads all of it and writes nothing: shows what the first rows
// become, and each kind of problem with some of its lines.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace gridledger::cli {

struct CheckOptions {
  std::string mapping;
  std::string input;
  int rows = 10;
  bool json = false;
};

// DataLoss when rows cannot be taken, after all was shown.
absl::Status RunCheck(const CheckOptions& options);

}  // namespace gridledger::cli
