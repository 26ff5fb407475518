#include "services/runtime/ports/event_log.h"

#include <absl/synchronization/notification.h>

#include <cstring>
#include <optional>

#include "services/base/layout.h"

namespace gridledger {

void AppendHeader(absl::string_view name, absl::string_view value, std::string* headers) {
  for (const absl::string_view text : {name, value}) {
    AppendVarint(headers, text.size());
    headers->append(text.data(), text.size());
  }
}

bool TakeHeader(absl::string_view* headers, absl::string_view* name, absl::string_view* value) {
  for (absl::string_view* text : {name, value}) {
    uint64_t size = 0;
    if (!TakeVarint(headers, &size) || size > headers->size()) return false;
    *text = headers->substr(0, size);
    headers->remove_prefix(size);
  }
  return true;
}

absl::string_view FindHeader(absl::string_view headers, absl::string_view name) {
  absl::string_view at_name, at_value;
  while (TakeHeader(&headers, &at_name, &at_value)) {
    if (at_name == name) return at_value;
  }
  return {};
}

char* RecordBatch::Reserve(size_t size) {
  constexpr size_t kBlockBytes = size_t{1} << 20;  // 1 MiB: a few thousand records of ~250 B
  while (true) {
    if (used_ > 0) {
      Block& block = blocks_[used_ - 1];
      if (block.size - block.used >= size) {
        char* at = block.memory.get() + block.used;
        block.used += size;
        return at;
      }
    }
    if (used_ == blocks_.size()) {
      const size_t bytes = std::max(kBlockBytes, size);
      blocks_.push_back(Block{std::make_unique<char[]>(bytes), bytes, 0});
    } else {
      blocks_[used_].used = 0;
    }
    ++used_;
  }
}

void RecordBatch::Add(Partition partition, Offset offset, absl::Time timestamp,
                      absl::string_view key, absl::string_view headers, absl::string_view value) {
  char* at = Reserve(key.size() + headers.size() + value.size());
  const auto copy = [&at](absl::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    const absl::string_view copied(at, text.size());
    at += text.size();
    return copied;
  };
  const absl::string_view own_key = copy(key);
  const absl::string_view own_headers = copy(headers);
  records_.push_back(Record{partition, offset, timestamp, own_key, own_headers, copy(value)});
}

void RecordBatch::AddNothing(Partition partition, Offset offset) {
  records_.push_back(Record{.partition = partition,
                            .offset = offset,
                            .timestamp = absl::UnixEpoch(),
                            .key = {},
                            .headers = {},
                            .value = {},
                            .kind = PlaceKind::kNothing});
}

size_t RecordBatch::bytes() const {
  size_t bytes = 0;
  for (size_t i = 0; i < used_; ++i) bytes += blocks_[i].used;
  return bytes;
}

absl::string_view DamageName(BadPlace::Damage damage) {
  switch (damage) {
    case BadPlace::Damage::kMissing: return "missing";
    case BadPlace::Damage::kRemoved: return "removed";
    case BadPlace::Damage::kChecksum: return "checksum";
    case BadPlace::Damage::kUnreadable: return "unreadable";
  }
  return "";
}

void EventLog::AskBounds(Partition partition, Answered done) {
  const absl::StatusOr<Offset> end = End(partition);
  if (!end.ok()) return std::move(done)(end.status());
  std::move(done)(LogBounds{Offset{0}, *end});
}

absl::StatusOr<Offset> EventLog::AppendAndWait(Partition partition,
                                               std::vector<NewRecord> records) {
  absl::Notification arrived;
  std::optional<absl::StatusOr<Offset>> answer;
  Append(partition, std::move(records), [&](absl::StatusOr<Offset> first) {
    answer = std::move(first);
    arrived.Notify();
  });
  arrived.WaitForNotification();
  return *std::move(answer);
}

}  // namespace gridledger
