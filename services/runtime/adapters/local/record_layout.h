// How a record lies in the embedded log.
//
//   key    partition u32 big-endian | offset u64 big-endian           byte order is log order
//   value  timestamp i64 little-endian, ms since the epoch
//          | varint key size | varint headers size | key | headers | value (the rest)
//          or no byte at all: a place without a record (PlaceKind::kNothing)
//
// Beside the records there are notes, whose keys begin with four 0xff bytes and so stand last:
//
//   0xffffffff "log"     layout version u32 LE | partitions u32 LE
//
// Example: partition 3, offset 258, at 1970-01-01T00:00:01Z, key "ab", no headers, value "xyz":
//
//   key    00 00 00 03  00 00 00 00 00 00 01 02
//   value  e8 03 00 00 00 00 00 00  02  00  61 62  78 79 7a
//
// Never touches a database.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::local {

inline constexpr uint32_t kLayoutVersion = 1;
inline constexpr size_t kRecordKeyBytes = 12;
inline constexpr int kPartitionsMax = 4096;  // 4096 × 8 B + 32 B fits a witness slot of 64 KiB
inline constexpr absl::string_view kNotePrefix = "\xff\xff\xff\xff";
inline constexpr absl::string_view kHeaderNote = "\xff\xff\xff\xfflog";

struct RecordKey {
  char bytes[kRecordKeyBytes];

  RecordKey(Partition partition, Offset offset);
  absl::string_view text() const { return {bytes, kRecordKeyBytes}; }
};
// False when the bytes are not a record's key.
bool ParseRecordKey(absl::string_view bytes, Partition* partition, Offset* offset);

// What is written for it; nothing for a place without a record.
void AppendRecordValue(const NewRecord& record, std::string* out);
void AppendRecordValue(absl::Time timestamp, absl::string_view key, absl::string_view headers,
                       absl::string_view value, std::string* out);

struct RecordValue {
  PlaceKind kind = PlaceKind::kRecord;
  absl::Time timestamp = absl::UnixEpoch();
  absl::string_view key;
  absl::string_view headers;
  absl::string_view value;
};
// False when the bytes are not a record's value.
bool ParseRecordValue(absl::string_view bytes, RecordValue* record);

std::string HeaderNote(int partitions);
// False when the bytes are not a note of this layout version.
bool ParseHeaderNote(absl::string_view bytes, int* partitions);

}  // namespace gridledger::local
