#include "tests/support/live_simulation.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger {
namespace {

constexpr Partition kPartition{0};
constexpr int64_t kStepsMax = 200'000;  // a simulation of a hundred inputs takes some thousand
constexpr size_t kCheckpointsMax = 16;  // an owner: each is folded on to the end by a test

// What a process that was killed leaves behind: nobody waits for its answers, so nobody may end it
// tidily either.
std::vector<std::unique_ptr<engine::Live>>& Graveyard() {
  static auto* const graves = new std::vector<std::unique_ptr<engine::Live>>;
  return *graves;
}

}  // namespace

// Keeps collections in flight until the seed has them stored.
class LiveSimulation::Sink : public engine::CheckpointSink {
 public:
  explicit Sink(MemoryStateStore* store) : store_(store) {}

  void Submit(std::vector<TaskCheckpoint> checkpoints,
              absl::AnyInvocable<void(absl::Status)> done) override {
    waiting_.emplace_back(std::move(checkpoints), std::move(done));
  }
  bool Step() {
    if (waiting_.empty()) return false;
    auto [checkpoints, done] = std::move(waiting_.front());
    waiting_.pop_front();
    done(store_->Commit(std::move(checkpoints)));
    return true;
  }

 private:
  MemoryStateStore* const store_;
  std::deque<std::pair<std::vector<TaskCheckpoint>, absl::AnyInvocable<void(absl::Status)>>>
      waiting_;
};

LiveSimulation::LiveSimulation(std::vector<engine::Service> services, Options options)
    : services_(std::move(services)),
      options_(options),
      log_(MemoryLogOptions{1, options.seed, options.faults, false}),
      clock_(options.begin),
      random_(options.seed * 2 + 1) {
  for (int i = 0; i < options_.owners; ++i) {
    Owner& owner = owners_.emplace_back();
    owner.store = std::make_unique<MemoryStateStore>();
    Begin(owner);
  }
}

LiveSimulation::~LiveSimulation() = default;

uint64_t LiveSimulation::Random(uint64_t below) {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  return (random_ >> 33) % below;
}

void LiveSimulation::Begin(Owner& owner) {
  std::vector<std::unique_ptr<engine::Task>> tasks;
  for (const engine::Service& service : services_) {
    auto task = engine::Task::Open(service, kPartition, owner.store.get(), "test");
    INVARIANT(task.ok(), "a task opens on its own store");
    tasks.push_back(*std::move(task));
  }
  owner.sink = std::make_unique<Sink>(owner.store.get());
  engine::LiveOptions live;
  live.checkpoint_interval = options_.checkpoint_interval;
  live.tables_bytes_max = 0;  // everything clean leaves memory
  live.collect_pairs_max = 1 + Random(6);
  owner.live =
      std::make_unique<engine::Live>(std::move(tasks), &log_, owner.sink.get(), &clock_, live);
  INVARIANT(owner.live->Start().ok(), "an owner starts");
}

void LiveSimulation::Crash() {
  ++crashes_;
  log_.Crash();
  for (Owner& owner : owners_) {
    Graveyard().push_back(std::move(owner.live));
    owner.store->Crash();
    Begin(owner);
  }
}

bool LiveSimulation::AppendInput(const Input& input) {
  NewRecord record = input.record;
  record.timestamp = clock_.Now();
  bool answered = false, there = false;
  log_.Append(kPartition, {std::move(record)}, [&](absl::StatusOr<Offset> first) {
    answered = true;
    there = first.ok();
  });
  // The caller of an append that hangs is outside of this simulation: it waits.
  while (!answered && log_.Step()) continue;
  return there;
}

void LiveSimulation::AnyStep() {
  INVARIANT(steps_ < kStepsMax, "the simulation does not come to an end");
  if (steps_ == options_.crash_before_step ||
      Random(1000) < static_cast<uint64_t>(options_.crashes_per_mille)) {
    Crash();
  }
  ++steps_;
  switch (Random(5)) {
    case 0: log_.Step(); break;
    case 1: KeepCheckpoint(owners_[Random(owners_.size())]); break;
    default: INVARIANT(Turn(Random(owners_.size())).ok(), "nothing but the log fails here");
  }
}

