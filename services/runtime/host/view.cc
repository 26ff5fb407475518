#include "services/runtime/host/view.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <absl/base/thread_annotations.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "services/runtime/adapters/rocksdb/snapshots.h"
#include "services/runtime/host/committer.h"
#include "services/runtime/host/ends.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

namespace fs = std::filesystem;

constexpr int kReadBatch = 4096;                             // records, ~1 MB
constexpr absl::Duration kReadPatience = absl::Seconds(30);  // for a record that the end promises
// The same where the other partitions are answered for without it, and for an end at all.
constexpr absl::Duration kPartPatience = absl::Seconds(10);
constexpr size_t kBytesARecord = 512;      // of tables in memory, a record and service, generously
constexpr size_t kBytesADirtyPair = 1024;  // in the tables and once more on its way to the store

// A folder for stores that go with the view. A process that was killed leaves its folder behind;
// the next view that needs one removes it.
class Scratch {
 public:
  explicit Scratch(std::string beside) : beside_(std::move(beside)) {}
  ~Scratch() {
    if (path_.empty()) return;
    std::error_code error;
    fs::remove_all(path_, error);
    close(lock_);
  }

  absl::StatusOr<std::string> Path() {
    if (!path_.empty()) return path_;
    for (const std::string& parent : {beside_, TemporaryFolder()}) {
      Sweep(parent);
      std::string name = absl::StrCat(parent, "/", kPrefix, "XXXXXX");
      if (mkdtemp(name.data()) == nullptr) continue;
      lock_ = open(LockIn(name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
      if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) continue;
      path_ = name;
      return path_;
    }
    return absl::UnavailableError(absl::StrCat("cannot make a scratch folder in ", beside_,
                                               " or in ", TemporaryFolder(),
                                               ": give one of them room, or set TMPDIR"));
  }

 private:
  static constexpr absl::string_view kPrefix = "scratch-";

  static std::string TemporaryFolder() {
    std::error_code error;
    const fs::path path = fs::temp_directory_path(error);
    return error ? "/tmp" : path.string();
  }
  static std::string LockIn(const std::string& folder) { return folder + "/lock"; }

  // A scratch folder whose lock nobody holds has lost its process. One without a lock is just being
  // made.
  static void Sweep(const std::string& parent) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
      if (!absl::StartsWith(entry.path().filename().string(), std::string(kPrefix))) continue;
      const int lock = open(LockIn(entry.path().string()).c_str(), O_RDWR | O_CLOEXEC);
      if (lock < 0) continue;
      if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        std::error_code ignored;
        fs::remove_all(entry.path(), ignored);
      }
      close(lock);
    }
  }

  const std::string beside_;
  std::string path_;
  int lock_ = -1;
};

struct Begun {
  std::unique_ptr<engine::Task> task;
  std::string at;
  Committer* committer = nullptr;  // null: all of it fits in memory
};

// The places that tasks can begin at. Used by all threads of a view.
class Places {
 public:
  explicit Places(const View& view)
      : view_(view), shares_(ShareMemory(view.memory_bytes)), scratch_(view.folder->path()) {
    if (view.begin != Begin::kZero) {
      snapshots_ = state::ListSnapshots(absl::StrCat(view.folder->path(), "/snapshots"));
      opened_.resize(snapshots_.size());
    }
    const int partitions = view.partitions.empty() ? view.folder->log().partitions()
                                                   : static_cast<int>(view.partitions.size());
    const size_t at_once = view.together ? partitions : std::clamp(view.threads, 1, partitions);
    task_bytes_max_ = shares_.tables / (at_once * view.services.size());
    dirty_max_ = std::clamp<size_t>(task_bytes_max_ / kBytesADirtyPair, 2'000, 400'000);
  }

  size_t task_bytes_max() const { return task_bytes_max_; }
  // Changed pairs of a task that are worth a checkpoint.
  size_t dirty_max() const { return dirty_max_; }

  // `bound` is where the view ends in that partition, or later when it ends at an instant.
  absl::StatusOr<Begun> Open(const engine::Service& service, Partition partition, Offset bound) {
    if (view_.begin == Begin::kNewest) {
      auto begun = FromState(service, partition, bound);
      if (!begun.ok() || begun->task != nullptr) return begun;
    }
    const bool to_fold = view_.begin == Begin::kSnapshot && bound.value > 0;
    const Offset upto = to_fold ? Offset{bound.value - 1} : bound;
    for (size_t i = 0; i < snapshots_.size(); ++i) {
      auto begun = FromSnapshot(i, service, partition, upto);
      if (!begun.ok() || begun->task != nullptr) return begun;
    }
    if (to_fold && !snapshots_.empty()) {
      // Complete when the oldest was kept, or else not begun.
      auto begun = FromSnapshot(snapshots_.size() - 1, service, partition, bound);
      if (!begun.ok() || begun->task != nullptr) return begun;
    }
    return FromZero(service, partition, bound);
  }

