// The programs' own log lines, on standard error: for people, or as one JSON object a line.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace gridledger::host {

// `format` is text or json. Every line names the program.
void LogTo(absl::string_view format, absl::string_view program);

// An error with fields beside its text, for machines: in JSON they are the object's. The text says
// them too, for people.
using LogFields = std::vector<std::pair<std::string, std::variant<int64_t, std::string>>>;
void LogError(const std::string& text, const LogFields& fields);

}  // namespace gridledger::host
