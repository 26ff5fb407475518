#include "services/runtime/adapters/local/local_log.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <rocksdb/cache.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "services/runtime/adapters/local/bulk.h"
#include "services/runtime/adapters/local/check.h"
#include "services/runtime/adapters/local/committer.h"
#include "services/runtime/adapters/local/cursor.h"
#include "services/runtime/adapters/local/database.h"
#include "services/runtime/adapters/local/folder_lock.h"
#include "services/runtime/adapters/local/reader.h"
#include "services/runtime/adapters/local/source.h"
#include "services/runtime/adapters/local/witness.h"

namespace gridledger {

namespace fs = std::filesystem;
using local::Witness;

struct LocalLog::State {
  std::string folder;
  local::DatabaseOptions options;
  std::vector<std::string> warnings;
  // Destroyed from the last to the first: the committer finishes, and the lock goes when the
  // database is closed. A follower has a source only.
  std::unique_ptr<local::FolderLock> lock;
  std::unique_ptr<Witness> witness;
  std::shared_ptr<local::Source> source;
  std::unique_ptr<local::Committer> committer;
  std::atomic<int64_t> bulk_appenders{0};

  absl::Status OpenWriter(const Options& opened);
  absl::Status OpenFollower(const Options& opened);
  absl::Status Create(int partitions);
  absl::Status AgreeOnPartitions(int asked, int there) const;
};

namespace {

using Ends = std::optional<std::vector<int64_t>>;

constexpr absl::string_view kNoWitness =
    "the witness of acknowledged records cannot be read, and a writer makes it anew from the log: "
    "whether the newest records were lost before is not known";

// Refuses a bulk append to a log that is only read.
class NoBulk final : public BulkAppender {
 public:
  absl::StatusOr<Offset> Append(Partition, absl::Time, absl::string_view, absl::string_view,
                                absl::string_view) override {
    return absl::FailedPreconditionError("the log is open for reading only");
  }
  absl::StatusOr<Offset> AppendNothing(Partition partition) override {
    return Append(partition, {}, {}, {}, {});
  }
  absl::Status Flush() override { return absl::OkStatus(); }
};

bool DatabaseThere(const std::string& folder) {
  std::error_code error;
  return fs::exists(local::DatabaseFolder(folder), error);
}

bool AnyAcknowledged(const Ends& ends) {
  return ends && std::any_of(ends->begin(), ends->end(), [](int64_t end) { return end > 0; });
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalLog>> LocalLog::Open(Options options) {
  if (options.partitions < 0 || options.partitions > local::kPartitionsMax) {
    return absl::InvalidArgumentError(absl::StrCat(options.partitions, " partitions; 1 to ",
                                                   local::kPartitionsMax, " are possible"));
  }
  auto state = std::make_unique<State>();
  state->folder = options.folder;
  state->options.cache = options.cache;
  if (state->options.cache == nullptr) {
    state->options.cache = rocksdb::NewLRUCache(options.cache_bytes);
  }
  state->options.write_buffer_bytes = options.write_buffer_bytes;
  const absl::Status status =
      options.read_only ? state->OpenFollower(options) : state->OpenWriter(options);
  if (!status.ok()) return status;
  return std::unique_ptr<LocalLog>(new LocalLog(std::move(state)));
}

absl::Status LocalLog::State::OpenWriter(const Options& opened) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make the folder ", folder, ": ", error.message()));
  }
  absl::StatusOr<std::unique_ptr<local::FolderLock>> taken = local::FolderLock::Take(folder);
  if (!taken.ok()) return taken.status();
  lock = *std::move(taken);

