// Going on without a terminal: a child process that says when it is ready, and how to end it.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <optional>
#include <string>

namespace gridledger::cli {

// Runs `body` in a process of its own, which outlives this one. Returns once `body` has called
// `ready`, or with what it failed with before. Until then its output is this terminal's; afterwards
// it has none. The process id lies in DIR/up.pid. REQUIRES: this process has one thread, and has
// opened no database: a fork carries neither over.
absl::Status RunInBackground(
    const std::string& data,
    const std::function<absl::Status(const std::function<void()>& ready)>& body);

// The process of DIR/up.pid, if it is there and one of ours.
std::optional<int> RunningInBackground(const std::string& data);
// Whether DIR/up.pid names one at all. One that is not running then did not end by itself.
bool WasInBackground(const std::string& data);

// Asks the process of DIR/up.pid to end, and waits until it has. NotFound when none runs.
absl::Status EndBackground(const std::string& data);

}  // namespace gridledger::cli
