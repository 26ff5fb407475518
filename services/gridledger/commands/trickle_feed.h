// Simulated people of a live city: a thread that follows the ledger with a fold of its own, and
// appends what they report and do.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "services/runtime/engine/task.h"
#include "services/runtime/host/folder.h"
#include "services/simulation/city.h"
#include "services/simulation/trickle.h"

namespace gridledger::cli {

class TrickleFeed {
 public:
  // The folder outlives the feed. Reports an hour are in the whole city. Null when the ledger is
  // not of the simulated city: another policy is in force there.
  static absl::StatusOr<std::unique_ptr<TrickleFeed>> Start(host::Folder* folder, v1::Policy policy,
                                                            int64_t reports_per_hour);
  ~TrickleFeed();

  int64_t appended() const { return appended_; }

 private:
  TrickleFeed(host::Folder* folder, v1::Policy policy, int64_t reports_per_hour);
  absl::Status OpenTasks();
  absl::Status Follow(absl::Duration wait);
  void Act(absl::Time now);
  void Work();

  host::Folder* const folder_;
  const simulation::City city_;
  const absl::Time begun_at_;
  std::vector<std::unique_ptr<simulation::Trickle>> trickles_;  // by partition
  // What people see: the incident fold of each partition, opened at dispatch's checkpoints. It is
  // never checkpointed, so now and then it is opened anew.
  std::vector<std::unique_ptr<engine::Task>> views_;
  std::unique_ptr<LogReader> reader_;
  RecordBatch batch_;
  std::atomic<int64_t> appended_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace gridledger::cli
