#include "services/runtime/adapters/rocksdb/rocks_state_store.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "services/base/invariant.h"
#include "services/runtime/adapters/rocksdb/state_database.h"
#include "services/runtime/adapters/rocksdb/state_layout.h"
#include "services/runtime/adapters/table_files/sync.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;
using state::SliceOf;
using state::ToStatus;
using state::ViewOf;

// Ingestion does not slow down by itself when compaction falls behind. Each file in level 0 costs
// every read a look into its filter: beyond 20 of them commits wait.
constexpr int kLevel0FilesMax = 20;
constexpr absl::Duration kHoldBackMax = absl::Minutes(2);  // a compaction takes seconds

constexpr absl::string_view kCommitFile = "/commit.sst";
constexpr absl::string_view kDamagedNote = "/DAMAGED";

constexpr absl::string_view kCure =
    "Stop the service and start it again: it goes back to the newest sound snapshot, or folds the "
    "log anew";

// A fold reads a few pairs here and there; a scan reads a table once, at opening.
rocksdb::ReadOptions ScanOptions() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.total_order_seek = true;  // filters are for Get alone
  return options;
}

std::string Trimmed(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

RocksStateStoreOptions Completed(RocksStateStoreOptions options) {
  options.folder = Trimmed(std::move(options.folder));
  if (options.snapshots_folder.empty()) {
    options.snapshots_folder = (fs::path(options.folder).parent_path() / "snapshots").string();
  }
  return options;
}

std::string ParentOf(const std::string& folder) {
  const std::string parent = fs::path(folder).parent_path().string();
  return parent.empty() ? "." : parent;
}

// What an earlier process found out about the state while it used it; empty when nothing.
std::string NoteOfDamage(const std::string& folder) {
  std::ifstream file(folder + std::string(kDamagedNote), std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

int NumberOf(const fs::path& path, const std::string& stem) {
  const std::string name = path.filename().string();
  int number = 0;
  return absl::StartsWith(name, stem) && absl::SimpleAtoi(name.substr(stem.size()), &number)
             ? number
             : 0;
}

// Renames the folder to `state.damaged-N` and drops all but the newest `kept` of these.
absl::StatusOr<std::string> MoveAside(const std::string& folder, int kept) {
  const std::string stem = fs::path(folder).filename().string() + ".damaged-";
  std::vector<std::pair<int, fs::path>> earlier;
  std::error_code error;
  for (fs::directory_iterator at(ParentOf(folder), error), end; !error && at != end;
       at.increment(error)) {
    if (const int number = NumberOf(at->path(), stem); number > 0) {
      earlier.emplace_back(number, at->path());
    }
  }
  std::sort(earlier.rbegin(), earlier.rend());
  const int number = earlier.empty() ? 1 : earlier[0].first + 1;
  const std::string aside = absl::StrCat(ParentOf(folder), "/", stem, number);
  fs::rename(folder, aside, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot move ", folder, " aside to ", aside, ": ", error.message()));
  }
  for (size_t i = static_cast<size_t>(std::max(kept, 1)) - 1; i < earlier.size(); ++i) {
    fs::remove_all(earlier[i].second, error);
  }
  return aside;
}

}  // namespace

class RocksStateStore::RocksTier : public TaskTier {
 public:
  RocksTier(RocksStateStore* store, const TaskId& task)
      : store_(store),
        task_(task),
        standing_(store->StandingOf(task)),
        task_prefix_(state::TaskPrefix(task)),
        key_(state::GenerationPrefix(task_prefix_, 0)) {}

  bool Get(absl::string_view key, std::string* value) override {
    if (!status_.ok()) return false;
    rocksdb::Status status;
    do {
      if (!MakeKey(key)) return false;
      status = store_->db_->Get(read_, store_->db_->DefaultColumnFamily(), SliceOf(key_), value);
    } while (Replaced());
    if (!status.ok() && !status.IsNotFound()) Remember(status);
    return status.ok();
  }

  void ScanFrom(absl::string_view prefix, absl::string_view from, Visit visit) override {
    if (!status_.ok()) return;
    rocksdb::ReadOptions options = ScanOptions();
    std::string end;
    rocksdb::Slice end_slice;
    std::unique_ptr<rocksdb::Iterator> it;
    do {
      if (!MakeKey(prefix)) return;
      end = state::PrefixEnd(key_);
      end_slice = SliceOf(end);
      options.iterate_upper_bound = &end_slice;
      it.reset(store_->db_->NewIterator(options));
    } while (Replaced());
    key_.append(from.data() + prefix.size(), from.size() - prefix.size());
    for (it->Seek(SliceOf(key_)); it->Valid(); it->Next()) {
      if (!visit(ViewOf(it->key()).substr(prefix_.size()), ViewOf(it->value()))) return;
    }
    if (!it->status().ok()) Remember(it->status());
  }

  absl::Status status() const override { return status_; }

 private:
  // True when a commit replaced everything meanwhile, so that what was read may be half gone.
  bool Replaced() const {
    return standing_->generation.load(std::memory_order_acquire) != generation_;
  }

  // False when the task has no pairs.
  bool MakeKey(absl::string_view pair_key) {
    const uint32_t generation = standing_->generation.load(std::memory_order_acquire);
    if (generation == 0) return false;
    if (generation != generation_) {
      prefix_ = state::GenerationPrefix(task_prefix_, generation);
      generation_ = generation;
    }
    key_.assign(prefix_);
    key_.append(pair_key.data(), pair_key.size());
    return true;
  }

  void Remember(const rocksdb::Status& status) {
    status_ =
        status.IsCorruption()
            ? store_->Damaged(task_, status.ToString())
            : ToStatus(status, absl::StrCat("cannot read the state of ", state::Describe(task_)));
  }

  RocksStateStore* const store_;
  const TaskId task_;
  const std::shared_ptr<Standing> standing_;
  const std::string task_prefix_;
  const rocksdb::ReadOptions read_;
  uint32_t generation_ = 0;  // that prefix_ is of
  std::string prefix_;
  std::string key_;
  absl::Status status_;
};

RocksStateStore::RocksStateStore(Options options)
    : options_(Completed(std::move(options))), background_(std::make_shared<state::Background>()) {}

RocksStateStore::~RocksStateStore() = default;

absl::StatusOr<std::unique_ptr<RocksStateStore>> RocksStateStore::Open(Options options) {
  std::unique_ptr<RocksStateStore> store(new RocksStateStore(std::move(options)));
  if (absl::Status status = store->OpenDatabase(); !status.ok()) return status;
  if (!store->options_.read_only) {
    if (const std::string note = NoteOfDamage(store->options_.folder); !note.empty()) {
      return absl::DataLossError(note);
    }
  }
  if (absl::Status status = store->ReadTasks(); !status.ok()) return status;
  return store;
}

absl::Status RocksStateStore::OpenDatabase() {
  const std::string& folder = options_.folder;
  rocksdb::Options options = state::RocksOptions({.folder = folder,
                                                  .cache_bytes = options_.memory_bytes,
                                                  .scanned = options_.scanned,
                                                  .env = options_.env});
  if (options_.read_only) {
    auto db = state::OpenForReading(options, folder);
    if (!db.ok()) return db.status();
    db_ = *std::move(db);
    return absl::OkStatus();
  }
  std::error_code error;
  const bool fresh = fs::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  }
  if (fresh) {
    if (absl::Status status = table_files::Sync(ParentOf(folder)); !status.ok()) return status;
  }
  options.listeners.push_back(background_);
  auto db = state::OpenForWriting(options, folder);
  if (!db.ok()) return db.status();
  db_ = *std::move(db);
  // A crash may leave the file of a commit, ingested or not; the database has its own link.
  fs::remove(folder + std::string(kCommitFile), error);
  return absl::OkStatus();
}

absl::Status RocksStateStore::ReadTasks() {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(ScanOptions()));
  absl::MutexLock lock(&mutex_);
  it->SeekToFirst();
  while (it->Valid()) {
    TaskId task;
    const std::string key = it->key().ToString();
    if (!state::ParseTaskPrefix(key, &task)) {
      return Damaged("a key begins with no task's name");
    }
    const std::string prefix = state::TaskPrefix(task);
    if (key != state::CheckpointKey(prefix)) {
      return Damaged(task, "it has pairs, but no checkpoint");
    }
    absl::StatusOr<state::StoredCheckpoint> stored = state::ParseCheckpoint(ViewOf(it->value()));
    if (!stored.ok()) {
      if (absl::IsDataLoss(stored.status())) return Damaged(task, stored.status().message());
      return absl::Status(
          stored.status().code(),
          absl::StrCat("the state of ", state::Describe(task), ": ", stored.status().message()));
    }
    auto standing = std::make_shared<Standing>();
    standing->generation = stored->generation;
    standing->next = stored->checkpoint.next;
    const std::string live = state::GenerationPrefix(prefix, stored->generation);
    it->Next();
    standing->older_generations =
        it->Valid() && ViewOf(it->key()) < live && absl::StartsWith(ViewOf(it->key()), prefix);
    tasks_[task] = std::move(standing);
    it->Seek(SliceOf(state::PrefixEnd(prefix)));
  }
  if (it->status().IsCorruption()) return Damaged(it->status().ToString());
  return ToStatus(it->status(), absl::StrCat("cannot read the state in ", options_.folder));
}

