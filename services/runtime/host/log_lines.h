// The programs' own log lines, on standard error: for people, or as one JSON object a line.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace gridledger::host {

// `format` is text or json. Every line names the program.
void LogTo(absl::string_view format, absl::string_view program);

}  // namespace gridledger::host
