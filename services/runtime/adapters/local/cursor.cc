#include "services/runtime/adapters/local/cursor.h"

#include <absl/strings/str_cat.h>

#include "services/runtime/adapters/local/database.h"

namespace gridledger::local {

absl::Status Cursor::Read(Source& source, Offset end,
                          absl::FunctionRef<bool(Offset, const RecordValue&)> visit) {
  const auto reading = source.Reading();
  while (at_ < end) {
    if (scan_ == nullptr || scan_->iterator == nullptr || opened_to_ <= at_) {
      if (absl::Status status = Open(source, end); !status.ok()) return status;
    }
    rocksdb::Iterator& it = *scan_->iterator;
    if (!it.Valid()) {
      const rocksdb::Status status = it.status();
      scan_.reset();
      if (status.ok()) return Bad(BadPlace::Damage::kMissing, "the record is missing");
      if (status.IsCorruption()) return Bad(BadPlace::Damage::kChecksum, status.ToString());
      return ToStatus(status, absl::StrCat("partition ", partition_.value, " offset ", at_.value));
    }
    Partition partition;
    Offset offset;
    if (!ParseRecordKey(ViewOf(it.key()), &partition, &offset) || offset != at_) {
      scan_.reset();
      return Bad(BadPlace::Damage::kMissing, "the record is missing, later ones are there");
    }
    RecordValue value;
    if (!ParseRecordValue(ViewOf(it.value()), &value)) {
      scan_.reset();
      return Bad(BadPlace::Damage::kUnreadable, "the bytes are not a record");
    }
    at_ = at_.Next();
    const bool more = visit(offset, value);
    it.Next();
    if (!more) break;
  }
  if (opened_to_ <= at_) scan_.reset();
  return absl::OkStatus();
}

absl::Status Cursor::Bad(BadPlace::Damage damage, absl::string_view what) {
  damage_ = damage;
  return Damaged(partition_, at_, what);
}

absl::Status Cursor::Open(Source& source, Offset end) {
  scan_ = source.NewScan();
  if (scan_->db == nullptr) {
    return absl::UnavailableError("the log is closed until its disk lets it be opened again");
  }
  opened_to_ = end;
  scan_->bound_bytes = std::string(RecordKey(partition_, end).text());
  scan_->bound = rocksdb::Slice(scan_->bound_bytes);
  rocksdb::ReadOptions options = ScanOptions();
  options.iterate_upper_bound = &scan_->bound;
  scan_->iterator.reset(scan_->db->NewIterator(options));
  scan_->iterator->Seek(SliceOf(RecordKey(partition_, at_).text()));
  return absl::OkStatus();
}

}  // namespace gridledger::local