  absl::StatusOr<std::unique_ptr<Witness>> opened_witness =
      Witness::Open(Witness::PathIn(folder), true);
  if (!opened_witness.ok()) return opened_witness.status();
  witness = *std::move(opened_witness);
  absl::StatusOr<Ends> read = witness->Read();
  if (!read.ok()) return read.status();
  Ends witnessed = *std::move(read);
  if (!DatabaseThere(folder)) {
    if (AnyAcknowledged(witnessed)) {
      return absl::DataLossError(
          absl::StrCat("partition 0 offset 0: the folder ", local::DatabaseFolder(folder),
                       " with the records of every partition is gone. Restore it from a backup"));
    }
    if (opened.partitions == 0) {
      return absl::NotFoundError(
          absl::StrCat("there is no log in ", folder, ", and no partition count to make one"));
    }
    if (absl::Status status = Create(opened.partitions); !status.ok()) return status;
    witnessed.emplace(opened.partitions, 0);
  }

  absl::StatusOr<local::Checked> checked = local::CheckFolder(folder, options, witnessed);
  if (!checked.ok()) return checked.status();
  warnings = std::move(checked->warnings);
  const std::vector<int64_t>& ends = checked->ends;
  if (absl::Status status = AgreeOnPartitions(opened.partitions, static_cast<int>(ends.size()));
      !status.ok()) {
    return status;
  }
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> writable = local::OpenForWriting(folder, options);
  if (!writable.ok()) return writable.status();
  // Opening has written the write-ahead log into sorted files by now. A damaged record in the midst
  // of the log is named to those who read it, as it is when nothing had to be written.
  absl::StatusOr<bool> complete = local::ReachesEnds(**writable, ends);
  if (!complete.ok()) return complete.status();
  if (!*complete) {
    return absl::DataLossError(
        absl::StrCat("the log in ", folder, " reads otherwise once open than it did before"));
  }

  if (!witnessed) {
    warnings.emplace_back(kNoWitness);
  }
  // Twice, so that both slots are whole and tell the same.
  for (int slot = 0; slot < 2; ++slot) {
    if (absl::Status status = witness->Write(ends); !status.ok()) return status;
  }
  if (absl::Status status = witness->Sync(); !status.ok()) return status;

  fs::remove_all(local::BulkFolder(folder), error);
  fs::create_directories(local::BulkFolder(folder), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", local::BulkFolder(folder), ": ", error.message()));
  }
  source = std::make_shared<local::Source>(*std::move(writable), ends);
  committer = std::make_unique<local::Committer>(
      *source, *witness, local::Reopening{folder, options, opened.retry_after});
  return absl::OkStatus();
}

absl::Status LocalLog::State::Create(int partitions) {
  // The witness first: a database without one would be opened with a warning.
  if (absl::Status status = witness->Write(std::vector<int64_t>(partitions, 0)); !status.ok()) {
    return status;
  }
  if (absl::Status status = witness->Sync(); !status.ok()) return status;
  return local::CreateDatabase(folder, partitions, options);
}

absl::Status LocalLog::State::AgreeOnPartitions(int asked, int there) const {
  if (asked == 0 || asked == there) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the log in ", folder, " has ", there, " partitions, not ", asked,
      ": the count is fixed when a log is made, because it decides where each key lives"));
}

absl::Status LocalLog::State::OpenFollower(const Options& opened) {
  if (!DatabaseThere(folder)) {
    return absl::NotFoundError(absl::StrCat("there is no log in ", folder));
  }
  absl::StatusOr<std::unique_ptr<Witness>> there = Witness::Open(Witness::PathIn(folder), false);
  if (!there.ok()) return there.status();
  absl::StatusOr<Ends> witnessed = (*there)->Read();
  if (!witnessed.ok()) return witnessed.status();

  // With no writer the folder is at rest and can be checked; after a power cut it may hold more
  // than the witness knows.
  std::vector<int64_t> ends;
  if (!local::FolderLock::Taken(folder)) {
    absl::StatusOr<local::Checked> checked = local::CheckFolder(folder, options, *witnessed);
    if (checked.ok()) {
      ends = std::move(checked->ends);
      warnings = std::move(checked->warnings);
      if (!witnessed->has_value()) warnings.emplace_back(kNoWitness);
    } else if (!local::FolderLock::Taken(folder)) {
      return checked.status();
    }
  }
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> follower = local::OpenForFollowing(folder, options);
  if (!follower.ok()) return follower.status();
  if (ends.empty()) {
    absl::StatusOr<int> count = local::ReadPartitions(**follower);
    if (!count.ok()) return count.status();
    ends.assign(*count, 0);
  }
  if (absl::Status status = AgreeOnPartitions(opened.partitions, static_cast<int>(ends.size()));
      !status.ok()) {
    return status;
  }
  source = std::make_shared<local::Source>(folder, options, *std::move(follower), *std::move(there),
                                           ends);
  return source->Refresh();
}

