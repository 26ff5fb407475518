// Whatever bytes a ledger holds: the decoder takes them or says why not, and a task folds them or
// parks them. What was taken is written again as it was meant. An input is records, each with its
// length before it in two bytes.
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "services/base/invariant.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/subjects.h"

namespace gridledger {
namespace {

constexpr int kRecordsMax = 64;

void CheckCodec(absl::string_view value) {
  v1::Entry entry;
  if (!engine::DecodeEntry(value, &entry).ok()) return;
  std::string headers;
  std::string written;
  engine::EncodeEntry(entry, "fuzz", "1", &headers, &written);
  v1::Entry again;
  INVARIANT(engine::DecodeEntry(written, &again).ok(), "what was written can be read");
  INVARIANT(entry.ShortDebugString() == again.ShortDebugString(), "and is the same");
}

void Fold(absl::string_view records) {
  std::vector<std::unique_ptr<engine::Task>> tasks;
  for (const engine::Service& service : host::AllServices()) {
    tasks.push_back(*engine::Task::Open(service, Partition{0}, nullptr, "fuzz"));
  }
  for (int64_t offset = 0; offset < kRecordsMax && records.size() >= 2; ++offset) {
    size_t size = static_cast<uint8_t>(records[0]) | static_cast<uint8_t>(records[1]) << 8;
    records.remove_prefix(2);
    size = std::min(size, records.size());
    const absl::string_view value = records.substr(0, size);
    records.remove_prefix(size);
    CheckCodec(value);
    const Record record{Partition{0}, Offset{offset}, absl::FromUnixMillis(1'000 * offset), "",
                        "",           value};
    for (const auto& task : tasks) {
      const absl::Status folded = task->Fold(record);
      if (folded.ok()) continue;
      INVARIANT(absl::IsFailedPrecondition(folded), "only a schema raised stops a partition");
      return;
    }
  }
  for (const auto& task : tasks) task->digest();
}

}  // namespace
}  // namespace gridledger

// The decoder says what it finds; libprotobuf need not repeat it for every run.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  gridledger::Fold(absl::string_view(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
