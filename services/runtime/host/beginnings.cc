#include "services/runtime/host/beginnings.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/runtime/engine/same_log.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

namespace fs = std::filesystem;

// Of tables in memory, a record and service: usually some 400 B, with long texts a KB.
constexpr size_t kBytesARecord = 1024;
constexpr size_t kDirtyBytesMin = size_t{512} << 10;  // some 1,000 pairs: less is no checkpoint

}  // namespace

Beginnings::Beginnings(const View& view)
    : view_(view), shares_(ShareMemory(view.memory_bytes)), scratch_(view.folder->path()) {
  if (view.begin != Begin::kZero) {
    snapshots_ = state::ListSnapshots(absl::StrCat(view.folder->path(), "/snapshots"));
    opened_.resize(snapshots_.size());
  }
  const int partitions = view.partitions.empty() ? view.folder->log().partitions()
                                                 : static_cast<int>(view.partitions.size());
  const size_t at_once = view.together ? partitions : std::clamp(view.threads, 1, partitions);
  task_bytes_max_ = shares_.tables / (at_once * view.services.size());
  dirty_bytes_max_ = std::max(task_bytes_max_ / 2, kDirtyBytesMin);
}

absl::StatusOr<Begun> Beginnings::Open(const engine::Service& service, Partition partition,
                                       Offset bound) {
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

Offset Beginnings::Estimate(const engine::Service& service, Partition partition, Offset bound) {
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

absl::StatusOr<Begun> Beginnings::Unbegun(const engine::Service& service, Partition partition) {
  auto task = engine::Task::Open(service, partition, nullptr, CodeId());
  if (!task.ok()) return task.status();
  return Begun{*std::move(task), "zero", nullptr};
}

absl::StatusOr<Begun> Beginnings::FromZero(const engine::Service& service, Partition partition,
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
  return Begun{*std::move(task), "zero", store == nullptr ? nullptr : store->writer.get()};
}

const Checkpoint* Beginnings::CheckpointIn(const SnapshotSummary& snapshot, const TaskId& id) {
  for (const SnapshotTask& one : snapshot.tasks) {
    if (one.task == id) return &one.checkpoint;
  }
  return nullptr;
}

bool Beginnings::Fits(int64_t records) const {
  return static_cast<size_t>(records) <= task_bytes_max_ / kBytesARecord;
}

absl::StatusOr<Begun> Beginnings::Take(const engine::Service& service, Partition partition,
                                       StateStore* store, std::string at,
                                       CheckpointWriter* writer) {
  auto task = engine::Task::Open(service, partition, store, CodeId());
  if (!task.ok()) return task.status();
  if ((*task)->next().value == 0) return Begun{};
  if (absl::Status status = engine::CheckSameLog(&view_.folder->log(), **task); !status.ok()) {
    return status;
  }
  if (view_.until && (*task)->now() > *view_.until) return Begun{};
  return Begun{*std::move(task), std::move(at), writer};
}

absl::StatusOr<Begun> Beginnings::FromState(const engine::Service& service, Partition partition,
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

absl::StatusOr<Begun> Beginnings::FromSnapshot(size_t index, const engine::Service& service,
                                               Partition partition, Offset bound) {
  const SnapshotSummary& snapshot = snapshots_[index];
  const Checkpoint* checkpoint = CheckpointIn(snapshot, TaskId{service.name, partition});
  if (checkpoint == nullptr || checkpoint->next > bound) return Begun{};
  absl::StatusOr<Store*> store = OpenSnapshot(index);
  // A writer drops its oldest snapshot whenever it keeps a new one.
  if (absl::IsNotFound(store.status())) return Begun{};
  if (!store.ok()) return store.status();
  return Take(service, partition, (*store)->store.get(), absl::StrCat("snapshot ", snapshot.name),
              (*store)->writer.get());
}

absl::StatusOr<Beginnings::Store*> Beginnings::OpenSnapshot(size_t index) {
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

absl::Status Beginnings::OpenStore(const std::string& path, Store* store) {
  RocksStateStoreOptions options;
  options.folder = path;
  options.memory_bytes = shares_.stores / 4;
  options.scanned = ScannedTables();
  auto opened = RocksStateStore::Open(options);
  if (!opened.ok()) return opened.status();
  store->store = *std::move(opened);
  store->writer = std::make_unique<CheckpointWriter>(store->store.get());
  return absl::OkStatus();
}

}  // namespace gridledger::host
