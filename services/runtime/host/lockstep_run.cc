#include "services/runtime/host/lockstep_run.h"

#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/types/span.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "services/runtime/engine/same_log.h"
#include "services/runtime/host/checkpoint_writer.h"
#include "services/runtime/host/keep_snapshot.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::host {
namespace {

constexpr int kStepsBetweenLooks = 256;
constexpr size_t kBytesBetweenLooks = size_t{256} << 10;  // of a batch: a thousand usual records

class BulkSink : public engine::LedgerSink {
 public:
  explicit BulkSink(BulkAppender* bulk) : bulk_(bulk) {}
  absl::Status Append(const Record& record) override {
    const absl::StatusOr<Offset> at =
        bulk_->Append(record.partition, record.timestamp, record.key, record.headers, record.value);
    if (!at.ok()) return at.status();
    INVARIANT(*at == record.offset, "somebody else appends to a partition in lock-step");
    return absl::OkStatus();
  }

 private:
  BulkAppender* const bulk_;
};

// One partition's run: its tasks, its appender, and the checkpoint under way.
class PartitionRun {
 public:
  PartitionRun(const LockStepRun& run, Partition partition, CheckpointWriter* writer,
               LockStepTotals* totals)
      : run_(run), partition_(partition), checkpoint_writer_(writer), totals_(totals) {
    const int64_t share = static_cast<int64_t>(run.tables_bytes_max) / std::max(1, run.threads);
    tables_bytes_max_ = static_cast<size_t>(share);
    dirty_max_ = std::clamp<size_t>(tables_bytes_max_ / 1024, 2'000,
                                    400'000);  // ~0.5 KB a dirty pair, twice
    // Clean pairs, twice so much of changed ones, and what is collected of them: 1 + 2/3 + 1/3.
    dirty_bytes_max_ = tables_bytes_max_ / 3;
  }
  ~PartitionRun() { WaitForCheckpoint().IgnoreError(); }

  absl::Status Go() {
    for (const engine::Service& service : run_.services) {
      auto task = engine::Task::Open(service, partition_, run_.store, run_.code_id);
      if (!task.ok()) return task.status();
      tasks_.push_back(*std::move(task));
      refs_.push_back(tasks_.back().get());
      tasks_.back()->set_loaded_bytes_max(tables_bytes_max_ / 8 / run_.services.size());
    }
    absl::Status folded = FoldToEnd(run_.log, partition_, refs_, [&](int64_t records) {
      totals_->caught_up += records;
      if (Stopping()) return absl::CancelledError("stopped");
      return MaybeCheckpoint(nullptr);
    });
    if (!folded.ok()) return folded;
    auto source = run_.new_source(partition_);
    if (!source.ok()) return source.status();
    const std::unique_ptr<BulkAppender> bulk = run_.new_bulk();
    BulkSink sink(bulk.get());
    engine::LockStep lockstep(partition_, refs_, &sink);
    absl::Status status = Drive(lockstep, **source, bulk.get());
    // An early end keeps what was done: the ledger first, then the state.
    if (!status.ok() && !absl::IsCancelled(status)) return status;
    if (absl::Status flushed = bulk->Flush(); !flushed.ok()) return flushed;
    if (absl::Status last = Checkpoint(); !last.ok()) return last;
    if (absl::Status stored = WaitForCheckpoint(); !stored.ok()) return stored;
    return status;
  }

 private:
  bool Stopping() const { return run_.stop != nullptr && *run_.stop; }

  absl::Status Drive(engine::LockStep& lockstep, engine::OutsideSource& source,
                     BulkAppender* bulk) {
    lockstep.CallBetweenTicks([&] { return LookAround(lockstep, 0, bulk); });
    if (absl::Status status = lockstep.Continue(); !status.ok()) return status;
    source.Begin(*refs_.front());
    for (bool more = true; more;) {
      int steps = 0;
      for (; steps < kStepsBetweenLooks && more; ++steps) {
        absl::StatusOr<bool> step = lockstep.Step(source);
        if (!step.ok()) return step.status();
        more = *step;
      }
      if (absl::Status status = LookAround(lockstep, steps, bulk); !status.ok()) return status;
    }
    absl::Status status = lockstep.RunTo(run_.until);
    Report(lockstep, 0);
    return status;
  }

  // Between two steps, and while a long run of time fires its timers.
  absl::Status LookAround(const engine::LockStep& lockstep, int steps, BulkAppender* bulk) {
    Report(lockstep, steps);
    if (absl::Status status = MaybeCheckpoint(bulk); !status.ok()) return status;
    if (absl::Status status = MaybeSnapshot(bulk); !status.ok()) return status;
    return Stopping() ? absl::CancelledError("stopped") : absl::OkStatus();
  }

  void Report(const engine::LockStep& lockstep, int steps) {
    totals_->appended += lockstep.appended() - reported_appended_;
    totals_->passed_over += lockstep.passed_over() - reported_passed_over_;
    totals_->late += lockstep.late() - reported_late_;
    reported_appended_ = lockstep.appended();
    reported_passed_over_ = lockstep.passed_over();
    reported_late_ = lockstep.late();
    totals_->steps += steps;
  }

  // `bulk` is null while nothing is appended.
  absl::Status MaybeCheckpoint(BulkAppender* bulk) {
    size_t dirty = 0, bytes = 0;
    for (const engine::Task* task : refs_) {
      dirty += task->dirty();
      bytes += task->dirty_bytes();
    }
    const auto is_dirty = [&](size_t times) {
      return dirty >= times * dirty_max_ || bytes >= times * dirty_bytes_max_;
    };
    if (!is_dirty(1)) return absl::OkStatus();
    if (flight_ != nullptr && !flight_->HasBeenNotified() && !is_dirty(2)) {
      return absl::OkStatus();
    }
    if (absl::Status status = WaitForCheckpoint(); !status.ok()) return status;
    if (bulk != nullptr) {
      if (absl::Status status = bulk->Flush(); !status.ok()) return status;
    }
    return Checkpoint();
  }

  // By the thread that comes to the mark, with its own partition as it is just then.
  absl::Status MaybeSnapshot(BulkAppender* bulk) {
    int64_t mark = totals_->snapshot_at;
    if (totals_->appended < mark) return absl::OkStatus();
    if (!totals_->snapshot_at.compare_exchange_strong(mark, 2 * mark)) return absl::OkStatus();
    absl::Status status = WaitForCheckpoint();
    if (status.ok()) status = bulk->Flush();
    if (status.ok()) status = Checkpoint();
    if (status.ok()) status = WaitForCheckpoint();
    if (status.ok()) status = KeepSnapshot(run_.store);
    return status;
  }

  absl::Status Checkpoint() {
    if (absl::Status status = WaitForCheckpoint(); !status.ok()) return status;
    std::vector<TaskCheckpoint> checkpoints;
    for (engine::Task* task : refs_) checkpoints.push_back(task->Collect());
    flight_ = std::make_unique<absl::Notification>();
    checkpoint_writer_->Submit(std::move(checkpoints), [this](absl::Status status) {
      flight_status_ = std::move(status);
      flight_->Notify();
    });
    return absl::OkStatus();
  }

  absl::Status WaitForCheckpoint() {
    if (flight_ == nullptr) return absl::OkStatus();
    flight_->WaitForNotification();
    flight_.reset();
    if (!flight_status_.ok()) return flight_status_;
    for (engine::Task* task : refs_) task->Stored(tables_bytes_max_ / refs_.size());
    return absl::OkStatus();
  }

  const LockStepRun& run_;
  const Partition partition_;
  CheckpointWriter* const checkpoint_writer_;
  LockStepTotals* const totals_;
  size_t tables_bytes_max_ = 0;
  size_t dirty_max_ = 0, dirty_bytes_max_ = 0;
  std::vector<std::unique_ptr<engine::Task>> tasks_;
  std::vector<engine::Task*> refs_;
  std::unique_ptr<absl::Notification> flight_;
  absl::Status flight_status_;
  int64_t reported_appended_ = 0, reported_passed_over_ = 0, reported_late_ = 0;
};

}  // namespace

absl::Status FoldToEnd(EventLog* log, Partition partition, const std::vector<engine::Task*>& tasks,
                       absl::FunctionRef<absl::Status(int64_t)> after_batch) {
  Offset next = tasks.front()->next();
  for (const engine::Task* task : tasks) next = std::min(next, task->next());
  const absl::StatusOr<Offset> end = log->End(partition);
  if (!end.ok()) return end.status();
  for (const engine::Task* task : tasks) {
    if (absl::Status status = engine::CheckSameLog(log, *task); !status.ok()) return status;
  }
  if (next >= *end) return absl::OkStatus();
  const std::unique_ptr<LogReader> reader = log->NewReaderOfValues();
  RecordBatch batch;
  engine::EntryWindow window;
  const auto fold = [&](absl::Span<const Record> records) -> absl::StatusOr<bool> {
    int64_t folded = 0;
    size_t bytes = 0;
    absl::Status status;
    const auto expect = [&](const Record&, const v1::Entry& entry, engine::Ahead ahead) {
      for (const engine::Task* task : tasks) task->Expect(entry, ahead);
    };
    window.Walk(records, expect, [&](const Record& record, const v1::Entry* entry) {
      for (engine::Task* task : tasks) {
        if (task->next() != record.offset) continue;
        status = entry != nullptr
                     ? task->FoldEntry(record.offset, record.timestamp, *entry, record.value)
                     : task->Fold(record);
        if (!status.ok()) return false;
      }
      ++folded;
      bytes += record.value.size();
      if (bytes < kBytesBetweenLooks) return true;
      bytes = 0;
      status = after_batch(std::exchange(folded, 0));
      return status.ok();
    });
    if (!status.ok()) return status;
    if (status = after_batch(folded); !status.ok()) return status;
    return true;
  };
  return ReadUntil(*reader, Stretch{.partition = partition, .from = next, .end = *end}, &batch,
                   fold);
}

absl::Status Run(const LockStepRun& run, LockStepTotals* totals) {
  CheckpointWriter writer(run.store);
  std::atomic<int> next_partition{0};
  absl::Mutex mutex;
  absl::Status first_error;
  const auto work = [&] {
    while (true) {
      const int index = next_partition++;
      if (index >= run.log->partitions()) return;
      {
        absl::MutexLock lock(&mutex);
        if (!first_error.ok()) return;
      }
      PartitionRun partition(run, Partition{index}, &writer, totals);
      const absl::Status status = partition.Go();
      if (status.ok()) continue;
      absl::MutexLock lock(&mutex);
      if (first_error.ok()) first_error = status;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < run.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return first_error;
}

}  // namespace gridledger::host