std::shared_ptr<RocksStateStore::Standing> RocksStateStore::StandingOf(const TaskId& task) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<Standing>& standing = tasks_[task];
  if (standing == nullptr) standing = std::make_shared<Standing>();
  return standing;
}

absl::StatusOr<std::optional<Checkpoint>> RocksStateStore::Find(const TaskId& task) {
  std::string bytes;
  const std::string key = state::CheckpointKey(state::TaskPrefix(task));
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), key, &bytes);
  if (status.IsNotFound()) return std::nullopt;
  if (status.IsCorruption()) return Damaged(task, status.ToString());
  if (!status.ok()) {
    return ToStatus(status, absl::StrCat("cannot read the state of ", state::Describe(task)));
  }
  absl::StatusOr<state::StoredCheckpoint> stored = state::ParseCheckpoint(bytes);
  if (!stored.ok()) return Damaged(task, stored.status().message());
  return std::move(stored->checkpoint);
}

std::vector<TaskId> RocksStateStore::Tasks() {
  absl::MutexLock lock(&mutex_);
  std::vector<TaskId> tasks;
  for (const auto& [task, standing] : tasks_) {
    if (standing->generation.load() != 0) tasks.push_back(task);
  }
  return tasks;
}

std::unique_ptr<TaskTier> RocksStateStore::Tier(const TaskId& task) {
  return std::make_unique<RocksTier>(this, task);
}

