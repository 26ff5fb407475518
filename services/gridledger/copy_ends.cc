#include "services/gridledger/copy_ends.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "gridledger/v1/archive.pb.h"

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 4096;
constexpr absl::Duration kReadWait = absl::Seconds(30);
constexpr size_t kAppendRecords = 500;             // a cluster's append at once
constexpr size_t kUnderWayMax = size_t{16} << 20;  // bytes handed over and not answered
constexpr int64_t kFlushEvery = 200'000;           // records of a bulk append

absl::StatusOr<std::unique_ptr<host::Folder>> OpenLedger(const host::LogName& name,
                                                         const CommonOptions& common,
                                                         bool read_only, int partitions) {
  CommonOptions options = common;
  options.log = name.Text();
  options.data.clear();
  if (absl::Status status = options.Resolve(); !status.ok()) return status;
  absl::StatusOr<host::FolderOptions> where = options.Folder();
  if (!where.ok()) return where.status();
  // Both ends share the limit.
  where->memory_bytes /= 2;
  where->readers = 1;
  where->read_only = read_only;
  where->partitions = partitions;
  return host::Folder::Open(*where);
}

absl::StatusOr<std::vector<Offset>> EndsOf(EventLog& log) {
  std::vector<Offset> ends;
  for (int p = 0; p < log.partitions(); ++p) {
    const absl::StatusOr<Offset> end = log.End(Partition{p});
    if (!end.ok()) return end.status();
    ends.push_back(*end);
  }
  return ends;
}

class LedgerSource final : public CopySource {
 public:
  LedgerSource(std::unique_ptr<host::Folder> folder, std::vector<Offset> ends)
      : folder_(std::move(folder)), ends_(std::move(ends)) {}
  int partitions() const override { return static_cast<int>(ends_.size()); }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return folder_.get(); }

  absl::Status Read(const std::vector<Offset>& from,
                    absl::FunctionRef<absl::Status(const Record&)> visit) override {
    const std::unique_ptr<LogReader> reader = folder_->log().NewReader();
    int64_t left = 0;
    for (size_t p = 0; p < ends_.size(); ++p) {
      if (from[p] >= ends_[p]) continue;
      left += ends_[p].value - from[p].value;
      const absl::Status status = reader->Assign(Partition{static_cast<int>(p)}, from[p]);
      if (!status.ok()) return status;
    }
    RecordBatch batch;
    while (left > 0) {
      if (absl::Status status = reader->Poll(kReadWait, kReadBatch, &batch); !status.ok()) {
        return status;
      }
      if (batch.records().empty()) {
        return absl::UnavailableError(
            absl::StrCat(folder_->name(), ": nothing came for ", absl::FormatDuration(kReadWait)));
      }
      for (const Record& record : batch.records()) {
        if (record.offset >= ends_[record.partition.value]) continue;
        if (absl::Status status = visit(record); !status.ok()) return status;
        if (record.offset.Next() == ends_[record.partition.value]) {
          reader->Unassign(record.partition);
        }
        --left;
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<host::Folder> folder_;
  const std::vector<Offset> ends_;
};

absl::Status FileError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Visits the records of an archive. A tail that is cut off ends it, and `good` says where.
absl::Status Scan(const std::string& path, int* partitions, int64_t* good,
                  absl::FunctionRef<absl::Status(const v1::LoggedRecord&)> visit) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    return errno == ENOENT ? absl::NotFoundError(absl::StrCat("there is no file ", path))
                           : FileError(path);
  }
  google::protobuf::io::FileInputStream input(fileno(file.get()));
  v1::ArchiveItem item;
  *partitions = 0;
  *good = 0;
  std::vector<int64_t> next;
  while (true) {
    bool clean_end = false;
    item.Clear();
    if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&item, &input, &clean_end)) {
      if (*partitions == 0) {
        return absl::InvalidArgumentError(absl::StrCat(path, " is no ledger in a file"));
      }
      return absl::OkStatus();
    }
    const auto damaged = [&](absl::string_view what) {
      return absl::DataLossError(absl::StrCat(path, ", byte ", *good, ": ", what));
    };
    if (*partitions == 0) {
      if (item.head().partitions() < 1 || item.head().partitions() > 4096) {
        return absl::InvalidArgumentError(absl::StrCat(path, " is no ledger in a file"));
      }
      *partitions = item.head().partitions();
      next.assign(*partitions, 0);
    } else if (!item.has_record()) {
      return damaged("no record");
    } else {
      const v1::LoggedRecord& record = item.record();
      if (record.partition() < 0 || record.partition() >= *partitions) {
        return damaged("a partition that is not there");
      }
      if (record.offset() != next[record.partition()]++) return damaged("a gap in the offsets");
      if (absl::Status status = visit(record); !status.ok()) return status;
    }
    *good = input.ByteCount();
  }
}

