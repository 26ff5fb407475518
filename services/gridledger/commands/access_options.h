// What the commands about people and keys take: the data folder, and what somebody may do; and how
// lists show it.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "services/gateway/access/people.h"

namespace gridledger::cli {

struct AccessOptions {
  std::string data;
  std::string name;
  access::Rights rights;
  bool json = false;
};

// --data and --json.
void AddAccessFolder(CLI::App& command, AccessOptions* options);
// --role, --code, --area and --unit.
void AddRights(CLI::App& command, AccessOptions* options);
// The rights as told; a code that was left out is the name.
access::Rights RightsIn(const AccessOptions& options);

// Adds roles, code, areas and units.
void PutRights(const access::Rights& rights, nlohmann::ordered_json* json);
// "a, b", and what is said for none.
std::string Listed(const std::vector<std::string>& texts, const std::string& none);

}  // namespace gridledger::cli