absl::Status RocksStateStore::Commit(std::vector<TaskCheckpoint> checkpoints) {
  if (options_.read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state in ", options_.folder, " is open for reading only"));
  }
  if (checkpoints.empty()) return absl::OkStatus();
  absl::MutexLock lock(&commits_);
  if (absl::Status status = HoldBack(); !status.ok()) return status;
  return Ingest(checkpoints);
}

absl::Status RocksStateStore::HoldBack() {
  if (const rocksdb::Status error = background_->error(); !error.ok()) {
    // A full disk is the usual one. Resume fails when it is still full.
    const rocksdb::Status resumed = db_->Resume();
    if (error.IsCorruption() || resumed.IsCorruption()) return Damaged(error.ToString());
    if (!resumed.ok()) return ToStatus(resumed, "the state store has stopped");
    background_->Forgive();
  }
  while (true) {
    const int64_t seen = background_->events();
    std::string files;
    int count = 0;
    INVARIANT(
        db_->GetProperty("rocksdb.num-files-at-level0", &files) && absl::SimpleAtoi(files, &count),
        "RocksDB counts its files");
    if (count <= kLevel0FilesMax) return absl::OkStatus();
    if (const rocksdb::Status error = background_->error(); !error.ok()) {
      if (error.IsCorruption()) return Damaged(error.ToString());
      return ToStatus(error, "compaction of the state has failed");
    }
    if (!background_->WaitBeyond(seen, kHoldBackMax)) {
      return absl::UnavailableError("compaction of the state does not keep up");
    }
  }
}

