#include "services/gridledger/copying/ends.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/synchronization/mutex.h>

#include <algorithm>
#include <utility>

#include "services/runtime/adapters/kafka/topics.h"
#include "services/runtime/cluster/topic_rules.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/ends.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 4096;
constexpr absl::Duration kAskPatience = absl::Seconds(10);
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
  for (const auto& end : host::AskEnds(log, host::AllPartitions(log), kAskPatience)) {
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

  absl::Status Read(const std::vector<Offset>& from, const LostPlaces& lost,
                    absl::FunctionRef<absl::Status(const Record&)> visit) override {
    const std::unique_ptr<LogReader> reader = folder_->log().NewReader();
    missing_.clear();
    replaced_.clear();
    int64_t left = 0;
    for (size_t p = 0; p < ends_.size(); ++p) {
      if (from[p] >= ends_[p]) continue;
      left += ends_[p].value - from[p].value;
      const absl::Status status = reader->Assign(Partition{static_cast<int>(p)}, from[p]);
      if (!status.ok()) return status;
    }
    std::vector<absl::Time> times(ends_.size(), absl::FromUnixMillis(1));  // of the newest record
    RecordBatch batch;
    while (left > 0) {
      if (absl::Status status = reader->Poll(kReadPatience, kReadBatch, &batch); !status.ok()) {
        if (!batch.bad_place().has_value()) return status;
        const BadPlace bad = *batch.bad_place();
        const Offset end = ends_[bad.partition.value];
        if (!lost.Has(bad.partition, bad.offset)) {
          missing_.push_back(MissingPart{bad.partition, bad.offset, bad, status});
          left -= end.value - bad.offset.value;
          continue;
        }
        replaced_.push_back(bad);
        status = VisitLost(bad, times[bad.partition.value], visit);
        --left;
        if (status.ok() && bad.offset.Next() < end) {
          status = reader->Assign(bad.partition, bad.offset.Next());
        }
        if (!status.ok()) return status;
        continue;
      }
      if (batch.records().empty()) {
        return absl::UnavailableError(absl::StrCat(folder_->name(), ": nothing came for ",
                                                   absl::FormatDuration(kReadPatience)));
      }
      for (const Record& record : batch.records()) {
        if (record.offset >= ends_[record.partition.value]) continue;
        if (absl::Status status = visit(record); !status.ok()) return status;
        if (record.kind == PlaceKind::kRecord) times[record.partition.value] = record.timestamp;
        if (record.offset.Next() == ends_[record.partition.value]) {
          reader->Unassign(record.partition);
        }
        --left;
      }
    }
    return absl::OkStatus();
  }
  std::vector<MissingPart> missing() const override { return missing_; }
  std::vector<BadPlace> replaced() const override { return replaced_; }

 private:
  // What stands in the copy for a record that is gone.
  static absl::Status VisitLost(const BadPlace& bad, absl::Time at,
                                absl::FunctionRef<absl::Status(const Record&)> visit) {
    v1::Entry entry;
    entry.set_schema(engine::kEntrySchema);
    entry.mutable_place_lost()->set_damage(std::string(DamageName(bad.damage)));
    std::string headers, value;
    engine::EncodeEntry(entry, "/gridledger/copy",
                        absl::StrCat(bad.partition.value, "/", bad.offset.value), &headers, &value);
    return visit(Record{.partition = bad.partition,
                        .offset = bad.offset,
                        .timestamp = at,
                        .key = {},
                        .headers = headers,
                        .value = value});
  }

  const std::unique_ptr<host::Folder> folder_;
  const std::vector<Offset> ends_;
  std::vector<MissingPart> missing_;
  std::vector<BadPlace> replaced_;
};

