// Questions to the state of one partition. They are answered by the thread that folds it, between
// two turns and in bounded steps, so that nobody else touches a task's state, and no question holds
// up the fold.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <deque>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/engine/live.h"
#include "services/runtime/engine/task.h"

namespace gridledger::host {

// A partition's tasks as its own thread sees them between two turns: all at the same offset.
struct AskedPartition {
  Partition partition;
  Offset next;     // the first record that is not folded in
  absl::Time now;  // the partition's time
  std::vector<engine::Task*> tasks;

  // REQUIRES: the service runs here.
  engine::Task& Of(absl::string_view service) const;
};

struct Question {
  Partition partition;
  // Not before all records below it are folded: whoever wrote one sees what became of it.
  Offset least{0};
  absl::Time deadline = absl::InfiniteFuture();  // by Clock::Steady
  // One step of at most about a millisecond; called again, also after more records have been
  // folded, until it answers true.
  absl::AnyInvocable<bool(const AskedPartition&)> step;
  // Called instead, once, when there will be no (further) step. NotFound: the partition does not
  // run here. DeadlineExceeded; Unavailable: it stopped, or nothing runs any more. Aborted: too
  // many ask already.
  absl::AnyInvocable<void(absl::Status)> refuse;
};

// Those of one thread. Ask may come from any.
class Questions {
 public:
  void Ask(Question question);
  // By the thread that owns the tasks: goes on with what can be answered, for some milliseconds at
  // most. `now` is by Clock::Steady. Answers by when it wants to be called again without a record.
  absl::Time Answer(const engine::Live& live, Clock& clock);
  // From now on all are refused.
  void Close(const absl::Status& why);

 private:
  enum class Outcome { kDone, kWaits, kGoesOn };
  static Outcome Step(const engine::Live& live, absl::Time now, Question& question);

  std::deque<Question> asked_;  // the thread's own
  absl::Mutex mutex_;
  std::vector<Question> coming_ ABSL_GUARDED_BY(mutex_);
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
};

// That wait at one thread: × ~300 B, and what each holds.
inline constexpr size_t kQuestionsMax = 20'000;
// Between two turns.
inline constexpr absl::Duration kAnswerFor = absl::Milliseconds(3);

}  // namespace gridledger::host
