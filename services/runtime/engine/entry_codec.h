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

// The newest schema that this build can fold. A partition is raised to a schema by an entry of its
// own (SchemaRaised), where programs that know less stop; an entry newer than what its partition
// has been raised to is a dead letter (law L8).
//   2  dead letters retried and discarded
//   3  schemas raised by an entry; older builds take part no more
inline constexpr uint32_t kNewestSchema = 3;
// Of a partition that was never raised: all that there was before one could be.
inline constexpr uint32_t kBaseSchema = 2;
// What most entries are written with: an entry names the oldest schema that has all it says, so
// that older builds go on as long as they can.
inline constexpr uint32_t kEntrySchema = 1;
inline constexpr uint32_t kDeadLetterSchema = 2;
inline constexpr uint32_t kSchemaRaisedSchema = 3;
// See SchemaRaised.mark: ".sraised", least byte first.
inline constexpr uint64_t kSchemaMark = 0x646573696172732e;
constexpr size_t kSchemaReasonMax = 1000;  // bytes: some 150 words, or 330 Chinese characters

// "gridledger.v1.IncidentReported", "gridledger.v1.Decision", …: the CloudEvents type.
absl::string_view EntryType(const v1::Entry& entry);
// The fact's name alone, e.g. "IncidentReported"; empty for a fact without a kind.
absl::string_view FactType(const v1::Fact& fact);

// The headers of an entry of that type. `source` and `id` are the CloudEvents source, a URI
// reference that is never empty, and id; together they name the entry uniquely.
void EncodeHeaders(absl::string_view type, absl::string_view source, absl::string_view id,
                   std::string* headers);
// Serialises `entry` and its headers.
void EncodeEntry(const v1::Entry& entry, absl::string_view source, absl::string_view id,
                 std::string* headers, std::string* value);

// InvalidArgument when the bytes are not an entry, or one without content: such a record is parked
// and the shard goes on. Whether its schema is one that its partition has, the fold alone can tell.
absl::Status ParseEntry(absl::string_view value, v1::Entry* entry);
// The same for who reads an entry without its partition's state: InvalidArgument also when its
// schema is newer than this build knows.
absl::Status DecodeEntry(absl::string_view value, v1::Entry* entry);
// The schema that an entry's bytes name, also where the rest of them says what this build cannot
// parse; 0 when they name none or are no message at all.
uint32_t SchemaIn(absl::string_view value);

// The entry that raises `partition` from a schema to the next one.
v1::Entry RaiseSchema(Partition partition, uint32_t from, absl::string_view reason);
// Whether that is what the entry does, in a partition that has been raised to `present` so far.
bool RaisesSchema(const v1::Entry& entry, Partition partition, uint32_t present);

// Whether a dead letter may be retried as this entry: a fact or a registry entry, without a source,
// whose positions would otherwise jump.
bool IsRetriable(const v1::Entry& entry);

// For decoding one entry after the other: their parts lie in one block that each of them uses anew,
// where the heap would take and give back some ten pieces an entry.
class EntryDecoder {
 public:
  EntryDecoder();
  EntryDecoder(const EntryDecoder&) = delete;
  EntryDecoder& operator=(const EntryDecoder&) = delete;

  // As ParseEntry. What was decoded before is gone.
  absl::Status Decode(absl::string_view value);
  // REQUIRES: the last Decode was well.
  const v1::Entry& entry() const { return *entry_; }

 private:
  // An entry takes some 600 B, a policy more blocks. No power of two: blocks of several decoders
  // would crowd the same few lines of the cache.
  static constexpr size_t kBlockBytes = 4288;
  std::unique_ptr<char[]> block_;
  google::protobuf::Arena arena_;
  v1::Entry* entry_ = nullptr;
};

}  // namespace gridledger::engine