absl::StatusOr<std::string> ReadLast(EventLog& log, Partition partition, Offset end) {
  auto record = ReadRecordAt(log, partition, Offset{end.value - 1});
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::UnavailableError("the last record did not come");
  return std::move((*record)->value);
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
    const absl::StatusOr<Offset> at = record.kind == PlaceKind::kNothing
                                          ? bulk_->AppendNothing(record.partition)
                                          : bulk_->Append(record.partition, record.timestamp,
                                                          record.key, record.headers, record.value);
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

absl::StatusOr<host::FolderOptions> WhereOf(const host::LogName& name,
                                            const CommonOptions& common) {
  CommonOptions options = common;
  options.log = name.Text();
  return options.Folder();
}

absl::Status CheckMayFill(const host::LogName& name, const CommonOptions& common) {
  const absl::StatusOr<host::FolderOptions> where = WhereOf(name, common);
  return where.ok() ? host::CheckLedgerIsSafe(*where, host::Filling::kYes) : where.status();
}

// Who stamps the records of a cluster's ledger. What is copied keeps its times, what comes live
// gets the brokers': so the copy has the topic altered while it writes. One that was cut off leaves
// it as it is, and no service starts on half a ledger.
class LedgerStamping {
 public:
  LedgerStamping(std::unique_ptr<KafkaAdmin> admin, KafkaTopic topic)
      : admin_(std::move(admin)), topic_(std::move(topic)) {}
  static absl::StatusOr<LedgerStamping> Of(const host::LogName& name, const CommonOptions& common) {
    const absl::StatusOr<host::FolderOptions> where = WhereOf(name, common);
    if (!where.ok()) return where.status();
    auto admin =
        KafkaAdmin::Start({where->log->bootstrap, where->kafka, where->said, absl::Seconds(30)});
    if (!admin.ok()) return admin.status();
    auto topic = (*admin)->Find(where->log->Topic());
    if (!topic.ok()) return topic.status();
    if (!topic->has_value()) return absl::NotFoundError("the ledger's topic is gone");
    return LedgerStamping(*std::move(admin), **std::move(topic));
  }

  // Before each record; the first one alters the topic, unless it is so already.
  absl::Status BySender() {
    if (by_sender_) return absl::OkStatus();
    const bool is_so = topic_.settings[kTimestampType] == kStampedBySender;
    if (!is_so) {
      if (absl::Status status = admin_->KeepSentTimes(topic_); !status.ok()) return status;
    }
    by_sender_ = true;
    return absl::OkStatus();
  }
  absl::Status ByBrokers() {
    const bool was_so = topic_.settings[kTimestampType] == kStampedBySender;
    return by_sender_ || was_so ? admin_->StampByBrokers(topic_) : absl::OkStatus();
  }

 private:
  std::unique_ptr<KafkaAdmin> admin_;
  KafkaTopic topic_;  // as it was found
  bool by_sender_ = false;
};

// A cluster's topic: appends under way, their offsets looked at when they are answered.
class ClusterTarget final : public CopyTarget {
 public:
  ClusterTarget(std::unique_ptr<host::Folder> folder, std::vector<Offset> ends,
                LedgerStamping stamping, size_t memory_bytes)
      : folder_(std::move(folder)),
        ends_(std::move(ends)),
        stamping_(std::move(stamping)),
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
    if (absl::Status status = stamping_.BySender(); !status.ok()) return status;
    Waiting& waiting = waiting_[record.partition.value];
    if (waiting.records.empty()) waiting.first = record.offset;
    waiting.records.push_back(NewRecord{record.timestamp, std::string(record.key),
                                        std::string(record.headers), std::string(record.value),
                                        record.kind});
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
  absl::Status Complete() override { return stamping_.ByBrokers(); }

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
  LedgerStamping stamping_;
  const size_t under_way_max_;
  std::vector<Waiting> waiting_;
  absl::Mutex mutex_;
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status LostPlaces::Add(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  Range range;
  bool parsed = parts.size() == 2 && absl::SimpleAtoi(parts[0], &range.partition.value);
  if (parsed) {
    const std::vector<absl::string_view> ends = absl::StrSplit(parts[1], absl::MaxSplits('-', 1));
    parsed = absl::SimpleAtoi(ends.front(), &range.from.value) &&
             absl::SimpleAtoi(ends.back(), &range.to.value);
  }
  if (!parsed || range.partition.value < 0 || range.from.value < 0 || range.to < range.from) {
    return absl::InvalidArgumentError(
        absl::StrCat("--lose ", text,
                     ": a place is PARTITION/OFFSET, e.g. 3/1204, and several are "
                     "PARTITION/FROM-TO"));
  }
  ranges_.push_back(range);
  return absl::OkStatus();
}

bool LostPlaces::Has(Partition partition, Offset offset) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    return range.partition == partition && range.from <= offset && offset <= range.to;
  });
}

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
    absl::Status safe = CheckMayFill(*name, common);
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
    auto stamping = LedgerStamping::Of(*name, common);
    if (!stamping.ok()) return stamping.status();
    return std::make_unique<ClusterTarget>(*std::move(folder), *std::move(ends),
                                           *std::move(stamping), *common.MemoryBytes() / kEnds);
  }
  return std::make_unique<FolderTarget>(*std::move(folder), *std::move(ends));
}

}  // namespace gridledger::cli
