#include "services/gridledger/copy_ends.h"

#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>

#include <algorithm>
#include <utility>

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 4096;
constexpr absl::Duration kReadWait = absl::Seconds(30);
constexpr size_t kAppendRecords = 500;  // a cluster's append at once
constexpr size_t kEnds = 2;             // that share the limit
// Bytes handed over and not answered: a part of what a cluster's folder has for its stores, a
// quarter of which its producer may keep; and no more than this.
constexpr size_t kUnderWayPart = 16;
constexpr size_t kUnderWayMax = size_t{16} << 20;
constexpr int64_t kFlushEvery = 200'000;  // records of a bulk append

absl::StatusOr<std::unique_ptr<host::Folder>> OpenLedger(const host::LogName& name,
                                                         const CommonOptions& common,
                                                         bool read_only, int partitions) {
  CommonOptions options = common;
  options.log = name.Text();
  options.data.clear();
  if (absl::Status status = options.Resolve(); !status.ok()) return status;
  absl::StatusOr<host::FolderOptions> where = options.Folder();
  if (!where.ok()) return where.status();
  where->memory_bytes /= kEnds;
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
  ClusterTarget(std::unique_ptr<host::Folder> folder, std::vector<Offset> ends, size_t memory_bytes)
      : folder_(std::move(folder)),
        ends_(std::move(ends)),
        under_way_max_(
            std::min(host::ShareMemory(memory_bytes).stores / kUnderWayPart, kUnderWayMax)),
        waiting_(ends_.size()) {}
  ~ClusterTarget() override { Await(0).IgnoreError(); }
  const std::vector<Offset>& ends() const override { return ends_; }
  host::Folder* folder() override { return folder_.get(); }
  absl::StatusOr<std::string> LastValue(Partition partition) override {
    return ReadLast(folder_->log(), partition, ends_[partition.value]);
  }
  absl::Status Write(const Record& record) override {
    Waiting& waiting = waiting_[record.partition.value];
    if (waiting.records.empty()) waiting.first = record.offset;
    waiting.records.push_back(NewRecord{record.timestamp, std::string(record.key),
                                        std::string(record.headers), std::string(record.value)});
    waiting.bytes += waiting.records.back().bytes();
    if (waiting.records.size() < kAppendRecords && waiting.bytes < under_way_max_ / 8) {
      return absl::OkStatus();
    }
    Send(record.partition);
    return Await(under_way_max_);
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
  const size_t under_way_max_;
  std::vector<Waiting> waiting_;
  absl::Mutex mutex_;
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<CopySource>> OpenSource(const std::string& log,
                                                       const CommonOptions& common) {
  const absl::StatusOr<host::LogName> name = host::ParseLogName(log);
  if (!name.ok()) return name.status();
  if (name->kind == host::LogName::Kind::kFile) {
    return OpenArchiveSource(name->path);
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
    return OpenArchiveTarget(name->path, partitions);
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
        ": a key would lie in another partition. Make the topics with --partitions ", partitions,
        ends->size() < static_cast<size_t>(partitions)
            ? absl::StrCat("; or, if the source was made with ", ends->size(),
                           " and got more, add --reunite ", ends->size())
            : std::string()));
  }
  if (name->kind == host::LogName::Kind::kKafka) {
    return std::make_unique<ClusterTarget>(*std::move(folder), *std::move(ends),
                                           *common.MemoryBytes() / kEnds);
  }
  return std::make_unique<FolderTarget>(*std::move(folder), *std::move(ends));
}

}  // namespace gridledger::cli
