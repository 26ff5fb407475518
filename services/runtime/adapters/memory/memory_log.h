// The event log port in memory, with seeded faults: for tests and simulations.
//
// Single-threaded use is deterministic: there are no threads and no clock; `done` is called inside
// Append, or inside a later Step for a delayed append. With `waits = false` a Poll never blocks.
// Used from several threads, everything is safe, and a Poll waits for appends as the port says.
//
// Never loses an acknowledged record, whatever the faults.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger {

// How often a fault strikes, in thousandths of the occasions.
struct MemoryLogFaults {
  int append_lost = 0;  // not stored, answered with Unavailable; so are delayed ones behind it
  int append_unanswered = 0;  // stored, answered with Unavailable all the same
  int append_delayed = 0;     // answered by a later Step; half of them are visible before that
  int batch_short = 0;        // a Poll delivers fewer records than there are, but at least one
};

struct MemoryLogOptions {
  int partitions = 1;
  uint64_t seed = 0;
  MemoryLogFaults faults;
  bool waits = true;  // false: Poll returns at once, for one thread that drives everything
};

class MemoryLog final : public EventLog {
 public:
  using Options = MemoryLogOptions;
  using Faults = MemoryLogFaults;

  explicit MemoryLog(Options options);

  int partitions() const override;
  absl::StatusOr<Offset> End(Partition partition) override;
  void Append(Partition partition, std::vector<NewRecord> records, Done done) override;
  std::unique_ptr<LogReader> NewReader() override;
  std::unique_ptr<BulkAppender> NewBulkAppender();

  // Finishes the oldest delayed append of a partition chosen by the seed: its `done` is called
  // here. False when none is delayed.
  bool Step();
  // From now on; what is delayed already stays so.
  void SetFaults(const Faults& faults);
  // The process of the appenders dies: every acknowledged record stays; of the delayed appends each
  // partition keeps as many of the oldest as the seed says, and no `done` is ever called for them.
  // Readers and bulk appenders go on as new processes would have to: make new ones.
  void Crash();
  // From now on that place cannot be read, until it is mended.
  void Break(const BadPlace& place);
  void Mend(Partition partition);

 private:
  friend class MemoryReader;
  friend class MemoryBulk;

  struct Stored {
    absl::Time timestamp;
    std::string key, headers, value;
    PlaceKind kind = PlaceKind::kRecord;
  };
  struct Delayed {
    int64_t first = 0;
    int64_t end = 0;
    Done done;
  };
  struct Shelf {
    std::deque<Stored> records;  // up to `durable` they are there for good
    int64_t durable = 0;
    std::deque<Delayed> delayed;  // in offset order
    bool claimed = false;         // by a bulk appender
    std::optional<BadPlace> bad;
  };

  bool Strikes(int per_mille);
  uint64_t Random(uint64_t below);
  absl::Status CheckPartition(Partition partition) const;

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  uint64_t random_;
  Faults faults_;
  std::vector<Shelf> shelves_;
};

}  // namespace gridledger
