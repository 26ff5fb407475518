// Pairs of a task as a plain map, and the way from there into a state store and back: what tests of
// state stores compare with.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <map>
#include <string>

#include "services/base/digest.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger {

using PairMap = std::map<std::string, std::string>;

TaskId TaskOf(absl::string_view service, int partition);
Digest DigestOf(const PairMap& pairs);
// A task's pairs as a function of the offset: each record sets or deletes one of a thousand.
class OffsetFold {
 public:
  explicit OffsetFold(const TaskId& task);
  // Folds on up to there; never back.
  void To(int64_t next);
  int64_t next() const { return next_; }
  const PairMap& pairs() const { return pairs_; }

 private:
  const uint64_t salt_;
  int64_t next_ = 0;
  PairMap pairs_;
};

// The change from one set of pairs to another, as a task would hand it over at that offset.
TaskCheckpoint ChangeOf(const TaskId& task, int64_t next, const PairMap& before,
                        const PairMap& after);
// All of the task's pairs, by a scan. Fails the test when the store cannot read.
PairMap PairsOf(StateStore& store, const TaskId& task);
// The task's next offset; -1 when it has no checkpoint.
int64_t NextOf(StateStore& store, const TaskId& task);
// The checkpoint's digest is that of the pairs.
void ExpectAgreed(StateStore& store, const TaskId& task);

}  // namespace gridledger
