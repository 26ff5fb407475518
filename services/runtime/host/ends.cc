#include "services/runtime/host/ends.h"

#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include <memory>
#include <utility>

namespace gridledger::host {
namespace {

constexpr absl::Duration kAskAgain = absl::Milliseconds(50);

// The answers to questions asked at once. Shared with the callbacks.
struct Asking {
  absl::Mutex mutex;
  size_t left ABSL_GUARDED_BY(mutex) = 0;
  std::vector<absl::StatusOr<LogBounds>> answers ABSL_GUARDED_BY(mutex);
};

}  // namespace

std::vector<absl::StatusOr<Offset>> AskEnds(EventLog& log, const std::vector<Partition>& partitions,
                                            absl::Duration patience) {
  const absl::Time until = absl::Now() + patience;
  std::vector<absl::StatusOr<Offset>> ends(partitions.size(), absl::UnavailableError("not asked"));
  std::vector<size_t> open(partitions.size());
  for (size_t i = 0; i < open.size(); ++i) open[i] = i;
  while (true) {
    const auto asking = std::make_shared<Asking>();
    {
      const absl::MutexLock lock(&asking->mutex);
      asking->left = open.size();
      asking->answers.resize(open.size(), absl::UnavailableError("not answered"));
    }
    for (size_t i = 0; i < open.size(); ++i) {
      log.AskBounds(partitions[open[i]], [asking, i](absl::StatusOr<LogBounds> answer) {
        const absl::MutexLock lock(&asking->mutex);
        asking->answers[i] = std::move(answer);
        --asking->left;
      });
    }
    const auto all = [&asking]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return asking->left == 0; };
    std::vector<size_t> again;
    {
      const absl::MutexLock lock(&asking->mutex);
      asking->mutex.Await(absl::Condition(&all));
      for (size_t i = 0; i < open.size(); ++i) {
        const absl::StatusOr<LogBounds>& answer = asking->answers[i];
        if (answer.ok()) {
          ends[open[i]] = answer->end;
        } else {
          ends[open[i]] = answer.status();
          if (absl::IsUnavailable(answer.status())) again.push_back(open[i]);
        }
      }
    }
    if (again.empty() || absl::Now() >= until) return ends;
    open = std::move(again);
    absl::SleepFor(kAskAgain);
  }
}

std::vector<Partition> AllPartitions(const EventLog& log) {
  std::vector<Partition> partitions;
  for (int p = 0; p < log.partitions(); ++p) partitions.push_back(Partition{p});
  return partitions;
}

}  // namespace gridledger::host
