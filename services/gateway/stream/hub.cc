#include "services/gateway/stream/hub.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

namespace gridledger::gateway {

std::string OffsetsText(const NextOffsets& places) { return absl::StrJoin(places, "."); }

std::optional<NextOffsets> ParseOffsets(absl::string_view text, int partitions) {
  NextOffsets places;
  for (const absl::string_view part : absl::StrSplit(text, '.')) {
    int64_t place = 0;
    if (!absl::SimpleAtoi(part, &place) || place < 0) return std::nullopt;
    places.push_back(place);
    if (places.size() > static_cast<size_t>(partitions)) return std::nullopt;
  }
  if (places.size() != static_cast<size_t>(partitions)) return std::nullopt;
  return places;
}

Hub::Hub(int partitions, std::function<absl::Time()> now, absl::Duration recent)
    : now_(std::move(now)), recent_(recent), whole_from_(static_cast<size_t>(partitions)) {
  for (int p = 0; p < partitions; ++p)
    reached_.push_back(std::make_unique<std::atomic<int64_t>>(0));
}

bool Hub::Wants(absl::Time at) const { return at > now_() - recent_; }

void Hub::Take(HappenedRecord happened) {
  auto record = std::make_shared<const HappenedRecord>(std::move(happened));
  const absl::MutexLock lock(&mutex_);
  ring_.push_back(std::move(record));
  if (ring_.size() <= kRecordsMax) return;
  const HappenedRecord& oldest = *ring_.front();
  whole_from_[static_cast<size_t>(oldest.partition.value)] = oldest.offset.value + 1;
  ring_.pop_front();
  ++dropped_;
}

void Hub::Passed(Partition partition, Offset offset, bool taken) {
  const auto p = static_cast<size_t>(partition.value);
  reached_[p]->store(offset.value + 1, std::memory_order_release);
  const absl::MutexLock lock(&mutex_);
  // After what is too old to be kept the ring is whole again.
  if (!taken || !whole_from_[p]) whole_from_[p] = offset.value + (taken ? 0 : 1);
}

Hub::Batch Hub::Next(uint64_t* seen, size_t most) const {
  Batch batch;
  const absl::MutexLock lock(&mutex_);
  if (*seen < dropped_) {
    batch.lost = true;
    return batch;
  }
  const size_t from = static_cast<size_t>(*seen - dropped_);
  const size_t to = std::min(ring_.size(), from + most);
  for (size_t i = from; i < to; ++i) batch.records.push_back(ring_[i]);
  *seen += to - from;
  return batch;
}

bool Hub::Begin(const NextOffsets& from, const NextOffsets& present, uint64_t* seen) const {
  const absl::MutexLock lock(&mutex_);
  *seen = dropped_;
  for (size_t p = 0; p < whole_from_.size(); ++p) {
    if (whole_from_[p].value_or(present[p]) > from[p]) return false;
  }
  return true;
}

NextOffsets Hub::Reached() const {
  NextOffsets places;
  for (const auto& one : reached_) places.push_back(one->load(std::memory_order_acquire));
  return places;
}

}  // namespace gridledger::gateway
