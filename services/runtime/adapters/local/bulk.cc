#include "services/runtime/adapters/local/bulk.h"

#include <absl/strings/str_cat.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "services/runtime/adapters/local/database.h"
#include "services/runtime/adapters/local/record_layout.h"

namespace gridledger::local {
namespace {

// A file's index stays in memory until it is closed: 256 MiB / 32 KiB × ~40 B ≈ 320 KiB.
constexpr uint64_t kFileBytesMax = uint64_t{256} << 20;

}  // namespace

Bulk::Bulk(Committer& committer, rocksdb::Options options, std::string prefix)
    : committer_(committer), options_(std::move(options)), prefix_(std::move(prefix)) {}

Bulk::~Bulk() { Abandon(); }

absl::StatusOr<Offset> Bulk::Append(Partition partition, absl::Time timestamp,
                                    absl::string_view key, absl::string_view headers,
                                    absl::string_view value) {
  const size_t size = key.size() + headers.size() + value.size();
  if (size > kRecordBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", size, " bytes; the limit is ", kRecordBytesMax));
  }
  value_.clear();
  AppendRecordValue(timestamp, key, headers, value, &value_);
  return Put(partition);
}

absl::StatusOr<Offset> Bulk::AppendNothing(Partition partition) {
  value_.clear();
  return Put(partition);
}

absl::StatusOr<Offset> Bulk::Put(Partition partition) {
  if (!broken_.ok()) return broken_;
  if (last_ == nullptr || last_->file.partition != partition) {
    absl::StatusOr<Growing*> found = Find(partition);
    if (!found.ok()) return found.status();
    last_ = *found;
  }
  Growing& growing = *last_;
  if (growing.writer != nullptr && growing.writer->FileSize() >= kFileBytesMax) {
    if (absl::Status status = EndFile(growing); !status.ok()) return broken_ = status;
  }
  if (growing.writer == nullptr) {
    if (absl::Status status = BeginFile(growing); !status.ok()) return broken_ = status;
  }
  const Offset offset = growing.next;
  const RecordKey record_key(partition, offset);
  const rocksdb::Status put = growing.writer->Put(SliceOf(record_key.text()), value_);
  if (!put.ok()) return broken_ = ToStatus(put, growing.file.path);
  ++growing.file.count;
  growing.next = offset.Next();
  return offset;
}

absl::Status Bulk::Flush() {
  absl::Status status = broken_;
  for (auto& [partition, growing] : growing_) {
    if (status.ok() && growing.writer != nullptr) status = EndFile(growing);
  }
  if (status.ok()) status = committer_.Ingest(closed_);
  Abandon();
  return status;
}

absl::StatusOr<Bulk::Growing*> Bulk::Find(Partition partition) {
  if (const auto found = growing_.find(partition); found != growing_.end()) return &found->second;
  absl::StatusOr<Offset> end = committer_.Claim(partition);
  if (!end.ok()) return end.status();
  last_ = nullptr;  // insertion moves the others
  Growing& growing = growing_[partition];
  growing.file.partition = partition;
  growing.next = *end;
  return &growing;
}

absl::Status Bulk::BeginFile(Growing& growing) {
  growing.file.path = absl::StrCat(prefix_, files_++, ".sst");
  growing.file.first = growing.next;
  growing.file.count = 0;
  growing.writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options_);
  return ToStatus(growing.writer->Open(growing.file.path), "cannot begin a bulk file");
}

absl::Status Bulk::EndFile(Growing& growing) {
  const rocksdb::Status status = growing.writer->Finish();
  growing.writer.reset();
  closed_.push_back(growing.file);
  return ToStatus(status, absl::StrCat("cannot finish ", growing.file.path));
}

void Bulk::Abandon() {
  for (auto& [partition, growing] : growing_) {
    if (growing.writer != nullptr) closed_.push_back(growing.file);
    growing.writer.reset();
    committer_.Release(partition);
  }
  growing_.clear();
  last_ = nullptr;
  std::error_code ignored;  // what stays is removed at the next opening
  for (const BulkFile& file : closed_) std::filesystem::remove(file.path, ignored);
  closed_.clear();
  broken_ = absl::OkStatus();
}

}  // namespace gridledger::local
