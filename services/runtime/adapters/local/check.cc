#include "services/runtime/adapters/local/check.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "services/runtime/adapters/local/record_layout.h"

namespace gridledger::local {
namespace {

// The first record of any partition that is not there.
absl::Status FindHole(rocksdb::DB& db, const std::vector<int64_t>& ends) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(ScanOptions()));
  for (size_t p = 0; p < ends.size(); ++p) {
    const Partition partition{static_cast<int32_t>(p)};
    it->Seek(SliceOf(RecordKey(partition, Offset{0}).text()));
    for (Offset at{0}; at.value < ends[p]; at = at.Next(), it->Next()) {
      Partition found;
      Offset offset;
      if (!it->Valid() && !it->status().ok()) {
        return Damaged(partition, at, it->status().ToString());
      }
      const bool there = it->Valid() && ParseRecordKey(ViewOf(it->key()), &found, &offset) &&
                         found == partition && offset == at;
      if (!there) return Damaged(partition, at, "records are missing, later ones are there");
    }
  }
  return absl::DataLossError("the log's files hold another number of records than its offsets say");
}

absl::Status CompareWithWitness(const std::vector<int64_t>& ends,
                                const std::vector<int64_t>& witnessed) {
  if (ends.size() != witnessed.size()) {
    return absl::DataLossError(absl::StrCat("the witness knows ", witnessed.size(),
                                            " partitions, the records have ", ends.size()));
  }
  for (size_t p = 0; p < ends.size(); ++p) {
    if (ends[p] < witnessed[p]) {
      return Damaged(Partition{static_cast<int32_t>(p)}, Offset{ends[p]},
                     absl::StrCat("records ", ends[p], " to ", witnessed[p] - 1,
                                  " were acknowledged and are gone"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> CheckRecords(
    rocksdb::DB& db, const std::optional<std::vector<int64_t>>& witnessed) {
  absl::StatusOr<int> partitions = ReadPartitions(db);
  if (!partitions.ok()) return partitions.status();
  absl::StatusOr<std::vector<int64_t>> ends = ReadEnds(db, *partitions);
  if (!ends.ok()) return ends.status();
  absl::StatusOr<bool> agree = CountsAgree(db, *ends);
  if (!agree.ok()) return agree.status();
  if (!*agree) return FindHole(db, *ends);
  if (witnessed) {
    if (absl::Status status = CompareWithWitness(*ends, *witnessed); !status.ok()) return status;
  }
  return ends;
}

}  // namespace

absl::StatusOr<Checked> CheckFolder(const std::string& folder, const DatabaseOptions& options,
                                    const std::optional<std::vector<int64_t>>& witnessed) {
  Checked checked;
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> db =
      OpenForChecking(folder, options, rocksdb::WALRecoveryMode::kAbsoluteConsistency);
  if (absl::IsDataLoss(db.status())) {
    db = OpenForChecking(folder, options, rocksdb::WALRecoveryMode::kPointInTimeRecovery);
    if (db.ok()) {
      checked.warnings.emplace_back(
          "the write-ahead log ended in a torn record, never acknowledged; it was dropped");
    }
  }
  if (!db.ok()) return db.status();
  absl::StatusOr<std::vector<int64_t>> ends = CheckRecords(**db, witnessed);
  if (!ends.ok()) return ends.status();
  checked.ends = *std::move(ends);
  return checked;
}

}  // namespace gridledger::local