absl::Status RocksStateStore::Ingest(std::vector<TaskCheckpoint>& checkpoints) {
  struct Item {
    std::string prefix;
    TaskCheckpoint* from;
    std::shared_ptr<Standing> standing;
    uint32_t generation;
  };
  std::vector<Item> items;
  for (TaskCheckpoint& checkpoint : checkpoints) {
    std::shared_ptr<Standing> standing = StandingOf(checkpoint.task);
    const uint32_t live = standing->generation.load();
    const bool anew = checkpoint.replaces_all || live == 0;
    INVARIANT(anew || checkpoint.checkpoint.next >= standing->next,
              "a task's checkpoints come in the order of their offsets");
    items.push_back(Item{state::TaskPrefix(checkpoint.task), &checkpoint, std::move(standing),
                         anew ? live + 1 : live});
  }
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.prefix < b.prefix; });

  const std::string path = options_.folder + std::string(kCommitFile);
  const std::string act = absl::StrCat("cannot store a checkpoint in ", options_.folder);
  rocksdb::Status status;
  {
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db_->GetOptions());
    status = writer.Open(path);
    std::string key;
    for (const Item& item : items) {
      if (!status.ok()) break;
      status = writer.Put(state::CheckpointKey(item.prefix),
                          state::EncodeCheckpoint({item.generation, item.from->checkpoint}));
      // Older generations are out of sight already; now their space is given back. Never in the
      // commit that replaces them: a reader may still be looking.
      if (item.standing->older_generations && status.ok()) {
        status = writer.DeleteRange(
            state::GenerationPrefix(item.prefix, 1),
            state::GenerationPrefix(item.prefix, item.standing->generation.load()));
      }
      const std::string prefix = state::GenerationPrefix(item.prefix, item.generation);
      const bool fresh = item.generation != item.standing->generation.load();
      for (const PairBatch::Pair& pair : item.from->pairs.Sorted()) {
        if (!status.ok()) break;
        if (pair.deleted && fresh) continue;
        key.assign(prefix);
        key.append(pair.key.data(), pair.key.size());
        status = pair.deleted ? writer.Delete(key) : writer.Put(key, SliceOf(pair.value));
        INVARIANT(!status.IsInvalidArgument(), "a task is in a commit once, and so is a key");
      }
    }
    if (status.ok()) status = writer.Finish();
  }
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions how;
    how.move_files = true;
    how.write_global_seqno = false;    // the file is never written again
    how.allow_blocking_flush = false;  // fails should the memtable ever hold anything
    status = db_->IngestExternalFile({path}, how);
  }
  if (!status.ok()) {
    std::error_code error;
    fs::remove(path, error);
    return status.IsCorruption() ? Damaged(status.ToString()) : ToStatus(status, act);
  }
  uint64_t entries = 0;
  INVARIANT(db_->GetIntProperty(rocksdb::DB::Properties::kNumEntriesActiveMemTable, &entries) &&
                entries == 0,
            "the state is written by ingestion only");
  for (const Item& item : items) {
    Standing& standing = *item.standing;
    const uint32_t before = standing.generation.load();
    standing.next = item.from->checkpoint.next;
    standing.older_generations = before != 0 && before != item.generation;
    standing.generation.store(item.generation, std::memory_order_release);
  }
  return absl::OkStatus();
}

absl::Status RocksStateStore::Snapshot(absl::string_view name) {
  if (!state::IsSnapshotName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", name, "' cannot name a snapshot: use up to 100 letters, digits, '.', '_' and '-'"));
  }
  const std::string& folder = options_.snapshots_folder;
  const std::string act = absl::StrCat("cannot keep a snapshot in ", folder);
  absl::MutexLock lock(&commits_);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat(act, ": ", error.message()));
  if (fs::exists(absl::StrCat(folder, "/", name), error)) {
    return absl::AlreadyExistsError(absl::StrCat(act, ": there is one named ", name));
  }
  const std::string unfinished = state::UnfinishedSnapshot(folder);
  fs::remove_all(unfinished, error);
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(unfinished);
  if (!status.ok()) return ToStatus(status, act);

  // What the list says is read from the snapshot itself, which thereby proves that it opens.
  SnapshotSummary snapshot{.name = std::string(name)};
  auto copy = Open({.folder = unfinished, .read_only = true, .env = options_.env});
  if (!copy.ok()) return copy.status();
  for (const TaskId& task : (*copy)->Tasks()) {
    absl::StatusOr<std::optional<Checkpoint>> found = (*copy)->Find(task);
    if (!found.ok()) return found.status();
    snapshot.tasks.push_back({task, **std::move(found)});
  }
  copy->reset();
  return state::FinishSnapshot(folder, std::move(snapshot), options_.snapshots_kept);
}

