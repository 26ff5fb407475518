#include "services/runtime/adapters/local/record_layout.h"

#include <cstring>

#include "services/base/layout.h"

namespace gridledger::local {
namespace {

template <class Int>
void PutBig(Int value, char* out) {
  for (size_t i = 0; i < sizeof(Int); ++i) {
    out[i] = static_cast<char>(value >> (8 * (sizeof(Int) - 1 - i)));
  }
}

template <class Int>
Int GetBig(const char* in) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) value = (value << 8) | static_cast<uint8_t>(in[i]);
  return value;
}

template <class Int>
void AppendLittle(Int value, std::string* out) {
  for (size_t i = 0; i < sizeof(Int); ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

template <class Int>
Int GetLittle(const char* in) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) value |= Int{static_cast<uint8_t>(in[i])} << (8 * i);
  return value;
}

}  // namespace

RecordKey::RecordKey(Partition partition, Offset offset) {
  PutBig(static_cast<uint32_t>(partition.value), bytes);
  PutBig(static_cast<uint64_t>(offset.value), bytes + 4);
}

bool ParseRecordKey(absl::string_view bytes, Partition* partition, Offset* offset) {
  if (bytes.size() != kRecordKeyBytes) return false;
  const uint32_t p = GetBig<uint32_t>(bytes.data());
  const uint64_t o = GetBig<uint64_t>(bytes.data() + 4);
  if (p > INT32_MAX || o > INT64_MAX) return false;
  *partition = Partition{static_cast<int32_t>(p)};
  *offset = Offset{static_cast<int64_t>(o)};
  return true;
}

void AppendRecordValue(const NewRecord& record, std::string* out) {
  if (record.kind == PlaceKind::kNothing) return;
  AppendRecordValue(record.timestamp, record.key, record.headers, record.value, out);
}

void AppendRecordValue(absl::Time timestamp, absl::string_view key, absl::string_view headers,
                       absl::string_view value, std::string* out) {
  AppendLittle(static_cast<uint64_t>(ToMillis(timestamp)), out);
  AppendVarint(out, key.size());
  AppendVarint(out, headers.size());
  out->append(key.data(), key.size());
  out->append(headers.data(), headers.size());
  out->append(value.data(), value.size());
}

bool ParseRecordValue(absl::string_view bytes, RecordValue* record) {
  *record = RecordValue{};
  if (bytes.empty()) {
    record->kind = PlaceKind::kNothing;
    return true;
  }
  if (bytes.size() < sizeof(uint64_t)) return false;
  record->timestamp = FromMillis(static_cast<int64_t>(GetLittle<uint64_t>(bytes.data())));
  bytes.remove_prefix(sizeof(uint64_t));
  uint64_t key_size = 0, headers_size = 0;
  if (!TakeVarint(&bytes, &key_size) || !TakeVarint(&bytes, &headers_size)) return false;
  if (key_size > bytes.size() || headers_size > bytes.size() - key_size) return false;
  record->key = bytes.substr(0, key_size);
  record->headers = bytes.substr(key_size, headers_size);
  record->value = bytes.substr(key_size + headers_size);
  return true;
}

std::string HeaderNote(int partitions) {
  std::string note;
  AppendLittle(kLayoutVersion, &note);
  AppendLittle(static_cast<uint32_t>(partitions), &note);
  return note;
}

bool ParseHeaderNote(absl::string_view bytes, int* partitions) {
  if (bytes.size() != 8 || GetLittle<uint32_t>(bytes.data()) != kLayoutVersion) return false;
  *partitions = static_cast<int>(GetLittle<uint32_t>(bytes.data() + 4));
  return *partitions > 0;
}

}  // namespace gridledger::local