  // Where Open would most likely begin, without opening anything.
  Offset Estimate(const engine::Service& service, Partition partition, Offset bound) {
    const TaskId id{service.name, partition};
    if (view_.begin == Begin::kNewest && view_.folder->store() != nullptr) {
      const auto found = view_.folder->store()->Find(id);
      if (found.ok() && found->has_value() && (*found)->next <= bound) return (*found)->next;
    }
    for (const SnapshotSummary& snapshot : snapshots_) {
      const Checkpoint* checkpoint = CheckpointIn(snapshot, id);
      if (checkpoint != nullptr && checkpoint->next <= bound) return checkpoint->next;
    }
    return Offset{0};
  }

  // One that nothing is folded into.
  static absl::StatusOr<Begun> Unbegun(const engine::Service& service, Partition partition) {
    auto task = engine::Task::Open(service, partition, nullptr, CodeId());
    if (!task.ok()) return task.status();
    return Begun{*std::move(task), "zero", nullptr};
  }

  absl::StatusOr<Begun> FromZero(const engine::Service& service, Partition partition,
                                 Offset bound) {
    Store* store = nullptr;
    if (!Fits(bound.value)) {
      absl::MutexLock lock(&mutex_);
      if (zero_.store == nullptr) {
        const absl::StatusOr<std::string> path = scratch_.Path();
        if (!path.ok()) return path.status();
        if (absl::Status status = OpenStore(*path + "/zero", &zero_); !status.ok()) return status;
      }
      store = &zero_;
    }
    auto task = engine::Task::Open(service, partition,
                                   store == nullptr ? nullptr : store->store.get(), CodeId());
    if (!task.ok()) return task.status();
    return Begun{*std::move(task), "zero", store == nullptr ? nullptr : store->committer.get()};
  }

 private:
  struct Store {
    std::unique_ptr<RocksStateStore> store;
    std::unique_ptr<Committer> committer;  // goes first
  };

  static const Checkpoint* CheckpointIn(const SnapshotSummary& snapshot, const TaskId& id) {
    for (const SnapshotTask& one : snapshot.tasks) {
      if (one.task == id) return &one.checkpoint;
    }
    return nullptr;
  }

  bool Fits(int64_t records) const {
    return static_cast<size_t>(records) <= task_bytes_max_ / kBytesARecord;
  }

  // An empty Begun when the task cannot begin there: it stands beyond the view's end, or is of
  // another layout.
  absl::StatusOr<Begun> Take(const engine::Service& service, Partition partition, StateStore* store,
                             std::string at, Committer* committer) {
    auto task = engine::Task::Open(service, partition, store, CodeId());
    if (!task.ok()) return task.status();
    if ((*task)->next().value == 0) return Begun{};
    if (absl::Status status = engine::CheckSameLog(&view_.folder->log(), **task); !status.ok()) {
      return status;
    }
    if (view_.until && (*task)->now() > *view_.until) return Begun{};
    return Begun{*std::move(task), std::move(at), committer};
  }

  absl::StatusOr<Begun> FromState(const engine::Service& service, Partition partition,
                                  Offset bound) {
    StateStore* const store = view_.folder->store();
    if (store == nullptr) return Begun{};
    const auto found = store->Find(TaskId{service.name, partition});
    if (!found.ok()) return found.status();
    if (!found->has_value()) return Begun{};
    const Offset next = (*found)->next;
    const std::optional<Offset> up_to = view_.UpTo(partition);
    if (up_to && next > *up_to) return Begun{};
    // The state is another process's: what changes must stay in memory.
    if (next < bound && !Fits(bound.value - next.value)) return Begun{};
    return Take(service, partition, store, "checkpoint", nullptr);
  }

  absl::StatusOr<Begun> FromSnapshot(size_t index, const engine::Service& service,
                                     Partition partition, Offset bound) {
    const SnapshotSummary& snapshot = snapshots_[index];
    const Checkpoint* checkpoint = CheckpointIn(snapshot, TaskId{service.name, partition});
    if (checkpoint == nullptr || checkpoint->next > bound) return Begun{};
    absl::StatusOr<Store*> store = OpenSnapshot(index);
    // A writer drops its oldest snapshot whenever it keeps a new one.
    if (absl::IsNotFound(store.status())) return Begun{};
    if (!store.ok()) return store.status();
    return Take(service, partition, (*store)->store.get(), absl::StrCat("snapshot ", snapshot.name),
                (*store)->committer.get());
  }

