#include "services/runtime/adapters/local/reader.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace gridledger::local {
namespace {

// Largest records of 1 MiB must not make a batch of thousands a matter of gigabytes.
constexpr size_t kBatchBytesMax = size_t{32} << 20;

}  // namespace

Reader::Reader(std::shared_ptr<Source> source, Headers headers)
    : source_(std::move(source)), headers_(headers) {
  waiter_.wants.assign(source_->tail.partitions(), 0);
}

absl::Status Reader::Assign(Partition partition, Offset from) {
  Tail& tail = source_->tail;
  if (partition.value < 0 || partition.value >= tail.partitions()) {
    return absl::InvalidArgumentError(
        absl::StrCat("partition ", partition.value, " is not one of ", tail.partitions()));
  }
  if (from.value < 0) {
    return absl::InvalidArgumentError(absl::StrCat("offset ", from.value, " is negative"));
  }
  if (from.value > tail.End(partition.value)) {
    if (absl::Status status = source_->Refresh(); !status.ok()) return status;
  }
  if (const int64_t end = tail.End(partition.value); from.value > end) {
    return absl::OutOfRangeError(absl::StrCat("partition ", partition.value, " ends at offset ",
                                              end, ", before ", from.value));
  }
  Unassign(partition);
  cursors_.emplace_back(partition, from);
  waiter_.wants[partition.value] = 1;
  return absl::OkStatus();
}

void Reader::Unassign(Partition partition) {
  cursors_.erase(std::remove_if(cursors_.begin(), cursors_.end(),
                                [&](const Cursor& c) { return c.partition() == partition; }),
                 cursors_.end());
  if (partition.value >= 0 && partition.value < source_->tail.partitions()) {
    waiter_.wants[partition.value] = 0;
  }
}

absl::Status Reader::Poll(absl::Duration wait, int records_max, RecordBatch* batch) {
  batch->Clear();
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    if (absl::Status status = ReadWhatIsThere(records_max, batch); !status.ok()) return status;
    if (!batch->records().empty()) return absl::OkStatus();
    const absl::Duration left = wait - absl::FromChrono(std::chrono::steady_clock::now() - begun);
    if (left <= absl::ZeroDuration()) return absl::OkStatus();
    const absl::Duration nap = std::min(left, source_->look_every());
    const Tail::Came came = source_->tail.Await(waiter_, nap, [this] { return AnythingThere(); });
    if (came == Tail::Came::kWake) return absl::OkStatus();
    if (came == Tail::Came::kNothing && nap == left) return absl::OkStatus();
  }
}

void Reader::Wake() { source_->tail.Wake(waiter_); }

absl::Status Reader::ReadWhatIsThere(int records_max, RecordBatch* batch) {
  if (absl::Status status = source_->Refresh(); !status.ok()) return status;
  const auto behind = [this](const Cursor& cursor) {
    return cursor.at().value < source_->tail.End(cursor.partition().value);
  };
  const int behind_count =
      static_cast<int>(std::count_if(cursors_.begin(), cursors_.end(), behind));
  if (behind_count == 0) return absl::OkStatus();
  const size_t count = cursors_.size();
  turn_ = (turn_ + 1) % count;
  int left = records_max;
  size_t bytes = 0;
  // Once round with equal shares, then once more for what the short ones left.
  int share = (records_max + behind_count - 1) / behind_count;
  for (const int pass : {0, 1}) {
    for (size_t i = 0; i < count && left > 0 && bytes < kBatchBytesMax; ++i) {
      Cursor& cursor = cursors_[(turn_ + i) % count];
      if (!behind(cursor)) continue;
      int wanted = pass == 0 ? std::min(share, left) : left;
      const absl::Status status =
          cursor.Read(*source_, Offset{source_->tail.End(cursor.partition().value)},
                      [&](Offset offset, const RecordValue& value) {
                        if (value.kind == PlaceKind::kNothing) {
                          batch->AddNothing(cursor.partition(), offset);
                          --left;
                          return --wanted > 0;
                        }
                        const absl::string_view headers =
                            headers_ == Headers::kKept ? value.headers : absl::string_view();
                        batch->Add(cursor.partition(), offset, value.timestamp, value.key, headers,
                                   value.value);
                        bytes += value.key.size() + headers.size() + value.value.size();
                        --left;
                        return --wanted > 0 && bytes < kBatchBytesMax;
                      });
      if (status.ok()) continue;
      // What was read before the damage is delivered first; the next call reports it.
      if (!batch->records().empty()) return absl::OkStatus();
      if (!absl::IsDataLoss(status)) return status;
      const BadPlace bad{cursor.partition(), cursor.at(), cursor.damage()};
      batch->SetBadPlace(bad);
      Unassign(bad.partition);
      return status;
    }
  }
  return absl::OkStatus();
}

bool Reader::AnythingThere() const {
  return std::any_of(cursors_.begin(), cursors_.end(), [this](const Cursor& cursor) {
    return cursor.at().value < source_->tail.End(cursor.partition().value);
  });
}

}  // namespace gridledger::local
