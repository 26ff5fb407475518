// The API's contract as the program serves it: openapi.yaml, and a page of it for people. The page
// is made of the file, without scripts.
#pragma once

#include <absl/strings/string_view.h>

#include <string>

#include "services/gateway/http/router.h"

namespace gridledger::gateway {

// The text of openapi.yaml.
absl::string_view OpenApi();
// The page of such a text. REQUIRES: it is one, as the test of the contract holds.
std::string ContractPage(absl::string_view openapi);

// /api/openapi.yaml, /api and its style. The replies are made once.
void AddContract(Router* router);

}  // namespace gridledger::gateway