  // A snapshot is copied, mostly by hard links, so that it stays as it is.
  absl::StatusOr<Store*> OpenSnapshot(size_t index) {
    absl::MutexLock lock(&mutex_);
    Store& store = opened_[index];
    if (store.store != nullptr) return &store;
    const absl::StatusOr<std::string> scratch = scratch_.Path();
    if (!scratch.ok()) return scratch.status();
    std::error_code error;
    if (!fs::exists(snapshots_[index].folder, error)) return absl::NotFoundError("dropped");
    const std::string copy = absl::StrCat(*scratch, "/snapshot-", index);
    absl::Status status = state::CopyDatabase(snapshots_[index].folder, copy);
    if (status.ok()) status = OpenStore(copy, &store);
    if (status.ok()) return &store;
    return absl::Status(status.code(),
                        absl::StrCat("snapshot ", snapshots_[index].name, ": ", status.message()));
  }

  absl::Status OpenStore(const std::string& path, Store* store) {
    RocksStateStoreOptions options;
    options.folder = path;
    options.memory_bytes = shares_.stores / 4;
    options.scanned = ScannedTables();
    auto opened = RocksStateStore::Open(options);
    if (!opened.ok()) return opened.status();
    store->store = *std::move(opened);
    store->committer = std::make_unique<Committer>(store->store.get());
    return absl::OkStatus();
  }

  const View& view_;
  const MemoryShares shares_;
  size_t task_bytes_max_ = 0;
  size_t dirty_max_ = 0;
  std::vector<SnapshotSummary> snapshots_;  // newest first
  Scratch scratch_;                         // goes after the stores
  absl::Mutex mutex_;
  std::vector<Store> opened_;  // by snapshot
  Store zero_;
};

// A task and its checkpoint under way.
class FoldingTask {
 public:
  FoldingTask(Begun begun, const Places& places)
      : places_(places), begun_(std::move(begun)), from_(task().next()) {
    task().OnlyFold();
  }
  ~FoldingTask() { WaitForCheckpoint(places_.task_bytes_max()).IgnoreError(); }

  engine::Task& task() { return *begun_.task; }
  SeenTask AsSeen() { return SeenTask{begun_.task.get(), from_, begun_.at}; }

  absl::Status MaybeCheckpoint() {
    if (begun_.committer == nullptr) return absl::OkStatus();
    const size_t dirty = task().dirty();
    if (dirty < places_.dirty_max()) return absl::OkStatus();
    const bool busy = flight_ != nullptr && !flight_->HasBeenNotified();
    if (busy && dirty < 2 * places_.dirty_max()) return absl::OkStatus();
    return BeginCheckpoint();
  }
  // Nothing is under way any more; with `leave_memory`, what has a place on disk is only there.
  absl::Status Finish(bool leave_memory) {
    if (begun_.committer != nullptr && leave_memory) {
      if (absl::Status status = BeginCheckpoint(); !status.ok()) return status;
      return WaitForCheckpoint(0);
    }
    return WaitForCheckpoint(places_.task_bytes_max());
  }

 private:
  absl::Status BeginCheckpoint() {
    if (absl::Status status = WaitForCheckpoint(places_.task_bytes_max()); !status.ok()) {
      return status;
    }
    std::vector<TaskCheckpoint> checkpoints;
    checkpoints.push_back(task().Collect());
    flight_ = std::make_unique<absl::Notification>();
    begun_.committer->Submit(std::move(checkpoints), [this](absl::Status status) {
      flight_status_ = std::move(status);
      flight_->Notify();
    });
    return absl::OkStatus();
  }
  absl::Status WaitForCheckpoint(size_t bytes_max) {
    if (flight_ == nullptr) return absl::OkStatus();
    flight_->WaitForNotification();
    flight_.reset();
    if (flight_status_.ok()) task().Stored(bytes_max);
    return flight_status_;
  }

  const Places& places_;
  Begun begun_;
  const Offset from_;
  std::unique_ptr<absl::Notification> flight_;
  absl::Status flight_status_;
};

// One partition's tasks on their way to the view's end.
class PartitionLook {
 public:
  PartitionLook(const View& view, Places* places, ViewTotals* totals, Partition partition,
                Offset bound)
      : view_(view), places_(*places), totals_(*totals), partition_(partition), bound_(bound) {}

