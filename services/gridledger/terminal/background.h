// Going on without a terminal: a child process that says when it is ready, and how to end it.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <optional>
#include <string>

namespace gridledger::cli {

// What a process in the background tells.
class Background {
 public:
  virtual ~Background() = default;
  // The data folder is this process's from now on: its id lies in DIR/up.pid, so that it can be
  // ended while it is not ready yet.
  virtual void Own() = 0;
  // Whoever waits may go, and is told where the city answers; empty when it does not. From now on
  // there is no output.
  virtual void Ready(const std::string& address) = 0;
};

// Runs `body` in a process of its own, which outlives this one. Returns once `body` has told that
// it is ready, or with what it failed with before. Says what runs where, as JSON or for people.
// REQUIRES: this process has one thread, and has opened no database: a fork carries neither over.
absl::Status RunInBackground(const std::string& data, bool json,
                             const std::function<absl::Status(Background&)>& body);

// The process of DIR/up.pid, if it is there and one of ours.
std::optional<int> RunningInBackground(const std::string& data);
// Whether DIR/up.pid names one at all. One that is not running then did not end by itself.
bool WasInBackground(const std::string& data);

// Asks the process of DIR/up.pid to end, and waits until it has. NotFound when none runs.
absl::Status EndBackground(const std::string& data);

}  // namespace gridledger::cli
