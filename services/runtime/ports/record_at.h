// Reading what the log has promised: the record at a place, or everything up to an end. Whoever
// follows a log that goes on polls by itself.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <optional>
#include <string>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger {

// For a log that is silent about what its end promises: a partition of a cluster may be without a
// leader for some seconds.
inline constexpr absl::Duration kReadPatience = absl::Seconds(30);

// A record that owns its texts.
struct OwnedRecord {
  Partition partition;
  Offset offset;
  absl::Time timestamp;
  std::string key, headers, value;
  PlaceKind kind = PlaceKind::kRecord;

  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};
OwnedRecord Own(const Record& record);

// What is at a place: a record, or a place without one (its kind says so); nothing when the log
// was silent for so long. The error is that of Assign, as OutOfRange beyond the end, or of Poll:
// `batch`, which is there to be used again, knows a bad place. Leaves the partition unassigned.
absl::StatusOr<std::optional<OwnedRecord>> ReadRecordAt(LogReader& reader, Partition partition,
                                                        Offset at, RecordBatch* batch,
                                                        absl::Duration patience = kReadPatience);
// The same for whoever reads one alone.
absl::StatusOr<std::optional<OwnedRecord>> ReadRecordAt(EventLog& log, Partition partition,
                                                        Offset at,
                                                        absl::Duration patience = kReadPatience);

// What is to be read of a partition.
struct Stretch {
  Partition partition;
  Offset from;
  Offset end;              // the first that is not; the log has come as far
  int records_max = 4096;  // × ~250 B = 1 MB at once
  absl::Duration patience = kReadPatience;
};

// Whether to read on.
using VisitRecords = absl::FunctionRef<absl::StatusOr<bool>(absl::Span<const Record>)>;

inline absl::Status ReadOn() { return absl::OkStatus(); }

// Hands over the stretch in order, some records at a time, each of them once, until `visit` has
// enough of it. Asks `may_go_on` before every wait and several times a second meanwhile. The error
// is that of the two, of Assign or of Poll: `batch`, which the records lie in, knows a bad place.
// Unavailable with the place when the log was silent there. Leaves the partition unassigned.
absl::Status ReadUntil(LogReader& reader, const Stretch& stretch, RecordBatch* batch,
                       VisitRecords visit, absl::FunctionRef<absl::Status()> may_go_on = ReadOn);

}  // namespace gridledger
