#include "services/runtime/adapters/local/committer.h"

#include <absl/strings/str_cat.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"
#include "services/runtime/adapters/local/database.h"
#include "services/runtime/adapters/local/record_layout.h"

namespace gridledger::local {
namespace {

// A commit of 8 MiB takes some 30 ms; more would make a single append wait for longer.
constexpr size_t kCommitBytesMax = size_t{8} << 20;
// Eight commits' worth: what a caller may be ahead of the disk before it waits.
constexpr size_t kQueueBytesMax = size_t{64} << 20;

}  // namespace

Committer::Committer(Source& source, Witness& witness, Reopening reopening)
    : source_(source),
      witness_(witness),
      tail_(source.tail),
      reopening_(std::move(reopening)),
      pending_(tail_.partitions(), 0),
      claimed_(tail_.partitions(), 0) {
  for (int p = 0; p < tail_.partitions(); ++p) ends_.push_back(tail_.End(p));
  thread_ = std::thread([this] { Run(); });
}

Committer::~Committer() {
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  thread_.join();
}

void Committer::Append(Partition partition, std::vector<NewRecord> records, EventLog::Done done) {
  if (partition.value < 0 || partition.value >= tail_.partitions()) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("partition ", partition.value, " is not one of ", tail_.partitions())));
  }
  Pending pending{partition, {}, {}, std::move(done)};
  for (const NewRecord& record : records) {
    const size_t size = record.bytes();
    if (size > kRecordBytesMax) {
      return pending.done(absl::InvalidArgumentError(
          absl::StrCat("a record of ", size, " bytes; the limit is ", kRecordBytesMax)));
    }
    AppendRecordValue(record, &pending.values);
    pending.ends.push_back(pending.values.size());
  }

  std::unique_lock<std::mutex> lock(queue_mutex_);
  // The committing thread itself may append, from a `done`; it must not wait for itself.
  if (std::this_thread::get_id() != thread_.get_id()) {
    drained_.wait(lock, [this] { return queue_bytes_ < kQueueBytesMax; });
  }
  if (claimed_[partition.value]) {
    lock.unlock();
    return pending.done(absl::FailedPreconditionError(
        absl::StrCat("partition ", partition.value, " is being written by a bulk import")));
  }
  queue_bytes_ += pending.values.size();
  ++pending_[partition.value];
  queue_.push_back(std::move(pending));
  lock.unlock();
  queued_.notify_one();
}

