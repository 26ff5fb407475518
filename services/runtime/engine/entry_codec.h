// Entries as records: the value is the serialised v1.Entry, the headers are CloudEvents attributes
// in Kafka's binary content mode, so that any client can tell what it reads.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <google/protobuf/arena.h>

#include <memory>
#include <string>

#include "gridledger/v1/entry.pb.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::engine {

// The newest schema that this build can fold. An entry of a newer one stops the partition (law L8).
inline constexpr uint32_t kEntrySchema = 1;

// "gridledger.v1.IncidentReported", "gridledger.v1.Decision", …: the CloudEvents type.
absl::string_view EntryType(const v1::Entry& entry);
// The fact's name alone, e.g. "IncidentReported"; empty for a fact without a kind.
absl::string_view FactType(const v1::Fact& fact);

// Serialises `entry` (with schema kEntrySchema) and its headers. `source` and `id` are the
// CloudEvents source and id; together they name the entry uniquely.
void EncodeEntry(const v1::Entry& entry, absl::string_view source, absl::string_view id,
                 std::string* headers, std::string* value);

// InvalidArgument when the bytes are not an entry, or one without content: such a record is parked
// and the shard goes on. FailedPrecondition when its schema is newer than this build knows.
absl::Status DecodeEntry(absl::string_view value, v1::Entry* entry);

// For decoding one entry after the other: their parts lie in one block that each of them uses anew,
// where the heap would take and give back some ten pieces an entry.
class EntryDecoder {
 public:
  EntryDecoder();
  EntryDecoder(const EntryDecoder&) = delete;
  EntryDecoder& operator=(const EntryDecoder&) = delete;

  // As DecodeEntry. What was decoded before is gone.
  absl::Status Decode(absl::string_view value);
  // REQUIRES: the last Decode was well.
  const v1::Entry& entry() const { return *entry_; }

 private:
  static constexpr size_t kBlockBytes = 8 << 10;  // an entry takes some 600 B; a policy more blocks
  std::unique_ptr<char[]> block_;
  google::protobuf::Arena arena_;
  v1::Entry* entry_ = nullptr;
};

}  // namespace gridledger::engine
