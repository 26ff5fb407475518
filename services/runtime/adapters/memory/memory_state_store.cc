#include "services/runtime/adapters/memory/memory_state_store.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "services/base/invariant.h"

namespace gridledger {

class MemoryStateStore::MemoryTier : public TaskTier {
 public:
  MemoryTier(MemoryStateStore* store, const TaskId& task) : store_(store), task_(task) {}

  bool Get(absl::string_view key, std::string* value) override {
    absl::MutexLock lock(&store_->mutex_);
    const Pairs* pairs = PairsNow();
    if (pairs == nullptr) return false;
    const auto at = pairs->find(key);
    if (at == pairs->end()) return false;
    *value = at->second;
    return true;
  }

  void ScanFrom(absl::string_view prefix, absl::string_view from, Visit visit) override {
    // Copied, so that the visitor may call the store.
    std::vector<std::pair<std::string, std::string>> found;
    {
      absl::MutexLock lock(&store_->mutex_);
      const Pairs* pairs = PairsNow();
      if (pairs == nullptr) return;
      for (auto at = pairs->lower_bound(from);
           at != pairs->end() && absl::StartsWith(at->first, prefix); ++at) {
        found.emplace_back(*at);
      }
    }
    for (const auto& [key, value] : found) {
      if (!visit(key, value)) return;
    }
  }

  absl::Status status() const override { return status_; }

 private:
  // Null when there is nothing to read.
  const Pairs* PairsNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(store_->mutex_) {
    if (status_.ok()) status_ = store_->read_error_;
    if (!status_.ok()) return nullptr;
    const auto at = store_->state_.find(task_);
    return at == store_->state_.end() ? nullptr : &at->second.pairs;
  }

  MemoryStateStore* const store_;
  const TaskId task_;
  absl::Status status_;
};

absl::StatusOr<std::optional<Checkpoint>> MemoryStateStore::Find(const TaskId& task) {
  absl::MutexLock lock(&mutex_);
  if (!read_error_.ok()) return read_error_;
  const auto at = state_.find(task);
  if (at == state_.end()) return std::nullopt;
  return at->second.checkpoint;
}

std::vector<TaskId> MemoryStateStore::Tasks() {
  absl::MutexLock lock(&mutex_);
  std::vector<TaskId> tasks;
  for (const auto& [task, stored] : state_) tasks.push_back(task);
  return tasks;
}

std::unique_ptr<TaskTier> MemoryStateStore::Tier(const TaskId& task) {
  return std::make_unique<MemoryTier>(this, task);
}

absl::Status MemoryStateStore::Commit(std::vector<TaskCheckpoint> checkpoints) {
  absl::MutexLock lock(&mutex_);
  const absl::Status error = std::exchange(next_error_, absl::OkStatus());
  if (!error.ok() && !next_stored_) return error;
  for (TaskCheckpoint& checkpoint : checkpoints) {
    const auto [at, fresh] = state_.try_emplace(checkpoint.task);
    Stored& stored = at->second;
    INVARIANT(
        fresh || checkpoint.replaces_all || checkpoint.checkpoint.next >= stored.checkpoint.next,
        "a task's checkpoints come in the order of their offsets");
    if (checkpoint.replaces_all) stored.pairs.clear();
    const PairBatch::Pair* before = nullptr;
    for (const PairBatch::Pair& pair : checkpoint.pairs.Sorted()) {
      INVARIANT(before == nullptr || before->key < pair.key, "a key is in a commit once");
      before = &pair;
      if (pair.deleted) {
        stored.pairs.erase(pair.key);
      } else {
        stored.pairs[pair.key] = std::string(pair.value);
      }
    }
    stored.checkpoint = std::move(checkpoint.checkpoint);
  }
  ++commits_;
  return error;
}

absl::Status MemoryStateStore::Snapshot(absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("a snapshot has a name");
  absl::MutexLock lock(&mutex_);
  if (!snapshots_.try_emplace(name, state_).second) {
    return absl::AlreadyExistsError(absl::StrCat("there is a snapshot named ", name));
  }
  return absl::OkStatus();
}

std::unique_ptr<MemoryStateStore> MemoryStateStore::OpenSnapshot(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto at = snapshots_.find(name);
  if (at == snapshots_.end()) return nullptr;
  auto store = std::make_unique<MemoryStateStore>();
  absl::MutexLock other(&store->mutex_);
  store->state_ = at->second;
  return store;
}

void MemoryStateStore::FailNextCommit(absl::Status error, bool stored) {
  absl::MutexLock lock(&mutex_);
  next_error_ = std::move(error);
  next_stored_ = stored;
}

void MemoryStateStore::LoseFromNowOn() {
  absl::MutexLock lock(&mutex_);
  if (!durable_.has_value()) durable_ = state_;
}

void MemoryStateStore::Crash() {
  absl::MutexLock lock(&mutex_);
  if (!durable_.has_value()) return;
  state_ = *std::move(durable_);
  durable_.reset();
}

void MemoryStateStore::FailReads(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  read_error_ = std::move(error);
}

int64_t MemoryStateStore::commits() const {
  absl::MutexLock lock(&mutex_);
  return commits_;
}

}  // namespace gridledger
