// A password: asked for on the terminal without showing it, or read as it comes from a script.
// Never keeps it.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace gridledger::cli {

// The first line of standard input. From a terminal it is asked for, twice: InvalidArgument when
// the two are not the same, or nothing comes; Cancelled when Ctrl-C is pressed.
absl::StatusOr<std::string> ReadPassword();

}  // namespace gridledger::cli
