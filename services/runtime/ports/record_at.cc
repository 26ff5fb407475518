#include "services/runtime/ports/record_at.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>

namespace gridledger {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(200);  // of a wait, between two questions

}  // namespace

OwnedRecord Own(const Record& record) {
  return OwnedRecord{record.partition,
                     record.offset,
                     record.timestamp,
                     std::string(record.key),
                     std::string(record.headers),
                     std::string(record.value),
                     record.kind};
}

absl::StatusOr<std::optional<OwnedRecord>> ReadRecordAt(LogReader& reader, Partition partition,
                                                        Offset at, RecordBatch* batch,
                                                        absl::Duration patience) {
  batch->Clear();
  if (absl::Status status = reader.Assign(partition, at); !status.ok()) return status;
  const absl::Cleanup unassign = [&] { reader.Unassign(partition); };
  if (absl::Status status = reader.Poll(patience, 1, batch); !status.ok()) return status;
  if (batch->records().empty()) return std::nullopt;
  return Own(batch->records().front());
}

absl::StatusOr<std::optional<OwnedRecord>> ReadRecordAt(EventLog& log, Partition partition,
                                                        Offset at, absl::Duration patience) {
  RecordBatch batch;
  return ReadRecordAt(*log.NewReader(), partition, at, &batch, patience);
}

absl::Status ReadUntil(LogReader& reader, const Stretch& stretch, RecordBatch* batch,
                       VisitRecords visit, absl::FunctionRef<absl::Status()> may_go_on) {
  batch->Clear();
  if (stretch.from >= stretch.end) return absl::OkStatus();
  if (absl::Status status = reader.Assign(stretch.partition, stretch.from); !status.ok()) {
    return status;
  }
  const absl::Cleanup unassign = [&] { reader.Unassign(stretch.partition); };
  absl::Duration silent;  // as the waits say: no clock is needed for it
  for (Offset next = stretch.from; next < stretch.end;) {
    if (absl::Status status = may_go_on(); !status.ok()) return status;
    const absl::Duration wait = std::min(kStep, stretch.patience - silent);
    if (absl::Status status = reader.Poll(wait, stretch.records_max, batch); !status.ok()) {
      return status;
    }
    absl::Span<const Record> records = batch->records();
    if (records.empty()) {
      silent += wait;
      if (silent < stretch.patience) continue;
      return absl::UnavailableError(absl::StrCat("partition ", stretch.partition.value, " offset ",
                                                 next.value, ": the record does not come"));
    }
    silent = absl::ZeroDuration();
    // They have no gaps.
    const int64_t wanted = stretch.end.value - next.value;
    if (static_cast<int64_t>(records.size()) > wanted) {
      records = records.first(static_cast<size_t>(wanted));
    }
    next = records.back().offset.Next();
    const absl::StatusOr<bool> more = visit(records);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace gridledger