void Committer::Run() {
  while (true) {
    std::vector<Pending> group;
    {
      std::unique_lock<std::mutex> lock(queue_mutex_);
      queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      for (size_t bytes = 0; !queue_.empty() && bytes < kCommitBytesMax;) {
        bytes += queue_.front().values.size();
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    CommitGroup(std::move(group));
  }
}

void Committer::CommitGroup(std::vector<Pending> group) {
  std::vector<Offset> firsts;
  absl::Status status;
  {
    const std::lock_guard<std::mutex> commit(commit_mutex_);
    status = Write(group, &firsts);
    if (!status.ok()) {
      // What waits was handed over before anyone could know of the failure: it fails as well.
      const std::lock_guard<std::mutex> lock(queue_mutex_);
      for (Pending& pending : queue_) group.push_back(std::move(pending));
      queue_.clear();
    }
  }
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    for (const Pending& pending : group) {
      queue_bytes_ -= pending.values.size();
      --pending_[pending.partition.value];
    }
  }
  drained_.notify_all();
  for (size_t i = 0; i < group.size(); ++i) {
    if (status.ok()) {
      group[i].done(firsts[i]);
    } else {
      group[i].done(status);
    }
  }
}

absl::Status Committer::Write(const std::vector<Pending>& group, std::vector<Offset>* firsts) {
  if (absl::Status status = EnsureWorking(); !status.ok()) return status;
  size_t bytes = 0;
  for (const Pending& pending : group) bytes += pending.values.size() + 16 * pending.ends.size();
  rocksdb::WriteBatch batch(bytes);
  std::vector<int64_t> ends = ends_;
  for (const Pending& pending : group) {
    int64_t& end = ends[pending.partition.value];
    firsts->push_back(Offset{end});
    size_t at = 0;
    for (const size_t value_end : pending.ends) {
      const RecordKey key(pending.partition, Offset{end++});
      const rocksdb::Status put =
          batch.Put(SliceOf(key.text()), {pending.values.data() + at, value_end - at});
      INVARIANT(put.ok(), put.ToString());
      at = value_end;
    }
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status written = source_.db()->Write(synced, &batch);
  if (!written.ok()) return Fail(ToStatus(written, "cannot append"));
  ends_ = std::move(ends);
  return Publish();
}

// The records are durable; a witness that cannot be written would not notice their loss.
absl::Status Committer::Publish() {
  absl::Status witnessed = witness_.Write(ends_);
  if (!witnessed.ok()) return Fail(std::move(witnessed));
  tail_.Publish(ends_);
  return absl::OkStatus();
}

absl::Status Committer::Fail(absl::Status error) {
  failure_ = std::move(error);
  retry_at_ = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(reopening_.retry_after);
  return failure_;
}

absl::Status Committer::EnsureWorking() {
  if (failure_.ok()) return absl::OkStatus();
  if (std::chrono::steady_clock::now() < retry_at_) return failure_;
  absl::Status status = Reopen();
  if (status.ok()) status = AdoptEnds();
  if (!status.ok()) return Fail(std::move(status));
  failure_ = absl::OkStatus();
  return absl::OkStatus();
}

// Opening writes what is in the write-ahead log into sorted files. When it fails all the same,
// reading goes on at least.
absl::Status Committer::Reopen() {
  if (absl::Status status = RoomToOpen(reopening_.folder, reopening_.options); !status.ok()) {
    return status;
  }
  absl::Status status;
  const absl::Status readable = source_.Replace([&]() {
    absl::StatusOr<std::shared_ptr<rocksdb::DB>> db =
        OpenForWriting(reopening_.folder, reopening_.options);
    status = db.status();
    if (db.ok()) return db;
    return OpenForChecking(reopening_.folder, reopening_.options,
                           rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  });
  return status.ok() ? readable : status;
}

// What was refused may be there all the same, behind what was acknowledged.
absl::Status Committer::AdoptEnds() {
  absl::StatusOr<std::vector<int64_t>> ends = ReadEnds(*source_.db(), tail_.partitions());
  if (!ends.ok()) return ends.status();
  for (Partition p{0}; p.value < tail_.partitions(); p = p.Next()) {
    if ((*ends)[p.value] >= ends_[p.value]) continue;
    return Damaged(p, Offset{(*ends)[p.value]},
                   absl::StrCat("acknowledged up to ", ends_[p.value], " and gone"));
  }
  ends_ = *std::move(ends);
  return Publish();
}

absl::StatusOr<Offset> Committer::Claim(Partition partition) {
  if (partition.value < 0 || partition.value >= tail_.partitions()) {
    return absl::InvalidArgumentError(
        absl::StrCat("partition ", partition.value, " is not one of ", tail_.partitions()));
  }
  {
    std::unique_lock<std::mutex> lock(queue_mutex_);
    if (claimed_[partition.value]) {
      return absl::FailedPreconditionError(
          absl::StrCat("partition ", partition.value, " is being written by another bulk import"));
    }
    claimed_[partition.value] = 1;
    drained_.wait(lock, [&] { return pending_[partition.value] == 0; });
  }
  const std::lock_guard<std::mutex> commit(commit_mutex_);
  if (absl::Status status = EnsureWorking(); !status.ok()) {
    Release(partition);
    return status;
  }
  return Offset{ends_[partition.value]};
}

void Committer::Release(Partition partition) {
  const std::lock_guard<std::mutex> lock(queue_mutex_);
  claimed_[partition.value] = 0;
}

absl::Status Committer::Ingest(absl::Span<const BulkFile> files) {
  const std::lock_guard<std::mutex> commit(commit_mutex_);
  if (absl::Status status = EnsureWorking(); !status.ok()) return status;
  std::vector<int64_t> ends = ends_;
  std::vector<std::string> paths;
  for (const BulkFile& file : files) {
    int64_t& end = ends[file.partition.value];
    if (file.first.value != end) {
      return absl::AbortedError(absl::StrCat("partition ", file.partition.value, " ends at ", end,
                                             ", the bulk file begins at ", file.first.value));
    }
    end += file.count;
    paths.push_back(file.path);
  }
  if (paths.empty()) return absl::OkStatus();

  // Ingested beside a memtable that it overlaps, a file may be ordered wrongly (RocksDB < 7.10).
  rocksdb::Status status = source_.db()->Flush(rocksdb::FlushOptions());
  if (!status.ok()) return Fail(ToStatus(status, "cannot flush before a bulk import"));
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  status = source_.db()->IngestExternalFile(paths, options);
  if (!status.ok()) return Fail(ToStatus(status, "cannot take in bulk files"));
  ends_ = std::move(ends);
  return Publish();
}

}  // namespace gridledger::local
