// The state store port: where tasks' checkpoints lie. A checkpoint makes a sorted set of changed
// pairs and the task's position durable in one step (law L5); a crash anywhere leaves an older,
// consistent one.
//
// Contract
//   - After Commit returned OkStatus, every later Open sees all of its checkpoints, whole. After an
//     error or a crash, Open sees all of it or nothing of it.
//   - Commits of one task are given in the order of their offsets. Commit may be called from any
//     thread, one call at a time.
//   - Reading a pair that is damaged is DataLoss; nothing is repaired in silence.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/digest.h"
#include "services/base/ids.h"
#include "services/base/table.h"

namespace gridledger {

struct TaskId {
  ServiceName service;
  Partition partition;

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

// A task's position, stored beside its pairs.
struct Checkpoint {
  Offset next;          // the first record that is not folded in
  Digest digest;        // of all pairs at that offset that do not lie beside it
  std::string code_id;  // the build that wrote it
  uint64_t schema = 0;  // of the pairs' layouts; a task of another schema replays from zero
};

// Pairs whose keys begin with this byte lie beside the digest (decision 0002).
inline constexpr char kBesideDigest = '\0';

// A table whose pairs are never asked for by their keys, only scanned. What a store may build upon,
// as far as it holds for whoever reads.
struct ScannedTable {
  ServiceName service;
  uint8_t table = 0;  // the first byte of its pairs' keys

  friend auto operator<=>(const ScannedTable&, const ScannedTable&) = default;
};

// The changes of one task since its last checkpoint, in memory. Keys are unique.
class PairBatch : public PairSink {
 public:
  struct Pair {
    absl::string_view key;
    absl::string_view value;
    bool deleted = false;
  };

  void Put(absl::string_view key, absl::string_view value) override { Add(key, value, false); }
  void Delete(absl::string_view key) override { Add(key, {}, true); }
  // In key order, byte by byte. Sorts at the first call.
  absl::Span<const Pair> Sorted();
  size_t size() const { return spans_.size(); }
  size_t bytes() const { return text_.size(); }

 private:
  void Add(absl::string_view key, absl::string_view value, bool deleted);

  struct Spans {
    size_t at;
    uint32_t key_size;
    uint32_t value_size;
    bool deleted;
  };
  std::string text_;
  std::vector<Spans> spans_;
  std::vector<Pair> sorted_;
};

struct TaskCheckpoint {
  TaskId task;
  Checkpoint checkpoint;
  PairBatch pairs;
  // True when the task began from nothing: whatever was stored of it before goes.
  bool replaces_all = false;
};

// A task's stored pairs. Outlives no store. A ColdTier that also tells its first error.
class TaskTier : public ColdTier {
 public:
  virtual absl::Status status() const = 0;
};

// What the stored pairs come to: the checkpoint's digest, when they are sound.
Digest SumOfPairs(ColdTier& tier);

class StateStore {
 public:
  virtual ~StateStore() = default;
  // Nothing when the task has no checkpoint.
  virtual absl::StatusOr<std::optional<Checkpoint>> Find(const TaskId& task) = 0;
  virtual std::vector<TaskId> Tasks() = 0;
  // The pairs of the task's newest checkpoint, which move on as later ones are committed.
  virtual std::unique_ptr<TaskTier> Tier(const TaskId& task) = 0;
  // Durable on return. The checkpoints of several tasks go in one step.
  virtual absl::Status Commit(std::vector<TaskCheckpoint> checkpoints) = 0;
  // Keeps the present state under `name` (its own word, e.g. an offset), to start a replay from.
  // Hard links where the file system has them.
  virtual absl::Status Snapshot(absl::string_view name) = 0;
};

}  // namespace gridledger
