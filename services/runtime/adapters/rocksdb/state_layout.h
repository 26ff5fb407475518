// How tasks' pairs and checkpoints lie in the state database: the bytes of keys and of the
// checkpoint record. What is here may change only with the format number: old states must open.
//
//   key     = service size u8 | service | partition u32 | generation u32 | pair key
//   numbers big-endian, so that a task's keys lie together, its checkpoint first
//
// Generation 0 holds one pair with an empty pair key: the task's checkpoint, which names the live
// generation. A task that begins from nothing writes its pairs into the next generation, so that
// the old ones vanish in the very write that moves the checkpoint. Worked example, "audit" of
// partition 3, generation 1, pair key 02 41:
//
//   05 61 75 64 69 74 | 00 00 00 03 | 00 00 00 01 | 02 41
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>

#include "services/runtime/ports/state_store.h"

namespace gridledger::state {

// REQUIRES: the service's name has 1 to 255 bytes.
std::string ServicePrefix(const ServiceName& service);
// From there to the pair's own key: partition and generation.
inline constexpr size_t kPairKeyBehindService = 4 + 4;
// REQUIRES: as ServicePrefix; the partition is not negative.
std::string TaskPrefix(const TaskId& task);
// Reads a task prefix at the start of `key`. False when there is none.
bool ParseTaskPrefix(absl::string_view key, TaskId* task);

// The prefix of a generation's keys; generation 0's is the checkpoint's key.
std::string GenerationPrefix(absl::string_view task_prefix, uint32_t generation);
inline std::string CheckpointKey(absl::string_view task_prefix) {
  return GenerationPrefix(task_prefix, 0);
}
// The first key behind all that begin with `prefix`; empty when there is none.
std::string PrefixEnd(absl::string_view prefix);

struct StoredCheckpoint {
  uint32_t generation = 0;  // of the live pairs, from 1
  Checkpoint checkpoint;
};
std::string EncodeCheckpoint(const StoredCheckpoint& stored);
// FailedPrecondition when a newer build wrote it, DataLoss when it does not parse.
absl::StatusOr<StoredCheckpoint> ParseCheckpoint(absl::string_view bytes);

// "dispatch/3", as an operator reads it.
std::string Describe(const TaskId& task);

}  // namespace gridledger::state
