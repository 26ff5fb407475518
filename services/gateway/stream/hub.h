// What happens, for viewers that stay: the newest records with what the fold made of them, in one
// ring that all viewers read at their own pace. Whoever is too slow for the ring is cut off; nobody
// waits for a viewer, and nothing is kept for one.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/gateway/city/city_watch.h"

namespace gridledger::gateway {

// The next offset of each partition.
using NextOffsets = std::vector<int64_t>;
// As text for Last-Event-ID: "12.0.3", a number for each partition.
std::string OffsetsText(const NextOffsets& places);
// Nothing for a text that is not of so many partitions.
std::optional<NextOffsets> ParseOffsets(absl::string_view text, int partitions);

class Hub final : public HappenedSink {
 public:
  // `now` is asked by the threads that fold; what is older than `recent` then is not kept: a
  // ledger that is folded from its beginning has no viewers yet.
  Hub(int partitions, std::function<absl::Time()> now, absl::Duration recent = absl::Minutes(10));

  bool Wants(absl::Time at) const override;
  void Take(HappenedRecord happened) override;
  void Passed(Partition partition, Offset offset, bool taken) override;

  struct Batch {
    std::vector<std::shared_ptr<const HappenedRecord>> records;
    bool lost = false;  // the ring has gone past this viewer
  };
  // The records after the first `seen` that the ring ever had, up to `most`; moves `seen`.
  Batch Next(uint64_t* seen, size_t most) const;
  // Where a viewer begins that has seen all before `from`: false when the ring does not reach back
  // so far. Records below `from` may come all the same: the viewer passes them. `present` is where
  // the partitions' tasks are.
  bool Begin(const NextOffsets& from, const NextOffsets& present, uint64_t* seen) const;
  // Where each partition is just now; 0 for one of which nothing was folded since the start.
  NextOffsets Reached() const;

 private:
  static constexpr size_t kRecordsMax = 50'000;  // × ~1 KB = 50 MB

  const std::function<absl::Time()> now_;
  const absl::Duration recent_;
  std::vector<std::unique_ptr<std::atomic<int64_t>>> reached_;
  mutable absl::Mutex mutex_;
  std::deque<std::shared_ptr<const HappenedRecord>> ring_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;  // before the ring's first
  // From which offset on the ring has all of a partition; nothing before a record of it was folded.
  std::vector<std::optional<int64_t>> whole_from_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gridledger::gateway
