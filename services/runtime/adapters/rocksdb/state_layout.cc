#include "services/runtime/adapters/rocksdb/state_layout.h"

#include <absl/strings/str_cat.h>

#include "services/base/invariant.h"
#include "services/base/layout.h"

namespace gridledger::state {
namespace {

// Format 1 had the task's pending decisions at the end; they are pairs now. It is still read: a
// task of that time begins anew, for its schema is another.
constexpr uint32_t kFormat = 2;

struct Record {
  Offset next;
  uint32_t generation = 0;
  uint64_t digest_high = 0;
  uint64_t digest_low = 0;
  uint64_t schema = 0;
  std::string code_id;
  template <class A>
  void Fields(A& a) {
    a(next, generation, digest_high, digest_low, schema, code_id);
  }
};

struct RecordOfFormat1 : Record {
  std::string pending;
  template <class A>
  void Fields(A& a) {
    Record::Fields(a);
    a(pending);
  }
};

void AppendBigEndian(std::string* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint32_t BigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8) | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

std::string ServicePrefix(const ServiceName& service) {
  const std::string& name = service.text();
  INVARIANT(!name.empty() && name.size() <= 255, "a service's name has 1 to 255 bytes");
  return std::string(1, static_cast<char>(name.size())) + name;
}

std::string TaskPrefix(const TaskId& task) {
  INVARIANT(task.partition.value >= 0, "a partition is not negative");
  std::string prefix = ServicePrefix(task.service);
  AppendBigEndian(&prefix, static_cast<uint32_t>(task.partition.value));
  return prefix;
}

bool ParseTaskPrefix(absl::string_view key, TaskId* task) {
  if (key.empty()) return false;
  const size_t size = static_cast<uint8_t>(key[0]);
  if (size == 0 || key.size() < 1 + size + 4) return false;
  const uint32_t partition = BigEndian(key.substr(1 + size, 4));
  if (partition > INT32_MAX) return false;
  *task = TaskId{ServiceName(key.substr(1, size)), Partition{static_cast<int32_t>(partition)}};
  return true;
}

std::string GenerationPrefix(absl::string_view task_prefix, uint32_t generation) {
  std::string prefix(task_prefix);
  AppendBigEndian(&prefix, generation);
  return prefix;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

std::string EncodeCheckpoint(const StoredCheckpoint& stored) {
  const Checkpoint& checkpoint = stored.checkpoint;
  std::string bytes;
  AppendVarint(&bytes, kFormat);
  AppendLayout(Record{.next = checkpoint.next,
                      .generation = stored.generation,
                      .digest_high = checkpoint.digest.high,
                      .digest_low = checkpoint.digest.low,
                      .schema = checkpoint.schema,
                      .code_id = checkpoint.code_id},
               &bytes);
  return bytes;
}

absl::StatusOr<StoredCheckpoint> ParseCheckpoint(absl::string_view bytes) {
  uint64_t format = 0;
  if (!TakeVarint(&bytes, &format) || format == 0) {
    return absl::DataLossError("its checkpoint has no format number");
  }
  if (format > kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("its checkpoint has format ", format, ", and this build knows ", kFormat,
                     ": run the build that wrote it, or a newer one"));
  }
  RecordOfFormat1 record;
  const bool parsed =
      format == 1 ? ParseLayout(bytes, &record) : ParseLayout(bytes, static_cast<Record*>(&record));
  if (!parsed || record.generation == 0) {
    return absl::DataLossError("its checkpoint does not parse");
  }
  StoredCheckpoint stored;
  stored.generation = record.generation;
  stored.checkpoint = Checkpoint{.next = record.next,
                                 .digest = Digest{record.digest_high, record.digest_low},
                                 .code_id = std::move(record.code_id),
                                 .schema = record.schema};
  return stored;
}

std::string Describe(const TaskId& task) {
  return absl::StrCat(task.service.text(), "/", task.partition.value);
}

}  // namespace gridledger::state
