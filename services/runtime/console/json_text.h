// JSON for scripts, as all commands print it.
#pragma once

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <string>

namespace gridledger::cli {

// Over several lines. A byte that is no text, as in the name of a file, would end the JSON: it
// becomes U+FFFD.
inline std::string JsonText(const nlohmann::ordered_json& json) {
  return absl::StrCat(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

}  // namespace gridledger::cli
