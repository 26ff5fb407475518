// Owners of one partition over a log with faults, driven step by step by a seed: who does the next
// thing, what fails and who dies is drawn, so that one seed is one history, again and again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/adapters/memory/memory_state_store.h"
#include "services/runtime/engine/live.h"
#include "tests/support/ledger.h"
#include "tests/support/virtual_clock.h"

namespace gridledger {

// What somebody outside appends, and how long after the one before.
struct Input {
  absl::Duration after;
  NewRecord record;  // its timestamp is set when it is appended
};

struct LiveSimulationOptions {
  uint64_t seed = 1;
  absl::Time begin = TestTime(0);
  int owners = 1;  // processes that all believe the partition theirs
  int crashes_per_mille =
      0;  // of the steps: every process dies, and the tails of the log with them
  MemoryLogFaults faults;
  // Die exactly before this step, besides; -1 for never.
  int64_t crash_before_step = -1;
  absl::Duration checkpoint_interval = absl::Seconds(5);
};

// Where a task of an owner stood after a turn.
struct Standing {
  size_t owner = 0;
  size_t service = 0;
  Offset next;
  Digest digest;
};

class LiveSimulation {
 public:
  using Options = LiveSimulationOptions;

  LiveSimulation(std::vector<engine::Service> services, Options options);
  ~LiveSimulation();

  // Plays the inputs, among faults and deaths; then lets the owners come to rest without faults,
  // with the clock moved on by `rest`. Answers the ledger.
  Ledger Play(const std::vector<Input>& inputs, absl::Duration rest);
  // Each input settles before the next one comes, whatever fails and whoever dies meanwhile; the
  // clock stops at every timer on its way, and moves besides only for what is tried again. Answers
  // the ledger.
  Ledger PlaySettled(const std::vector<Input>& inputs, absl::Time until);

  // Where tasks of any owner stood after turns, of those that died later as well.
  // Each owner's last ones, at the ledger's end, are among them.
  const std::vector<Standing>& standings() const { return standings_; }
  // Stores as they were after a checkpoint, of all owners and from the whole run.
  std::vector<std::unique_ptr<MemoryStateStore>> OpenCheckpoints();
  int owners() const { return options_.owners; }
  int64_t steps() const { return steps_; }
  int64_t crashes() const { return crashes_; }

 private:
  class Sink;
  struct Owner {
    std::unique_ptr<MemoryStateStore> store;
    std::unique_ptr<Sink> sink;
    std::unique_ptr<engine::Live> live;
    std::vector<std::string> checkpoints;  // names of those kept, in the store
  };

  void Begin(Owner& owner);
  void Crash();
  // Where the owner's tasks stand; of those that collect, only some unless all are wanted.
  void NoteStandings(size_t owner, bool all);
  // Stores the oldest checkpoint in flight, if there is one, and keeps it for OpenCheckpoints.
  bool KeepCheckpoint(Owner& owner);
  bool AppendInput(const Input& input);
  absl::Status Turn(size_t owner);
  // Somebody does something, or everybody dies, as the seed says.
  void AnyStep();
  bool Idle();
  // Without faults.
  void Settle();
  uint64_t Random(uint64_t below);

  const std::vector<engine::Service> services_;
  const Options options_;
  MemoryLog log_;
  VirtualClock clock_;
  std::vector<Owner> owners_;
  std::vector<Standing> standings_;
  uint64_t random_;
  int64_t steps_ = 0;
  int64_t crashes_ = 0;
};

}  // namespace gridledger
