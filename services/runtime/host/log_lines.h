// The programs' own log lines, on standard error: for people, or as one JSON object a line.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace gridledger::host {

// `format` is text or json. Every line names the program.
void LogTo(absl::string_view format, absl::string_view program);

enum class LogLevel { kInfo, kWarning, kError };
using LogFields = std::vector<std::pair<std::string, std::variant<int64_t, std::string>>>;

// A line. `text` is for people and says all that matters. For machines, in JSON only: `event`, a
// name in snake_case that stays when the words are improved, and the figures as fields of their
// own. The README's table of events is what an installation may build alarms on.
void Log(LogLevel level, absl::string_view event, const std::string& text,
         const LogFields& fields = {});

}  // namespace gridledger::host
