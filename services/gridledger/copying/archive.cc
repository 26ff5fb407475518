// A ledger in a file, as one end of a copy (proto/gridledger/v1/archive.proto).
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "gridledger/v1/archive.pb.h"
#include "services/gridledger/copying/ends.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

// None when they are of other layouts than this build's: then there is nothing to compare.
std::vector<DigestRow> RowsOf(const v1::ArchiveDigests& digests) {
  const auto layouts = LayoutsOf(host::AllServices());
  std::vector<DigestRow> rows;
  for (const v1::ArchiveDigest& one : digests.digests()) {
    const ServiceName service(one.service());
    const auto at = layouts.find(service);
    if (at == layouts.end() || at->second != one.layouts()) return {};
    rows.push_back(DigestRow{TaskId{service, Partition{one.partition()}}, Offset{one.offset()},
                             Digest{one.high(), one.low()}});
  }
  return rows;
}

v1::ArchiveDigests MessageOf(const std::vector<DigestRow>& rows) {
  const auto layouts = LayoutsOf(host::AllServices());
  v1::ArchiveDigests digests;
  for (const DigestRow& row : rows) {
    v1::ArchiveDigest& one = *digests.add_digests();
    one.set_service(row.task.service.text());
    one.set_partition(row.task.partition.value);
    one.set_offset(row.offset.value);
    one.set_high(row.digest.high);
    one.set_low(row.digest.low);
    one.set_layouts(layouts.at(row.task.service));
  }
  return digests;
}

absl::Status FileError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// What an archive turned out to hold.
struct Scanned {
  int partitions = 0;  // 0 before the head is read
  int64_t good = 0;    // bytes; what is behind them was cut off
  v1::ArchiveDigests digests;
};

// Visits the records of an archive. A tail that is cut off ends it, and `seen` says where.
absl::Status Scan(const std::string& path, Scanned* seen,
                  absl::FunctionRef<absl::Status(const v1::LoggedRecord&)> visit) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return errno == ENOENT ? absl::NotFoundError(absl::StrCat("there is no file ", path))
                           : FileError(path);
  }
  google::protobuf::io::FileInputStream input(fileno(file.get()));
  v1::ArchiveItem item;
  *seen = Scanned{};
  std::vector<int64_t> next;
  while (true) {
    bool clean_end = false;
    item.Clear();
    if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&item, &input, &clean_end)) {
      if (seen->partitions == 0) {
        return absl::InvalidArgumentError(absl::StrCat(path, " is no ledger in a file"));
      }
      return absl::OkStatus();
    }
    const auto damaged = [&](absl::string_view what) {
      return absl::DataLossError(absl::StrCat(path, ", byte ", seen->good, ": ", what));
    };
    if (seen->partitions == 0) {
      if (item.head().partitions() < 1 || item.head().partitions() > 4096) {
        return absl::InvalidArgumentError(absl::StrCat(path, " is no ledger in a file"));
      }
      seen->partitions = item.head().partitions();
      next.assign(seen->partitions, 0);
    } else if (item.has_digests()) {
      seen->digests = item.digests();
    } else if (!item.has_record()) {
      return damaged("no record");
    } else {
      const v1::LoggedRecord& record = item.record();
      if (record.partition() < 0 || record.partition() >= seen->partitions) {
        return damaged("a partition that is not there");
      }
      if (record.offset() != next[record.partition()]++) return damaged("a gap in the offsets");
      seen->digests.Clear();
      if (absl::Status status = visit(record); !status.ok()) return status;
    }
    seen->good = input.ByteCount();
  }
}

class FileSource final : public CopySource {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}
  absl::Status Open() {
    absl::Status status = Scan(path_, &seen_, [this](const v1::LoggedRecord& record) {
      const size_t p = static_cast<size_t>(record.partition());
      if (ends_.size() <= p) ends_.resize(p + 1);
      ends_[p] = Offset{record.offset() + 1};
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    ends_.resize(seen_.partitions);
    std::error_code error;
    const int64_t size = static_cast<int64_t>(std::filesystem::file_size(path_, error));
    if (!error && seen_.good == size) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(path_, " is cut off or damaged after byte ", seen_.good,
                                            ": copy into it again"));
  }
  int partitions() const override { return seen_.partitions; }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return nullptr; }
  std::vector<DigestRow> kept_digests() const override { return RowsOf(seen_.digests); }
  absl::Status Read(const std::vector<Offset>& from,
                    absl::FunctionRef<absl::Status(const Record&)> visit) override {
    Scanned again;
    return Scan(path_, &again, [&](const v1::LoggedRecord& one) {
      if (one.offset() < from[one.partition()].value) return absl::OkStatus();
      return visit(Record{Partition{one.partition()}, Offset{one.offset()},
                          absl::FromUnixMillis(one.at_ms()), one.key(), one.headers(),
                          one.value()});
    });
  }

 private:
  const std::string path_;
  Scanned seen_;
  std::vector<Offset> ends_;
};