class FileSource final : public CopySource {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}
  absl::Status Open() {
    int64_t good = 0;
    absl::Status status = Scan(path_, &partitions_, &good, [this](const v1::LoggedRecord& record) {
      const size_t p = static_cast<size_t>(record.partition());
      if (ends_.size() <= p) ends_.resize(p + 1);
      ends_[p] = Offset{record.offset() + 1};
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    ends_.resize(partitions_);
    std::error_code error;
    const int64_t size = static_cast<int64_t>(std::filesystem::file_size(path_, error));
    if (!error && good == size) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(path_, " is cut off or damaged after byte ", good, ": copy into it again"));
  }
  int partitions() const override { return partitions_; }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return nullptr; }
  absl::Status Read(const std::vector<Offset>& from,
                    absl::FunctionRef<absl::Status(const Record&)> visit) override {
    int64_t good = 0;
    int partitions = 0;
    return Scan(path_, &partitions, &good, [&](const v1::LoggedRecord& one) {
      if (one.offset() < from[one.partition()].value) return absl::OkStatus();
      return visit(Record{Partition{one.partition()}, Offset{one.offset()},
                          absl::FromUnixMillis(one.at_ms()), one.key(), one.headers(),
                          one.value()});
    });
  }

 private:
  const std::string path_;
  int partitions_ = 0;
  std::vector<Offset> ends_;
};

absl::StatusOr<std::string> ReadLast(EventLog& log, Partition partition, Offset end) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  absl::Status status = reader->Assign(partition, Offset{end.value - 1});
  RecordBatch batch;
  if (status.ok()) status = reader->Poll(kReadWait, 1, &batch);
  if (!status.ok()) return status;
  if (batch.records().empty()) return absl::UnavailableError("the last record did not come");
  return std::string(batch.records()[0].value);
}

absl::Status Misplaced(const std::string& name, Partition partition, Offset wanted, Offset got) {
  return absl::DataLossError(absl::StrCat(name, ": the record at offset ", wanted.value,
                                          " of partition ", partition.value, " got offset ",
                                          got.value, ": somebody else writes there"));
}

// A data folder, by a bulk append.
class FolderTarget final : public CopyTarget {
 public:
  FolderTarget(std::unique_ptr<host::Folder> folder, std::vector<Offset> ends)
      : folder_(std::move(folder)), ends_(std::move(ends)), bulk_(folder_->NewBulk()) {}
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return folder_.get(); }
  absl::StatusOr<std::string> LastValue(Partition partition) override {
    return ReadLast(folder_->log(), partition, ends_[partition.value]);
  }
  absl::Status Write(const Record& record) override {
    const absl::StatusOr<Offset> at =
        bulk_->Append(record.partition, record.timestamp, record.key, record.headers, record.value);
    if (!at.ok()) return at.status();
    if (*at != record.offset) {
      return Misplaced(folder_->name(), record.partition, record.offset, *at);
    }
    return ++written_ % kFlushEvery == 0 ? bulk_->Flush() : absl::OkStatus();
  }
  absl::Status Finish() override { return bulk_->Flush(); }

 private:
  const std::unique_ptr<host::Folder> folder_;
  const std::vector<Offset> ends_;
  std::unique_ptr<BulkAppender> bulk_;
  int64_t written_ = 0;
};

// A cluster's topic: appends under way, their offsets looked at when they are answered.
class ClusterTarget final : public CopyTarget {
 public:
  ClusterTarget(std::unique_ptr<host::Folder> folder, std::vector<Offset> ends)
      : folder_(std::move(folder)), ends_(std::move(ends)), waiting_(ends_.size()) {}
  ~ClusterTarget() override { Await(0).IgnoreError(); }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return folder_.get(); }
  absl::StatusOr<std::string> LastValue(Partition partition) override {
    return ReadLast(folder_->log(), partition, ends_[partition.value]);
  }
  absl::Status Write(const Record& record) override {
    Waiting& waiting = waiting_[record.partition.value];
    if (waiting.records.empty()) waiting.first = record.offset;
    waiting.bytes += record.key.size() + record.headers.size() + record.value.size();
    waiting.records.push_back(NewRecord{record.timestamp, std::string(record.key),
                                        std::string(record.headers), std::string(record.value)});
    if (waiting.records.size() < kAppendRecords && waiting.bytes < kUnderWayMax / 8) {
      return absl::OkStatus();
    }
    Send(record.partition);
    return Await(kUnderWayMax);
  }
  absl::Status Finish() override {
    for (size_t p = 0; p < waiting_.size(); ++p) {
      if (!waiting_[p].records.empty()) Send(Partition{static_cast<int>(p)});
    }
    return Await(0);
  }

 private:
  struct Waiting {
    std::vector<NewRecord> records;
    Offset first;
    size_t bytes = 0;
  };
  void Send(Partition partition) {
    Waiting sending = std::exchange(waiting_[partition.value], Waiting{});
    {
      const absl::MutexLock lock(&mutex_);
      under_way_ += sending.bytes;
    }
    folder_->log().Append(
        partition, std::move(sending.records),
        [this, partition, first = sending.first, bytes = sending.bytes](absl::StatusOr<Offset> at) {
          const absl::MutexLock lock(&mutex_);
          under_way_ -= bytes;
          if (!status_.ok()) return;
          if (!at.ok()) {
            status_ = at.status();
          } else if (*at != first) {
            status_ = Misplaced(folder_->name(), partition, first, *at);
          }
        });
  }
  // Until no more than so many bytes are under way.
  absl::Status Await(size_t bytes) {
    const auto fits = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return under_way_ <= bytes; };
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&fits));
    return status_;
  }

  const std::unique_ptr<host::Folder> folder_;
  const std::vector<Offset> ends_;
  std::vector<Waiting> waiting_;
  absl::Mutex mutex_;
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