Ledger LiveSimulation::Play(const std::vector<Input>& inputs, absl::Duration rest) {
  size_t next = 0;
  absl::Time due = clock_.Now();
  if (!inputs.empty()) due += inputs[0].after;
  while (next < inputs.size()) {
    if (Random(6) != 0) {
      AnyStep();
    } else {
      clock_.Advance(absl::Milliseconds(static_cast<int64_t>(Random(2000))));
      // One that was not answered well is tried again, and then maybe there twice.
      if (clock_.Now() >= due && AppendInput(inputs[next]) && ++next < inputs.size()) {
        due += inputs[next].after;
      }
    }
    if (clock_.Now() < due && Random(4) == 0) clock_.MoveTo(due);
  }
  clock_.Advance(rest);
  Settle();
  return ReadLedger(log_, kPartition);
}

absl::Status LiveSimulation::Turn(size_t owner) {
  engine::Live& live = *owners_[owner].live;
  absl::Status status = live.Turn(absl::ZeroDuration());
  NoteStandings(owner, false);
  return status;
}

void LiveSimulation::NoteStandings(size_t owner, bool all) {
  const std::vector<engine::Task*>& tasks = owners_[owner].live->tasks();
  for (size_t service = 0; service < tasks.size(); ++service) {
    engine::Task& task = *tasks[service];
    // Whoever asks for the digest ends the collection; mostly it is to go on in steps.
    if (!all && task.collecting() && Random(4) != 0) continue;
    standings_.push_back(Standing{owner, service, task.next(), task.digest()});
  }
}

bool LiveSimulation::KeepCheckpoint(Owner& owner) {
  if (!owner.sink->Step()) return false;
  const std::string name = absl::StrCat(owner.store->commits());
  INVARIANT(owner.store->Snapshot(name).ok(), "a checkpoint is kept under a new name");
  owner.checkpoints.push_back(name);
  if (owner.checkpoints.size() <= kCheckpointsMax) return true;
  // Every second one of the older half: what stays is spread over the run.
  for (size_t i = 0; i < kCheckpointsMax / 4; ++i) {
    owner.checkpoints.erase(owner.checkpoints.begin() + static_cast<int64_t>(i));
  }
  return true;
}

std::vector<std::unique_ptr<MemoryStateStore>> LiveSimulation::OpenCheckpoints() {
  std::vector<std::unique_ptr<MemoryStateStore>> stores;
  for (Owner& owner : owners_) {
    for (const std::string& name : owner.checkpoints) {
      stores.push_back(owner.store->OpenSnapshot(name));
    }
  }
  return stores;
}

bool LiveSimulation::Idle() {
  return std::all_of(owners_.begin(), owners_.end(),
                     [](Owner& owner) { return owner.live->Idle(); });
}

void LiveSimulation::Settle() {
  log_.SetFaults({});
  while (log_.Step()) continue;
  for (int64_t turns = 0; !Idle(); ++turns) {
    INVARIANT(turns < kStepsMax, "the owners do not come to rest");
    for (size_t i = 0; i < owners_.size(); ++i) {
      INVARIANT(Turn(i).ok(), "an owner without faults goes on");
      INVARIANT(owners_[i].live->stopped().empty(), "an owner without faults does not stop");
      KeepCheckpoint(owners_[i]);
    }
    if (turns % 64 == 63) clock_.Advance(absl::Milliseconds(200));  // what is tried again waits
  }
  for (size_t i = 0; i < owners_.size(); ++i) NoteStandings(i, true);
  // Whoever ends tidily waits for its checkpoint.
  for (Owner& owner : owners_) {
    while (KeepCheckpoint(owner)) continue;
  }
}

Ledger LiveSimulation::PlaySettled(const std::vector<Input>& inputs, absl::Time until) {
  const auto rest = [this] {
    for (int64_t steps = 1; !Idle(); ++steps) {
      AnyStep();
      if (steps % 256 == 0) clock_.Advance(absl::Milliseconds(200));
    }
  };
  const auto rest_up_to = [&](absl::Time at) {
    for (bool due = true; due;) {
      due = false;
      absl::Time stop = at;
      for (const Owner& owner : owners_) {
        for (engine::Task* task : owner.live->tasks()) {
          stop = std::min(stop, std::max(task->EarliestTimer(), task->now()));
        }
      }
      clock_.MoveTo(stop);
      rest();
      for (const Owner& owner : owners_) {
        for (engine::Task* task : owner.live->tasks()) due |= task->EarliestTimer() <= at;
      }
    }
    clock_.MoveTo(at);
  };
  absl::Time at = clock_.Now();
  for (const Input& input : inputs) {
    at += input.after;
    rest_up_to(at);
    while (!AppendInput(input)) continue;
    rest();
  }
  rest_up_to(until);
  Settle();
  return ReadLedger(log_, kPartition);
}

}  // namespace gridledger
