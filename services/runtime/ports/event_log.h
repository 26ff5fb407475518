// The event log port: partitions of records, each with an offset, a timestamp, headers, a key and a
// value. One contract suite (tests/support/event_log_contract.h) runs on every adapter.
//
// Contract
//   - Offsets of a partition are 0, 1, 2, … without gaps, in the order of appending; records of one
//     Append call stand next to each other. A log may take places for itself (Kafka: the marks of
//     transactions): a reader delivers them as places without a record.
//   - An append is acknowledged (done with OkStatus) only when it is durable. After an error the
//     records may or may not be there; reading tells (law L4).
//   - Several appends may be under way. One that is not refused before the call returns fails
//     together with all that were handed over for its partition after it and before its answer: no
//     record of theirs is there without those before it.
//   - A reader sees every acknowledged record, in offset order, and never one that may still
//     vanish.
//   - What cannot be read is told as a bad place, with partition and offset; it is never skipped,
//     and no other partition waits for it.
#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger {

// Headers as one text: (varint length, bytes) of name, then of value, for each header in order.
// Names may repeat, as in Kafka.
void AppendHeader(absl::string_view name, absl::string_view value, std::string* headers);
// Takes the first header off `headers`. False at the end, or when the text is not of that form.
bool TakeHeader(absl::string_view* headers, absl::string_view* name, absl::string_view* value);
// The first value of that name; empty when there is none.
absl::string_view FindHeader(absl::string_view headers, absl::string_view name);

// What is at an offset.
enum class PlaceKind : uint8_t {
  kRecord,
  // The log took the place for itself, or it stands for such a place in a copy: no key, headers,
  // value or time of its own.
  kNothing,
};

// What an appender hands in.
struct NewRecord {
  absl::Time timestamp;  // whole milliseconds
  std::string key;
  std::string headers;
  std::string value;
  PlaceKind kind = PlaceKind::kRecord;
  // Of the record itself, as the size limit counts it.
  size_t bytes() const { return key.size() + headers.size() + value.size(); }
};

// What a reader gets. The views live as long as the batch.
struct Record {
  Partition partition;
  Offset offset;
  absl::Time timestamp;
  absl::string_view key;
  absl::string_view headers;
  absl::string_view value;
  PlaceKind kind = PlaceKind::kRecord;
};

// A place that cannot be read: its partition ends there until somebody restores it.
struct BadPlace {
  enum class Damage : uint8_t {
    kMissing,     // not there, though it was acknowledged
    kRemoved,     // taken away by a retention
    kChecksum,    // its bytes are not those that were written
    kUnreadable,  // the log refuses it otherwise
  };
  Partition partition;
  Offset offset;
  Damage damage = Damage::kUnreadable;

  friend bool operator==(const BadPlace&, const BadPlace&) = default;
};
// "missing", "removed", "checksum", "unreadable"
absl::string_view DamageName(BadPlace::Damage damage);

// The offsets that a partition holds: from `begin` on, all below `end`.
struct LogBounds {
  Offset begin;
  Offset end;
};

// Records and the memory that their texts lie in, reused from poll to poll.
class RecordBatch {
 public:
  void Clear() {
    records_.clear();
    bad_place_.reset();
    used_ = 0;
  }
  // Copies the texts.
  void Add(Partition partition, Offset offset, absl::Time timestamp, absl::string_view key,
           absl::string_view headers, absl::string_view value);
  // A place without a record.
  void AddNothing(Partition partition, Offset offset);
  absl::Span<const Record> records() const { return records_; }
  size_t bytes() const;

  // Of the Poll that failed with this batch: the place that it failed at, when that is the matter
  // of one partition alone.
  const std::optional<BadPlace>& bad_place() const { return bad_place_; }
  void SetBadPlace(const BadPlace& place) { bad_place_ = place; }

 private:
  char* Reserve(size_t size);

