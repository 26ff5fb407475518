// The main function of a service's own program: options, the loop, a graceful end.
#pragma once

#include <absl/strings/string_view.h>

#include "services/runtime/engine/subject.h"

namespace gridledger::host {

struct ServiceProgram {
  absl::string_view name;
  absl::string_view what;  // a sentence for --help
  // On a cluster it is this service that parks what nobody could read: see dead_letter_topic.h.
  bool parks_dead_letters = false;
};

// Runs one service live over a data folder until SIGTERM or SIGINT, or with --drain until nothing
// is left to do. Answers the exit code: 0 done, 1 damage, 2 wrong usage, 3 the world failed.
int ServiceMain(const ServiceProgram& program, int argc, char** argv);
// The same for a service that is not one of AllServices(), e.g. one of them with another rule.
int ServiceMain(const ServiceProgram& program, const engine::Service& service, int argc,
                char** argv);

}  // namespace gridledger::host
