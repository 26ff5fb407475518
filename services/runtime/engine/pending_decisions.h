// The decisions that a task has made and the log has not answered yet, in the order of their
// causes. A service that comes back to a long backlog decides on all of it before it may send the
// first: those that a checkpoint holds leave memory, and are read again when their turn comes.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "services/base/layout.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::engine {

struct PendingDecision {
  Offset cause;
  std::string key;         // the community of the first incident that it is about
  std::string value;       // the serialised v1.Entry; its headers follow from it and the task
  std::string trace = {};  // more headers, of the trace that its cause is in; not stored
  template <class A>
  void Fields(A& a) {
    a(key, value);
  }
};

// A list of its own beside the tables: stored with them, each decision a pair beside the digest
// (decision 0002), written once and deleted once however many checkpoints it waits through.
class PendingDecisions {
 public:
  // Of those in the store so many at least stay in memory, the oldest; and so many are read at
  // once. 64 partitions with a backlog each keep 64 × 1500 × ~200 B = 19 MB. Large ones are fewer:
  // reading stops at so many bytes, and one decision, of up to 1 MiB, is always taken.
  struct Limits {
    size_t keep = 500;
    size_t load = 1000;
    size_t bytes = size_t{256} << 10;  // of those kept, and of those read at once
  };
  PendingDecisions() = default;
  explicit PendingDecisions(Limits limits) : limits_(limits) {}

  // Takes those of the task's checkpoint. False when one does not parse, or the tier cannot be
  // read, which it tells itself.
  bool Open(TaskTier* tier);
  // For a task that began from nothing: its first checkpoint is in this tier, and nothing else.
  void Attach(TaskTier* tier) { tier_ = tier; }

  // REQUIRES: its cause is beyond that of every one before.
  void Add(PendingDecision decision);
  // Drops those whose causes are not beyond that one. A tier that cannot be read ends it early.
  void Settle(Offset upto);

  bool empty() const { return size() == 0; }
  size_t size() const { return front_.size() + static_cast<size_t>(away_) + back_.size(); }
  // The oldest one. REQUIRES: not empty.
  const PendingDecision& front() const { return front_.front(); }
  // The one of that cause when it was made since the last checkpoint; null when there is none.
  const PendingDecision* FindNew(Offset cause) const;
  // The decision of that cause, if it was made since the last checkpoint, is in a trace.
  void SetTrace(Offset cause, std::string headers);
  // Visits, oldest first, up to `most` of those whose causes are beyond that one, and no more after
  // `bytes_most` of them; one at least.
  void Visit(Offset beyond, size_t most, size_t bytes_most,
             absl::FunctionRef<void(const PendingDecision&)> visit);
  void Visit(Offset beyond, size_t most, absl::FunctionRef<void(const PendingDecision&)> visit) {
    Visit(beyond, most, static_cast<size_t>(-1), visit);
  }

  // Hands over what changed since the last collection. One is in flight at a time.
  void Collect(PairSink* sink);
  // Leaves in memory what is not durable, and the oldest of the others. REQUIRES: no collection is
  // in flight, and there is a tier.
  void EvictStored();
  // How many changes the next collection has.
  size_t dirty() const { return fresh_ + gone_.size(); }
  size_t resident() const { return front_.size() + back_.size(); }
  // Memory of those, with their texts.
  size_t resident_bytes() const { return resident_bytes_; }
  // Of those that no collection has handed over.
  size_t dirty_bytes() const { return fresh_bytes_; }

 private:
  // Memory of one.
  static size_t BytesOf(const PendingDecision& decision) {
    return sizeof decision + HeldBytes::OfText(decision.key.size()) +
           HeldBytes::OfText(decision.value.size()) + HeldBytes::OfText(decision.trace.size());
  }
  bool IsStored(const PendingDecision& decision) const { return decision.cause <= stored_; }
  // Reads some of those that are away. False when the tier cannot be read.
  bool Load();

  const Limits limits_;
  TaskTier* tier_ = nullptr;
  std::deque<PendingDecision> front_;  // the oldest; empty only when all three are
  int64_t away_ = 0;                   // the next ones, in the store alone
  Offset away_after_{-1};              // their causes are beyond this one …
  Offset away_upto_{-1};               // … and up to this one
  std::deque<PendingDecision> back_;   // the newest, while some are away
  Offset stored_{-1};                  // up to this cause they have been handed over
  size_t fresh_ = 0;                   // those beyond it
  size_t fresh_bytes_ = 0;             // of those
  size_t resident_bytes_ = 0;          // of front_ and back_
  std::vector<Offset> gone_;           // settled, and still in the store
};

}  // namespace gridledger::engine