std::vector<SnapshotSummary> RocksStateStore::ListSnapshots(const Options& options) {
  return state::ListSnapshots(Completed(options).snapshots_folder);
}

absl::Status RocksStateStore::Verify(const TaskId& task) {
  absl::StatusOr<std::optional<Checkpoint>> found = Find(task);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return absl::NotFoundError(absl::StrCat(state::Describe(task), " has no checkpoint"));
  }
  RocksTier tier(this, task);
  const Digest digest = SumOfPairs(tier);
  if (!tier.status().ok()) return tier.status();
  if (digest == (*found)->digest) return absl::OkStatus();
  return Damaged(task,
                 absl::StrCat("at offset ", (*found)->next.value, " its pairs have digest ",
                              digest.Hex(), ", its checkpoint says ", (*found)->digest.Hex()));
}

absl::Status RocksStateStore::Compact() {
  absl::MutexLock lock(&commits_);
  rocksdb::CompactRangeOptions how;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Status status = db_->CompactRange(how, nullptr, nullptr);
  if (status.IsCorruption()) return Damaged(status.ToString());
  return ToStatus(status, absl::StrCat("cannot compact the state in ", options_.folder));
}

absl::Status RocksStateStore::Damaged(const TaskId& task, absl::string_view words) {
  return Damaged(absl::StrCat(state::Describe(task), ": ", words));
}

absl::Status RocksStateStore::Damaged(absl::string_view words) {
  const std::string text =
      absl::StrCat("the state in ", options_.folder, " is damaged: ", words, ". ", kCure);
  // Should the note not be written, the next process finds the damage as this one did.
  if (!options_.read_only) {
    state::WriteDurably(options_.folder + std::string(kDamagedNote), text).IgnoreError();
  }
  return absl::DataLossError(text);
}

absl::StatusOr<std::unique_ptr<RocksStateStore>> RocksStateStore::OpenOrFallBack(
    Options options, std::vector<std::string>* said) {
  INVARIANT(!options.read_only, "a fall-back writes");
  options = Completed(std::move(options));
  auto opened = Open(options);
  if (!absl::IsDataLoss(opened.status())) return opened;
  said->push_back(std::string(opened.status().message()));

  const absl::StatusOr<std::string> aside = MoveAside(options.folder, options.damaged_kept);
  if (!aside.ok()) return aside.status();
  said->push_back(absl::StrCat("moved the damaged state to ", *aside));
  for (const SnapshotSummary& snapshot : ListSnapshots(options)) {
    // Built under another name, so that a crash here leaves no half of a state.
    const std::string growing = options.folder + ".restoring";
    std::error_code error;
    fs::remove_all(growing, error);
    Options restored = options;
    restored.folder = growing;
    absl::Status sound = state::CopyDatabase(snapshot.folder, growing);
    if (sound.ok()) {
      // The table files may be the very ones that were damaged, under a second link.
      auto copy = Open(restored);
      sound = copy.ok() ? ToStatus((*copy)->db_->VerifyChecksum(), "a block is damaged")
                        : copy.status();
    }
    if (!sound.ok()) {
      said->push_back(
          absl::StrCat("the snapshot ", snapshot.name, " is of no use: ", sound.message()));
      fs::remove_all(growing, error);
      // What was moved aside shows the same damage, for whoever looks for its cause.
      if (absl::IsDataLoss(sound)) state::DropSnapshot(snapshot);
      continue;
    }
    fs::rename(growing, options.folder, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot restore ", options.folder, ": ", error.message()));
    }
    if (absl::Status status = table_files::Sync(ParentOf(options.folder)); !status.ok()) {
      return status;
    }
    said->push_back(absl::StrCat("went back to the snapshot ", snapshot.name,
                                 "; the log is folded from there"));
    return Open(options);
  }
  said->push_back("no sound snapshot: the state starts empty, the log is folded anew");
  return Open(options);
}

}  // namespace gridledger