class FileTarget final : public CopyTarget {
 public:
  explicit FileTarget(std::string path) : path_(std::move(path)) {}
  absl::Status Open(int partitions) {
    ends_.resize(partitions);
    last_.resize(partitions);
    Scanned seen;
    absl::Status status = Scan(path_, &seen, [&](const v1::LoggedRecord& record) {
      if (record.partition() >= partitions) return absl::OkStatus();  // told below
      ends_[record.partition()] = Offset{record.offset() + 1};
      last_[record.partition()] = record.value();
      return absl::OkStatus();
    });
    const bool is_new = absl::IsNotFound(status);
    if (!status.ok() && !is_new) return status;
    if (!is_new && seen.partitions != partitions) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " has ", seen.partitions, " partitions, the source ", partitions));
    }
    // A killed copy leaves a cut record at the end.
    if (!is_new && truncate(path_.c_str(), seen.good) != 0) return FileError(path_);
    digests_ = std::move(seen.digests);
    file_.reset(std::fopen(path_.c_str(), "ab"));
    if (file_ == nullptr) return FileError(path_);
    if (!is_new) return absl::OkStatus();
    item_.mutable_head()->set_partitions(partitions);
    return WriteItem();
  }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return nullptr; }
  std::vector<DigestRow> kept_digests() const override { return RowsOf(digests_); }
  absl::Status KeepDigests(const std::vector<DigestRow>& rows) override {
    *item_.mutable_digests() = MessageOf(rows);
    if (absl::Status status = WriteItem(); !status.ok()) return status;
    return Finish();
  }
  absl::StatusOr<std::string> LastValue(Partition partition) override {
    return last_[partition.value];
  }
  absl::Status Write(const Record& record) override {
    digests_.Clear();  // they are of the records before
    v1::LoggedRecord& one = *item_.mutable_record();
    one.set_partition(record.partition.value);
    one.set_offset(record.offset.value);
    one.set_at_ms(absl::ToUnixMillis(record.timestamp));
    one.set_key(record.key.data(), record.key.size());
    one.set_headers(record.headers.data(), record.headers.size());
    one.set_value(record.value.data(), record.value.size());
    return WriteItem();
  }
  absl::Status Finish() override {
    if (std::fflush(file_.get()) == 0 && fsync(fileno(file_.get())) == 0) return absl::OkStatus();
    return FileError(path_);
  }

 private:
  absl::Status WriteItem() {
    bytes_.clear();
    google::protobuf::io::StringOutputStream out(&bytes_);
    google::protobuf::util::SerializeDelimitedToZeroCopyStream(item_, &out);
    // The stream's end is where it says, not where the string was grown to.
    bytes_.resize(static_cast<size_t>(out.ByteCount()));
    if (std::fwrite(bytes_.data(), 1, bytes_.size(), file_.get()) == bytes_.size()) {
      return absl::OkStatus();
    }
    return FileError(path_);
  }

  const std::string path_;
  File file_;
  std::vector<Offset> ends_;
  std::vector<std::string> last_;
  v1::ArchiveDigests digests_;
  v1::ArchiveItem item_;
  std::string bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CopySource>> OpenArchiveSource(const std::string& path) {
  auto source = std::make_unique<FileSource>(path);
  if (absl::Status status = source->Open(); !status.ok()) return status;
  return source;
}

absl::StatusOr<std::unique_ptr<CopyTarget>> OpenArchiveTarget(const std::string& path,
                                                              int partitions) {
  auto target = std::make_unique<FileTarget>(path);
  if (absl::Status status = target->Open(partitions); !status.ok()) return status;
  return target;
}

}  // namespace gridledger::cli
