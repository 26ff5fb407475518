#include "services/runtime/adapters/local/source.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "services/runtime/adapters/local/folder_lock.h"

namespace gridledger::local {

absl::Duration Source::look_every() const {
  return following() ? absl::Milliseconds(20) : absl::InfiniteDuration();
}

std::shared_ptr<Source::Scan> Source::NewScan() {
  auto scan = std::make_shared<Scan>();
  const std::lock_guard<std::mutex> lock(mutex_);
  scan->db = db_;
  if (following()) return scan;  // what it replaces lives on until its scans end
  scans_.erase(std::remove_if(scans_.begin(), scans_.end(),
                              [](const std::weak_ptr<Scan>& other) { return other.expired(); }),
               scans_.end());
  scans_.push_back(scan);
  return scan;
}

absl::Status Source::Replace(Opening open) {
  const std::unique_lock<std::shared_mutex> nobody_reads(replacing_);
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const std::weak_ptr<Scan>& other : scans_) {
    const std::shared_ptr<Scan> scan = other.lock();
    if (scan == nullptr) continue;
    scan->iterator.reset();
    scan->db.reset();
  }
  scans_.clear();
  db_.reset();
  absl::StatusOr<std::shared_ptr<rocksdb::DB>> opened = open();
  if (opened.ok()) db_ = *std::move(opened);
  return opened.status();
}

absl::Status Source::Refresh() {
  if (!following()) return absl::OkStatus();
  const std::lock_guard<std::mutex> lock(mutex_);
  absl::StatusOr<std::optional<std::vector<int64_t>>> read = witness_->Read();
  if (!read.ok()) return read.status();
  // Neither slot is whole while the writer rewrites one and the other was never written, or both
  // changed while they were read; the next look sees them.
  if (!read->has_value()) return absl::OkStatus();
  const std::vector<int64_t>& ends = **read;
  if (ends.size() != static_cast<size_t>(tail.partitions())) {
    return absl::DataLossError(absl::StrCat(Witness::PathIn(folder_), " is of another log"));
  }
  bool moved = false;
  for (size_t p = 0; p < ends.size(); ++p) moved |= ends[p] > tail.End(static_cast<int>(p));
  if (!moved) return absl::OkStatus();
  if (absl::Status status = CatchUp(ends); !status.ok()) return status;
  tail.Publish(ends);
  return absl::OkStatus();
}

absl::Status Source::CatchUp(const std::vector<int64_t>& ends) {
  // Files may go away while their names are being read. A fresh instance begins from what is there
  // now; iterators of the old one keep it until they close.
  constexpr int kFreshInstancesMax = 3;
  absl::Status status = ToStatus(db_->TryCatchUpWithPrimary(), "cannot follow the writer");
  if (status.ok()) status = HasCaughtUp(ends);
  for (int i = 0; i < kFreshInstancesMax && !status.ok(); ++i) {
    absl::StatusOr<std::shared_ptr<rocksdb::DB>> fresh = OpenForFollowing(folder_, options_);
    status = fresh.status();
    if (!status.ok()) continue;
    db_ = *std::move(fresh);
    status = HasCaughtUp(ends);
  }
  if (status.ok() || !FolderLock::Taken(folder_)) return status;
  return absl::UnavailableError(status.message());  // what a writer changes may be whole soon
}

absl::Status Source::HasCaughtUp(const std::vector<int64_t>& ends) {
  absl::StatusOr<std::vector<int64_t>> there = ReadEnds(*db_, tail.partitions());
  if (!there.ok()) return there.status();
  for (Partition p{0}; p.value < tail.partitions(); p = p.Next()) {
    if ((*there)[p.value] >= ends[p.value]) continue;
    return Damaged(p, Offset{(*there)[p.value]},
                   absl::StrCat("records up to ", ends[p.value] - 1,
                                " were acknowledged and cannot be found"));
  }
  return absl::OkStatus();
}

}  // namespace gridledger::local