  struct Block {
    std::unique_ptr<char[]> memory;
    size_t size = 0;
    size_t used = 0;
  };
  std::vector<Record> records_;
  std::optional<BadPlace> bad_place_;
  std::deque<Block> blocks_;
  size_t used_ = 0;  // blocks in use; the last of them is being filled
};

// Reads some partitions of one log from chosen offsets. Used by one thread at a time, but Wake may
// come from any.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Adds a partition, or moves it. OutOfRange when the offset is beyond the end.
  virtual absl::Status Assign(Partition partition, Offset from) = 0;
  // The same for a partition whose bounds the caller has asked for: waits for nobody.
  virtual absl::Status AssignWithin(Partition partition, Offset from, const LogBounds& /*bounds*/) {
    return Assign(partition, from);
  }
  virtual void Unassign(Partition partition) = 0;
  // Clears `batch` and fills it with up to `records_max` records and places without one; those of a
  // partition are in order and without gaps. Waits up to `wait` for the first one, without polling
  // delay; an empty batch means that nothing came. An error leaves the batch empty. One with a bad
  // place (RecordBatch::bad_place) is the matter of that partition, which is no longer assigned:
  // the next Poll goes on with the others. Any other error is that of the reader.
  virtual absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) = 0;
  // Of a reader of values: whether what it polls from now on has its headers all the same.
  virtual void ReadHeaders(bool) {}
  // Makes a waiting Poll return; when none waits, the next that would.
  virtual void Wake() = 0;
};

class EventLog {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Offset> first)>;

  virtual ~EventLog() = default;
  virtual int partitions() const = 0;
  // The offset that the next record gets; everything below it is durable.
  virtual absl::StatusOr<Offset> End(Partition partition) = 0;
  // The same question, and where the partition begins, without waiting: `done` is called once, from
  // any thread, maybe before this returns, within some seconds. Unavailable may pass: ask again.
  using Answered = absl::AnyInvocable<void(absl::StatusOr<LogBounds>)>;
  virtual void AskBounds(Partition partition, Answered done);
  // Hands over records, in order after all that were handed over for this partition before. `done`
  // is called once, from any thread, and must be quick. InvalidArgument (through `done`) for a
  // record over the size limit: then none of the records is there.
  virtual void Append(Partition partition, std::vector<NewRecord> records, Done done) = 0;
  virtual std::unique_ptr<LogReader> NewReader() = 0;
  // One that may leave the headers out: a fold needs none, and they are half of a small record.
  virtual std::unique_ptr<LogReader> NewReaderOfValues() { return NewReader(); }

  // Append and wait. The offset is that of the first record.
  absl::StatusOr<Offset> AppendAndWait(Partition partition, std::vector<NewRecord> records);
};

// Writes many records at once, for an import or a simulation that is its partitions' only writer.
// One thread at a time; appenders for different partitions may run side by side.
class BulkAppender {
 public:
  virtual ~BulkAppender() = default;
  // Takes a copy and answers the offset. The partition is this appender's until the next Flush:
  // meanwhile other appends to it are FailedPrecondition, and so is this call when another has it.
  // InvalidArgument for a record over the size limit, which changes nothing.
  virtual absl::StatusOr<Offset> Append(Partition partition, absl::Time timestamp,
                                        absl::string_view key, absl::string_view headers,
                                        absl::string_view value) = 0;
  // Appends a place without a record, for a copy of a log that has one there.
  virtual absl::StatusOr<Offset> AppendNothing(Partition partition) = 0;
  // Makes all that was appended durable and lets readers see it: of each partition all or nothing,
  // and after an error reading tells which. What was not flushed goes with the appender.
  virtual absl::Status Flush() = 0;
};

// The largest key + headers + value: a storm of largest records must still fit a reader's batch.
inline constexpr size_t kRecordBytesMax = size_t{1} << 20;  // 1 MiB, as Kafka's message.max.bytes

}  // namespace gridledger
