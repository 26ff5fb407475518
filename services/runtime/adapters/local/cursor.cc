#include "services/runtime/adapters/local/cursor.h"

#include <absl/strings/str_cat.h>

#include "services/runtime/adapters/local/database.h"

namespace gridledger::local {

absl::Status Cursor::Read(Source& source, Offset end,
                          absl::FunctionRef<bool(Offset, const RecordValue&)> visit) {
  while (at_ < end) {
    if (iterator_ == nullptr || opened_to_ <= at_) Open(source, end);
    if (!iterator_->Valid()) {
      const rocksdb::Status status = iterator_->status();
      Close();
      if (status.ok()) return Damaged(partition_, at_, "the record is missing");
      if (status.IsCorruption()) return Damaged(partition_, at_, status.ToString());
      return ToStatus(status, absl::StrCat("partition ", partition_.value, " offset ", at_.value));
    }
    Partition partition;
    Offset offset;
    if (!ParseRecordKey(ViewOf(iterator_->key()), &partition, &offset) || offset != at_) {
      Close();
      return Damaged(partition_, at_, "the record is missing, later ones are there");
    }
    RecordValue value;
    if (!ParseRecordValue(ViewOf(iterator_->value()), &value)) {
      Close();
      return Damaged(partition_, at_, "the bytes are not a record");
    }
    at_ = at_.Next();
    const bool more = visit(offset, value);
    iterator_->Next();
    if (!more) break;
  }
  if (iterator_ != nullptr && opened_to_ <= at_) Close();
  return absl::OkStatus();
}

void Cursor::Open(Source& source, Offset end) {
  Close();
  db_ = source.db();
  opened_to_ = end;
  bound_bytes_ = std::string(RecordKey(partition_, end).text());
  bound_ = rocksdb::Slice(bound_bytes_);
  rocksdb::ReadOptions options = ScanOptions();
  options.iterate_upper_bound = &bound_;
  iterator_.reset(db_->NewIterator(options));
  iterator_->Seek(SliceOf(RecordKey(partition_, at_).text()));
}

void Cursor::Close() {
  iterator_.reset();
  db_.reset();
}

}  // namespace gridledger::local