class FileTarget final : public CopyTarget {
 public:
  explicit FileTarget(std::string path) : path_(std::move(path)) {}
  absl::Status Open(int partitions) {
    ends_.resize(partitions);
    last_.resize(partitions);
    int there = 0;
    int64_t good = 0;
    absl::Status status = Scan(path_, &there, &good, [&](const v1::LoggedRecord& record) {
      if (record.partition() >= partitions) return absl::OkStatus();  // told below
      ends_[record.partition()] = Offset{record.offset() + 1};
      last_[record.partition()] = record.value();
      return absl::OkStatus();
    });
    const bool is_new = absl::IsNotFound(status);
    if (!status.ok() && !is_new) return status;
    if (!is_new && there != partitions) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_, " has ", there, " partitions, the source ", partitions));
    }
    // A killed copy leaves a cut record at the end.
    if (!is_new && truncate(path_.c_str(), good) != 0) return FileError(path_);
    file_.reset(std::fopen(path_.c_str(), "ab"));
    if (file_ == nullptr) return FileError(path_);
    if (!is_new) return absl::OkStatus();
    item_.mutable_head()->set_partitions(partitions);
    return WriteItem();
  }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return nullptr; }
  absl::StatusOr<std::string> LastValue(Partition partition) override {
    return last_[partition.value];
  }
  absl::Status Write(const Record& record) override {
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
  v1::ArchiveItem item_;
  std::string bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CopySource>> OpenSource(const std::string& log,
                                                       const CommonOptions& common) {
  const absl::StatusOr<host::LogName> name = host::ParseLogName(log);
  if (!name.ok()) return name.status();
  if (name->kind == host::LogName::Kind::kFile) {
    auto source = std::make_unique<FileSource>(name->path);
    if (absl::Status status = source->Open(); !status.ok()) return status;
    return source;
  }
  auto folder = OpenLedger(*name, common, /*read_only=*/true, 0);
  if (!folder.ok()) return folder.status();
  auto ends = EndsOf((*folder)->log());
  if (!ends.ok()) return ends.status();
  return std::make_unique<LedgerSource>(*std::move(folder), *std::move(ends));
}

absl::StatusOr<std::unique_ptr<CopyTarget>> OpenTarget(const std::string& log, int partitions,
                                                       const CommonOptions& common) {
  const absl::StatusOr<host::LogName> name = host::ParseLogName(log);
  if (!name.ok()) return name.status();
  if (name->kind == host::LogName::Kind::kFile) {
    auto target = std::make_unique<FileTarget>(name->path);
    if (absl::Status status = target->Open(partitions); !status.ok()) return status;
    return target;
  }
  if (name->kind == host::LogName::Kind::kKafka) {
    absl::Status safe = CheckClusterIsSafe(log, common);
    if (!safe.ok()) return safe;
  }
  auto folder = OpenLedger(*name, common, /*read_only=*/false, partitions);
  if (!folder.ok()) return folder.status();
  auto ends = EndsOf((*folder)->log());
  if (!ends.ok()) return ends.status();
  if (static_cast<int>(ends->size()) != partitions) {
    return absl::FailedPreconditionError(absl::StrCat(
        log, " has ", ends->size(), " partitions, the source ", partitions,
        ": a key would lie in another partition. Make the topics with --partitions ", partitions));
  }
  if (name->kind == host::LogName::Kind::kKafka) {
    return std::make_unique<ClusterTarget>(*std::move(folder), *std::move(ends));
  }
  return std::make_unique<FolderTarget>(*std::move(folder), *std::move(ends));
}

}  // namespace gridledger::cli