  absl::Status Open(Offset estimate) {
    next_ = bound_;
    for (const engine::Service& service : view_.services) {
      auto begun = places_.Open(service, partition_, bound_);
      if (absl::IsDataLoss(begun.status()) && view_.through_damage) {
        // What can be read is folded anew: the state is of another log, or its last record is gone.
        if (opened_.ok()) opened_ = begun.status();
        begun = places_.FromZero(service, partition_, bound_);
      }
      if (!begun.ok()) return begun.status();
      tasks_.push_back(std::make_unique<FoldingTask>(*std::move(begun), places_));
      next_ = std::min(next_, tasks_.back()->task().next());
    }
    totals_.expected += estimate.value - next_.value;
    if (view_.probes == nullptr) return absl::OkStatus();
    for (Probe& probe : *view_.probes) {
      for (auto& folding : tasks_) {
        if (folding->task().id() == probe.task) probes_.push_back({&probe, &folding->task()});
      }
    }
    std::sort(probes_.begin(), probes_.end(),
              [](const auto& a, const auto& b) { return a.probe->at < b.probe->at; });
    return absl::OkStatus();
  }

  // For a partition that cannot be opened: it is seen as far as nothing.
  absl::Status LeaveOut(absl::Status why) {
    tasks_.clear();
    probes_.clear();
    bound_ = next_ = Offset{0};
    opened_ = std::move(why);
    for (const engine::Service& service : view_.services) {
      auto begun = Places::Unbegun(service, partition_);
      if (!begun.ok()) return begun.status();
      tasks_.push_back(std::make_unique<FoldingTask>(*std::move(begun), places_));
    }
    return absl::OkStatus();
  }

  void Fold() {
    for (auto& folding : tasks_) {
      if (status_.ok()) status_ = folding->task().CheckKnown();
    }
    if (status_.ok() && next_ < bound_) status_ = FoldRecords();
    if (status_.ok()) status_ = opened_;
    TakeProbes(next_);
    for (auto& folding : tasks_) {
      const absl::Status stored = folding->Finish(view_.together);
      if (status_.ok()) status_ = stored;
    }
  }
  const absl::Status& status() const { return status_; }

  Seen AsSeen() {
    Seen seen{partition_, next_, tasks_.front()->task().now(), {}, status_, bad_place_};
    for (auto& folding : tasks_) {
      seen.now = std::max(seen.now, folding->task().now());
      seen.tasks.push_back(folding->AsSeen());
    }
    return seen;
  }

 private:
  struct DueProbe {
    Probe* probe;
    engine::Task* task;
  };

  absl::Status FoldRecords() {
    const std::unique_ptr<LogReader> reader = view_.folder->log().NewReaderOfValues();
    if (absl::Status status = reader->Assign(partition_, next_); !status.ok()) return status;
    RecordBatch batch;
    while (next_ < bound_) {
      if (view_.stop != nullptr && *view_.stop)
        return absl::AbortedError("interrupted: nothing was changed");
      const absl::Duration patience = view_.through_damage ? kPartPatience : kReadPatience;
      if (absl::Status status = reader->Poll(patience, kReadBatch, &batch); !status.ok()) {
        bad_place_ = batch.bad_place();
        return status;
      }
      if (batch.records().empty()) {
        return absl::UnavailableError(absl::StrCat("partition ", partition_.value, " offset ",
                                                   next_.value, ": the record does not come"));
      }
      const Offset before = next_;
      bool reached = false;
      absl::Status status = FoldBatch(batch, &reached);
      totals_.records += next_.value - before.value;
      for (auto& folding : tasks_) {
        if (status.ok()) status = folding->MaybeCheckpoint();
      }
      if (!status.ok()) return status;
      if (reached) break;
    }
    return absl::OkStatus();
  }

  absl::Status FoldBatch(const RecordBatch& batch, bool* reached) {
    absl::Status status;
    const auto expect = [this](const Record&, const v1::Entry& entry, engine::Ahead ahead) {
      for (auto& folding : tasks_) folding->task().Expect(entry, ahead);
    };
    window_.Walk(batch.records(), expect, [&](const Record& record, const v1::Entry* entry) {
      *reached = record.offset >= bound_ || (view_.until && record.kind == PlaceKind::kRecord &&
                                             record.timestamp > *view_.until);
      if (*reached) return false;
      if (probe_ < probes_.size()) TakeProbes(record.offset);
      if (view_.before_folding) {
        status = view_.before_folding(record, entry);
        if (!status.ok()) return false;
      }
      for (auto& folding : tasks_) {
        engine::Task& task = folding->task();
        if (task.next() != record.offset) continue;  // it stands further on
        status = entry != nullptr
                     ? task.FoldEntry(record.offset, record.timestamp, *entry, record.value)
                     : task.Fold(record);
        if (!status.ok()) return false;
      }
      next_ = record.offset.Next();
      return true;
    });
    return status;
  }

