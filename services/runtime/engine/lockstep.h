// Lock-step: one partition in virtual time. The next outside entry in time order → the timers due
// before it → fold → every service decides → their decisions are appended right behind the cause.
// Import of history, simulation, what-if and the scenario tests are this one driver with different
// sources. What it writes is an ordinary ledger, and the same for the same source, whatever the
// interruptions: a run that was cut off goes on where the ledger ends.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "services/runtime/engine/task.h"

namespace gridledger::engine {

// An entry from outside and when it comes.
struct Outside {
  absl::Time at;
  std::string key;  // the community
  // A fact that names no stage gets the incident's present one: its author saw what the ledger says
  // at that instant. An entry without a source position cannot be told from its own repetition.
  v1::Entry entry;
};

// What comes from outside into one partition, in (time, version, row, ordinal) order.
class OutsideSource {
 public:
  virtual ~OutsideSource() = default;
  // Told once, before the first Next: the partition where the run goes on, and how far sources are.
  virtual void Begin(const Task& /*task*/) {}
  // The next entry; false at the end. Asked when all before it has settled; `view` is the partition
  // as it stands then. When and for which incident an entry comes must not hang on the view, so
  // that a continued run makes the same ones.
  virtual absl::StatusOr<bool> Next(const incident::State& view, Outside* next) = 0;
};

// Takes the ledger's records in offset order.
class LedgerSink {
 public:
  virtual ~LedgerSink() = default;
  virtual absl::Status Append(const Record& record) = 0;
};

class LockStep {
 public:
  // `tasks` are all services' tasks of one partition in rank order, each folded to the end of its
  // log. They outlive the driver.
  LockStep(Partition partition, std::vector<Task*> tasks, LedgerSink* sink);

  // Has `between` called now and then while timers fire, with all that was appended settled: for
  // whoever counts, makes checkpoints or stops. Its error ends the call that fires them.
  void CallBetweenTicks(std::function<absl::Status()> between) { between_ = std::move(between); }

  // Appends what was pending when the ledger ended. Call once, before the first Step.
  absl::Status Continue();
  // Takes one entry from the source: fires what is due before it, appends it, settles. False at the
  // end of the source. Entries that the ledger has already are passed over.
  absl::StatusOr<bool> Step(OutsideSource& source);
  // Virtual time runs on to `until`, firing what falls due, and a last tick records it.
  absl::Status RunTo(absl::Time until);

  // Records appended by this driver.
  int64_t appended() const { return appended_; }
  // Entries passed over because the ledger had them.
  int64_t passed_over() const { return passed_over_; }
  // Entries older than the partition's time when they came: they count from that time on.
  int64_t late() const { return late_; }
  absl::Span<Task* const> tasks() const { return tasks_; }

 private:
  // Internal when the timers of one instant do not come to rest.
  absl::Status FireDue(absl::Time upto);
  // Appends the record and folds it into every task.
  absl::Status Take(const NewRecord& record, const v1::Entry& entry);
  // Takes what is queued, and what it causes.
  absl::Status Settle();
  void EnqueuePending(Offset cause);

  const Partition partition_;
  const std::vector<Task*> tasks_;
  LedgerSink* const sink_;
  std::function<absl::Status()> between_;
  std::deque<NewRecord> queue_;  // to be appended and folded, in this order
  Outside next_;                 // reused
  NewRecord outside_;            // reused
  EntryDecoder decoder_;
  std::string id_;
  int64_t appended_ = 0;
  int64_t passed_over_ = 0;
  int64_t late_ = 0;
};

}  // namespace gridledger::engine
