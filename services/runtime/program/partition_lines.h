// The log lines of what becomes of a service's partitions: each is said once, when it comes to be.
// Never decides what is done about it.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/host/live_city.h"
#include "services/runtime/host/log_lines.h"
#include "services/runtime/host/stall_watch.h"

namespace gridledger::host {

class PartitionLines {
 public:
  explicit PartitionLines(std::string service) : service_(std::move(service)) {}

  // Each as soon as it stops, once.
  void SayStopped(const CityLook& look);
  // The first at once; then, while it goes on, now and then. `now` is by the steady clock.
  void SayRefused(const CityLook& look, absl::Time now);
  // Each as soon as it stands still, and when it goes on.
  void SayStalls(const std::vector<Stall>& stalls);
  // Once all that run are folded to their end; then no more.
  void SayLive(const CityLook& look);
  // Partitions that a standby took over, or has left again.
  void SayTakenOver(const CityLook& look);

  bool said_live() const { return said_live_; }
  // How many stand still; from any thread.
  int64_t stalled() const { return stalled_; }

 private:
  // "dispatch is live on 8 partitions": the service, words, how many, words.
  void LogCount(LogLevel level, absl::string_view event, absl::string_view before, int64_t count,
                absl::string_view after) const;

  const std::string service_;
  std::set<Partition> stopped_said_;
  std::set<Partition> stalled_said_;
  std::atomic<int64_t> stalled_{0};
  int64_t refused_said_ = 0;
  absl::Time refused_said_at_ = absl::InfinitePast();
  bool said_live_ = false;
  int64_t taken_over_said_ = 0;
  int64_t stood_down_said_ = 0;
};

}  // namespace gridledger::host
