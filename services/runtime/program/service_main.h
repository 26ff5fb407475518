// The main function of a service's own program: options, the loop, a graceful end.
#pragma once

#include <CLI/CLI.hpp>
#include <absl/strings/string_view.h>

#include <functional>

#include "services/runtime/engine/subject.h"
#include "services/runtime/program/front.h"

namespace gridledger::host {

struct ServiceProgram {
  absl::string_view name;
  absl::string_view what;  // a sentence for --help
  // On a cluster it is this service that parks what nobody could read: see dead_letter_topic.h.
  bool parks_dead_letters = false;
  // A program that folds all services and sends nothing of theirs; outlives the run.
  Front* front = nullptr;
  // Options of its own.
  std::function<void(CLI::App&)> add_options = nullptr;
};

// Runs one service live over a data folder until SIGTERM or SIGINT, or with --drain until nothing
// is left to do. Answers the exit code: 0 done, 1 damage, 2 wrong usage, 3 the world failed.
int ServiceMain(const ServiceProgram& program, int argc, char** argv);
// The same for a service that is not one of AllServices(), e.g. one of them with another rule.
int ServiceMain(const ServiceProgram& program, const engine::Service& service, int argc,
                char** argv);

}  // namespace gridledger::host