  // Those of offsets up to `next`, which is not folded yet.
  void TakeProbes(Offset next) {
    for (; probe_ < probes_.size() && probes_[probe_].probe->at <= next; ++probe_) {
      const DueProbe& due = probes_[probe_];
      if (due.task->next() == due.probe->at) due.probe->digest = due.task->digest();
    }
  }

  const View& view_;
  Places& places_;
  ViewTotals& totals_;
  const Partition partition_;
  Offset bound_;
  Offset next_;  // the first record that not all tasks have folded
  absl::Status opened_;
  absl::Status status_;
  std::optional<BadPlace> bad_place_;
  std::vector<std::unique_ptr<FoldingTask>> tasks_;
  std::vector<DueProbe> probes_;  // by offset
  size_t probe_ = 0;
  engine::EntryWindow window_;
};

struct Part {
  Partition partition;
  Offset bound;
  Offset estimate;      // of where the folding begins
  absl::Status status;  // why its end is not known
};

// Whether a partition that ended so is handed over all the same.
bool IsHandedOver(const View& view, const absl::Status& status) {
  return status.ok() ||
         (view.through_damage && (absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) ||
                                  absl::IsUnavailable(status)));
}

absl::StatusOr<std::vector<Part>> PartsOf(const View& view, Places& places) {
  EventLog& log = view.folder->log();
  const std::vector<Partition> partitions =
      view.partitions.empty() ? AllPartitions(log) : view.partitions;
  const std::vector<absl::StatusOr<Offset>> ends = AskEnds(log, partitions, kPartPatience);
  std::vector<Part> parts;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const Partition partition = partitions[i];
    const absl::StatusOr<Offset>& end = ends[i];
    if (!end.ok()) {
      if (!IsHandedOver(view, end.status())) return end.status();
      parts.push_back(Part{partition, Offset{0}, Offset{0}, end.status()});
      continue;
    }
    Part part{partition, std::min(view.UpTo(partition).value_or(*end), *end), *end, {}};
    for (const engine::Service& service : view.services) {
      part.estimate = std::min(part.estimate, places.Estimate(service, partition, part.bound));
    }
    parts.push_back(part);
  }
  return parts;
}

}  // namespace

absl::Status Look(const View& view, ViewTotals* totals,
                  absl::FunctionRef<absl::Status(const Seen&)> visit) {
  INVARIANT(!view.services.empty() && !(view.until && view.to),
            "a view of nothing, or of two ends");
  Places places(view);
  const absl::StatusOr<std::vector<Part>> parts = PartsOf(view, places);
  if (!parts.ok()) return parts.status();
  for (const Part& part : *parts) totals->expected += part.bound.value - part.estimate.value;

  std::atomic<size_t> next_part{0};
  absl::Mutex mutex;
  absl::Status first_error;                                          // guarded by mutex
  std::vector<std::unique_ptr<PartitionLook>> looks(parts->size());  // one is one thread's
  const auto one = [&](size_t index) -> absl::Status {
    const Part& part = (*parts)[index];
    std::unique_ptr<PartitionLook>& look = looks[index];
    look = std::make_unique<PartitionLook>(view, &places, totals, part.partition, part.bound);
    absl::Status opened = part.status.ok() ? look->Open(part.estimate) : part.status;
    if (!opened.ok()) {
      if (!IsHandedOver(view, opened)) return opened;
      opened = look->LeaveOut(std::move(opened));
      if (!opened.ok()) return opened;
    }
    look->Fold();
    if (!IsHandedOver(view, look->status())) return look->status();
    if (view.together) return absl::OkStatus();
    const std::unique_ptr<PartitionLook> mine = std::move(look);
    absl::MutexLock lock(&mutex);
    return first_error.ok() ? visit(mine->AsSeen()) : absl::OkStatus();
  };
  const auto work = [&] {
    for (size_t i = next_part++; i < parts->size(); i = next_part++) {
      {
        absl::MutexLock lock(&mutex);
        if (!first_error.ok()) return;
      }
      const absl::Status status = one(i);
      absl::MutexLock lock(&mutex);
      if (first_error.ok()) first_error = status;
    }
  };
  const size_t threads = std::min(parts->size(), static_cast<size_t>(std::max(1, view.threads)));
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  for (size_t i = 0; view.together && first_error.ok() && i < looks.size(); ++i) {
    first_error = visit(looks[i]->AsSeen());
  }
  return first_error;
}

}  // namespace gridledger::host
