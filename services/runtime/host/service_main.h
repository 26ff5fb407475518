// The main function of a service's own program: options, the loop, a graceful end.
#pragma once

#include <absl/strings/string_view.h>

namespace gridledger::host {

// Runs one service live over a data folder until SIGTERM or SIGINT, or with --drain until nothing
// is left to do. Answers the exit code: 0 done, 1 damage, 2 wrong usage, 3 the world failed.
int ServiceMain(absl::string_view service, int argc, char** argv);

}  // namespace gridledger::host
