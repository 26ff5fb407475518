#include "services/runtime/adapters/local/check.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "services/runtime/adapters/local/coverage.h"
#include "services/runtime/adapters/local/record_layout.h"

namespace gridledger::local {
namespace {

using Ends = std::optional<std::vector<int64_t>>;

// Reads all records for the first one that is missing or unreadable. OkStatus when there is none.
absl::Status FindDamage(rocksdb::DB& db, int partitions, const Ends& witnessed) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(ScanOptions()));
  for (Partition p{0}; p.value < partitions; p = p.Next()) {
    Offset at{0};
    for (it->Seek(SliceOf(RecordKey(p, at).text())); it->Valid(); it->Next(), at = at.Next()) {
      Partition found;
      Offset offset;
      if (!ParseRecordKey(ViewOf(it->key()), &found, &offset) || found != p) break;
      if (offset != at) return Damaged(p, at, "the record is missing, later ones are there");
    }
    if (!it->status().ok()) return Damaged(p, at, it->status().ToString());
    if (witnessed && at.value < (*witnessed)[p.value]) {
      return Damaged(p, at,
                     absl::StrCat("records ", at.value, " to ", (*witnessed)[p.value] - 1,
                                  " were acknowledged and are gone"));
    }
  }
  return absl::OkStatus();
}

// DataLoss in any case; with partition and offset when they can be found.
absl::Status Locate(rocksdb::DB& db, int partitions, const Ends& witnessed,
                    const absl::Status& otherwise) {
  absl::Status found = FindDamage(db, partitions, witnessed);
  if (!found.ok()) return found;
  return Damaged(Partition{0}, Offset{0},
                 absl::StrCat("every record can be read, but ", otherwise.message()));
}

absl::StatusOr<std::vector<int64_t>> CheckRecords(rocksdb::DB& db, const Ends& witnessed) {
  absl::StatusOr<int> partitions = ReadPartitions(db);
  if (!partitions.ok()) return Damaged(Partition{0}, Offset{0}, partitions.status().message());
  if (witnessed && witnessed->size() != static_cast<size_t>(*partitions)) {
    return Damaged(Partition{0}, Offset{0},
                   absl::StrCat("the log has ", *partitions, " partitions, the witness beside it ",
                                witnessed->size(), ": they are not of one log"));
  }
  absl::StatusOr<std::vector<int64_t>> ends = ReadEnds(db, *partitions);
  if (!ends.ok()) return Locate(db, *partitions, witnessed, ends.status());
  absl::StatusOr<bool> agree = CountsAgree(db, *ends);
  if (!agree.ok()) return Locate(db, *partitions, witnessed, agree.status());
  bool lost = !*agree;
  for (int p = 0; witnessed && p < *partitions; ++p) lost |= (*ends)[p] < (*witnessed)[p];
  if (!lost) return ends;
  return Locate(db, *partitions, witnessed,
                absl::DataLossError("the files hold more or fewer records than there are offsets"));
}

// A write-ahead log that does not read to its end was either torn by a crash in the midst of a
// write, which nobody was told of, or damaged since. Only damage leaves whole writes behind it.
absl::Status TornNotDamaged(const std::string& folder, const DatabaseOptions& options,
                            const std::vector<int64_t>& ends) {
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> db =
      OpenForChecking(folder, options, rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords);
  if (!db.ok()) return absl::OkStatus();
  absl::StatusOr<std::vector<int64_t>> beyond = ReadEnds(**db, static_cast<int>(ends.size()));
  for (size_t p = 0; beyond.ok() && p < ends.size(); ++p) {
    if ((*beyond)[p] <= ends[p]) continue;
    return Damaged(Partition{static_cast<int32_t>(p)}, Offset{ends[p]},
                   "the write-ahead log is damaged here, and later records are there");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Checked> CheckFolder(const std::string& folder, const DatabaseOptions& options,
                                    const Ends& witnessed) {
  Checked checked;
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> db =
      OpenForChecking(folder, options, rocksdb::WALRecoveryMode::kAbsoluteConsistency);
  const bool whole = db.ok();
  if (!whole) {
    db = OpenForChecking(folder, options, rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  }
  if (!db.ok()) return ExplainUnopenable(folder, options, witnessed, db.status());
  absl::StatusOr<std::vector<int64_t>> ends = CheckRecords(**db, witnessed);
  if (!ends.ok()) return ends.status();
  db->reset();
  if (!whole) {
    if (absl::Status status = TornNotDamaged(folder, options, *ends); !status.ok()) return status;
    checked.warnings.emplace_back(
        "the write-ahead log ended in a torn write, which nobody was told of; it was dropped");
  }
  checked.ends = *std::move(ends);
  return checked;
}

}  // namespace gridledger::local