LocalLog::LocalLog(std::unique_ptr<State> state) : state_(std::move(state)) {}

LocalLog::~LocalLog() = default;

int LocalLog::partitions() const { return state_->source->tail.partitions(); }

absl::StatusOr<Offset> LocalLog::End(Partition partition) {
  if (partition.value < 0 || partition.value >= partitions()) {
    return absl::InvalidArgumentError(
        absl::StrCat("partition ", partition.value, " is not one of ", partitions()));
  }
  if (absl::Status status = state_->source->Refresh(); !status.ok()) return status;
  return Offset{state_->source->tail.End(partition.value)};
}

void LocalLog::Append(Partition partition, std::vector<NewRecord> records, Done done) {
  if (state_->committer == nullptr) {
    return done(absl::FailedPreconditionError("the log is open for reading only"));
  }
  state_->committer->Append(partition, std::move(records), std::move(done));
}

std::unique_ptr<LogReader> LocalLog::NewReader() {
  return std::make_unique<local::Reader>(state_->source, local::Reader::Headers::kKept);
}

std::unique_ptr<LogReader> LocalLog::NewReaderOfValues() {
  return std::make_unique<local::Reader>(state_->source, local::Reader::Headers::kLeftOut);
}

std::unique_ptr<BulkAppender> LocalLog::NewBulkAppender() {
  if (state_->committer == nullptr) return std::make_unique<NoBulk>();
  const std::string prefix = absl::StrCat(local::BulkFolder(state_->folder), "/",
                                          state_->bulk_appenders.fetch_add(1), "-");
  return std::make_unique<local::Bulk>(*state_->committer, local::RocksOptions(state_->options),
                                       prefix);
}

absl::StatusOr<std::vector<LogDamage>> LocalLog::Verify(
    absl::FunctionRef<bool(int64_t done, int64_t total)> progress) {
  constexpr int64_t kProgressEvery = 65536;  // records; some 20 ms
  if (absl::Status status = state_->source->Refresh(); !status.ok()) return status;
  std::vector<int64_t> ends;
  int64_t total = 0;
  for (int p = 0; p < partitions(); ++p) {
    ends.push_back(state_->source->tail.End(p));
    total += ends.back();
  }
  std::vector<LogDamage> damages;
  int64_t done = 0;
  bool stopped = false;
  for (int p = 0; p < partitions() && !stopped; ++p) {
    local::Cursor cursor(Partition{p}, Offset{0});
    const absl::Status status =
        cursor.Read(*state_->source, Offset{ends[p]}, [&](Offset, const local::RecordValue&) {
          if (++done % kProgressEvery == 0) stopped = !progress(done, total);
          return !stopped;
        });
    if (absl::IsDataLoss(status)) {
      damages.push_back(LogDamage{cursor.partition(), cursor.at(), std::string(status.message())});
    } else if (!status.ok()) {
      return status;
    }
  }
  if (stopped || !progress(done, total)) return absl::CancelledError("verification was stopped");
  return damages;
}

const std::vector<std::string>& LocalLog::warnings() const { return state_->warnings; }

}  // namespace gridledger
