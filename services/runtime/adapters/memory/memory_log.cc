#include "services/runtime/adapters/memory/memory_log.h"

#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace gridledger {
namespace {

absl::Status SizeAllowed(size_t size) {
  if (size <= kRecordBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a record of ", size, " bytes; the limit is ", kRecordBytesMax));
}

absl::Status Claimed(Partition partition) {
  return absl::FailedPreconditionError(
      absl::StrCat("partition ", partition.value, " is being written by a bulk import"));
}

// As the embedded log: largest records of 1 MiB must not make a batch a matter of gigabytes.
constexpr size_t kBatchBytesMax = size_t{32} << 20;

}  // namespace

class MemoryReader final : public LogReader {
 public:
  explicit MemoryReader(MemoryLog& log) : log_(log) {}

  absl::Status Assign(Partition partition, Offset from) override {
    const std::lock_guard<std::mutex> lock(log_.mutex_);
    if (absl::Status status = log_.CheckPartition(partition); !status.ok()) return status;
    if (from.value < 0) {
      return absl::InvalidArgumentError(absl::StrCat("offset ", from.value, " is negative"));
    }
    const int64_t end = log_.shelves_[partition.value].durable;
    if (from.value > end) {
      return absl::OutOfRangeError(absl::StrCat("partition ", partition.value, " ends at offset ",
                                                end, ", before ", from.value));
    }
    Drop(partition);
    positions_.push_back(Position{partition, from.value});
    return absl::OkStatus();
  }

  void Unassign(Partition partition) override {
    const std::lock_guard<std::mutex> lock(log_.mutex_);
    Drop(partition);
  }

  absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) override {
    batch->Clear();
    std::unique_lock<std::mutex> lock(log_.mutex_);
    if (wait > absl::ZeroDuration() && log_.options_.waits) {
      constexpr absl::Duration kWaitMax = absl::Hours(24 * 365);  // the deadline must be a number
      const auto deadline =
          std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(wait, kWaitMax));
      log_.moved_.wait_until(lock, deadline, [this] { return woken_ || BehindCount() > 0; });
    }
    const int behind = BehindCount();
    if (behind == 0) {
      woken_ = false;
      return absl::OkStatus();
    }
    if (log_.Strikes(log_.faults_.batch_short)) {
      records_max = 1 + static_cast<int>(log_.Random(static_cast<uint64_t>(records_max)));
    }
    // Equal shares first, each time beginning with another partition; then what the short ones
    // left.
    std::rotate(positions_.begin(), positions_.begin() + 1, positions_.end());
    for (const Position& position : positions_) {
      const std::optional<BadPlace>& bad = log_.shelves_[position.partition.value].bad;
      if (!bad.has_value() || bad->offset.value != position.at) continue;
      batch->SetBadPlace(*bad);
      Drop(bad->partition);
      return absl::DataLossError(absl::StrCat("seeded fault: partition ", bad->partition.value,
                                              " cannot be read at offset ", bad->offset.value));
    }
    const int share = (records_max + behind - 1) / behind;
    int left = records_max;
    size_t bytes = 0;
    for (const bool whole : {false, true}) {
      for (Position& position : positions_) {
        const MemoryLog::Shelf& shelf = log_.shelves_[position.partition.value];
        int wanted = whole ? left : std::min(share, left);
        for (; wanted > 0 && position.at < shelf.durable && bytes < kBatchBytesMax; --wanted) {
          if (shelf.bad.has_value() && shelf.bad->offset.value == position.at) break;
          const MemoryLog::Stored& stored = shelf.records[position.at];
          if (stored.kind == PlaceKind::kNothing) {
            batch->AddNothing(position.partition, Offset{position.at++});
            --left;
            continue;
          }
          batch->Add(position.partition, Offset{position.at++}, stored.timestamp, stored.key,
                     stored.headers, stored.value);
          bytes += stored.key.size() + stored.headers.size() + stored.value.size();
          --left;
        }
      }
    }
    return absl::OkStatus();
  }

  void Wake() override {
    const std::lock_guard<std::mutex> lock(log_.mutex_);
    woken_ = true;
    log_.moved_.notify_all();
  }

 private:
  struct Position {
    Partition partition;
    int64_t at = 0;
  };

  int BehindCount() const {
    return static_cast<int>(
        std::count_if(positions_.begin(), positions_.end(), [this](const Position& position) {
          return position.at < log_.shelves_[position.partition.value].durable;
        }));
  }
  void Drop(Partition partition) {
    const auto is_it = [&](const Position& position) { return position.partition == partition; };
    positions_.erase(std::remove_if(positions_.begin(), positions_.end(), is_it), positions_.end());
  }

  MemoryLog& log_;
  // Guarded by the log's mutex.
  std::vector<Position> positions_;
  bool woken_ = false;
};

class MemoryBulk final : public BulkAppender {
 public:
  explicit MemoryBulk(MemoryLog& log) : log_(log) {}
  ~MemoryBulk() override { Release(); }

  absl::StatusOr<Offset> Append(Partition partition, absl::Time timestamp, absl::string_view key,
                                absl::string_view headers, absl::string_view value) override {
    const absl::Status allowed = SizeAllowed(key.size() + headers.size() + value.size());
    if (!allowed.ok()) return allowed;
    auto own = own_.find(partition);
    if (own == own_.end()) {
      const std::lock_guard<std::mutex> lock(log_.mutex_);
      if (absl::Status status = log_.CheckPartition(partition); !status.ok()) return status;
      MemoryLog::Shelf& shelf = log_.shelves_[partition.value];
      if (shelf.claimed || !shelf.delayed.empty()) return Claimed(partition);
      shelf.claimed = true;
      own = own_.emplace(partition, Own{shelf.durable, {}}).first;
    }
    own->second.records.push_back(MemoryLog::Stored{.timestamp = timestamp,
                                                    .key = std::string(key),
                                                    .headers = std::string(headers),
                                                    .value = std::string(value)});
    return Offset{own->second.first + static_cast<int64_t>(own->second.records.size()) - 1};
  }

  absl::StatusOr<Offset> AppendNothing(Partition partition) override {
    const absl::StatusOr<Offset> at = Append(partition, absl::UnixEpoch(), {}, {}, {});
    if (at.ok()) own_[partition].records.back().kind = PlaceKind::kNothing;
    return at;
  }

  absl::Status Flush() override {
    {
      const std::lock_guard<std::mutex> lock(log_.mutex_);
      for (auto& [partition, own] : own_) {
        MemoryLog::Shelf& shelf = log_.shelves_[partition.value];
        for (MemoryLog::Stored& stored : own.records) shelf.records.push_back(std::move(stored));
        shelf.durable = static_cast<int64_t>(shelf.records.size());
      }
      log_.moved_.notify_all();
    }
    Release();
    return absl::OkStatus();
  }

 private:
  struct Own {
    int64_t first = 0;
    std::vector<MemoryLog::Stored> records;
  };

  void Release() {
    const std::lock_guard<std::mutex> lock(log_.mutex_);
    for (const auto& [partition, own] : own_) log_.shelves_[partition.value].claimed = false;
    own_.clear();
  }

  MemoryLog& log_;
  absl::btree_map<Partition, Own> own_;
};

MemoryLog::MemoryLog(Options options)
    : options_(options),
      random_(options.seed),
      faults_(options.faults),
      shelves_(static_cast<size_t>(options.partitions)) {}

int MemoryLog::partitions() const { return options_.partitions; }

absl::StatusOr<Offset> MemoryLog::End(Partition partition) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (absl::Status status = CheckPartition(partition); !status.ok()) return status;
  return Offset{shelves_[partition.value].durable};
}

void MemoryLog::Append(Partition partition, std::vector<NewRecord> records, Done done) {
  absl::StatusOr<Offset> answer;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    absl::Status refused = CheckPartition(partition);
    for (const NewRecord& record : records) {
      if (!refused.ok()) break;
      refused = SizeAllowed(record.bytes());
    }
    if (refused.ok() && shelves_[partition.value].claimed) refused = Claimed(partition);
    if (!refused.ok()) {
      answer = refused;
    } else if (Strikes(faults_.append_lost)) {
      answer = absl::UnavailableError("seeded fault: the append was lost");
    } else {
      Shelf& shelf = shelves_[partition.value];
      const int64_t first = static_cast<int64_t>(shelf.records.size());
      for (NewRecord& record : records) {
        shelf.records.push_back(Stored{record.timestamp, std::move(record.key),
                                       std::move(record.headers), std::move(record.value),
                                       record.kind});
      }
      const int64_t end = static_cast<int64_t>(shelf.records.size());
      const bool behind_hidden = shelf.durable < first;
      if (!shelf.delayed.empty() || Strikes(faults_.append_delayed)) {
        if (!behind_hidden && Random(2) == 0) shelf.durable = end;
        shelf.delayed.push_back(Delayed{first, end, std::move(done)});
        moved_.notify_all();
        return;
      }
      shelf.durable = end;
      answer = Offset{first};
      if (Strikes(faults_.append_unanswered)) {
        answer = absl::UnavailableError("seeded fault: the append was stored, the answer lost");
      }
    }
    moved_.notify_all();
  }
  done(std::move(answer));
}

std::unique_ptr<LogReader> MemoryLog::NewReader() { return std::make_unique<MemoryReader>(*this); }

std::unique_ptr<BulkAppender> MemoryLog::NewBulkAppender() {
  return std::make_unique<MemoryBulk>(*this);
}

bool MemoryLog::Step() {
  std::vector<Delayed> finished;
  bool lost = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Shelf*> waiting;
    for (Shelf& shelf : shelves_) {
      if (!shelf.delayed.empty()) waiting.push_back(&shelf);
    }
    if (waiting.empty()) return false;
    Shelf& shelf = *waiting[Random(waiting.size())];
    lost = shelf.delayed.front().end > shelf.durable && Strikes(faults_.append_lost);
    do {
      finished.push_back(std::move(shelf.delayed.front()));
      shelf.delayed.pop_front();
    } while (lost && !shelf.delayed.empty());  // what came after a lost append is lost with it
    if (lost) {
      shelf.records.resize(static_cast<size_t>(shelf.durable));
    } else {
      shelf.durable = std::max(shelf.durable, finished.front().end);
    }
    moved_.notify_all();
  }
  for (Delayed& delayed : finished) {
    if (lost) {
      delayed.done(absl::UnavailableError("seeded fault: the append was lost"));
    } else {
      delayed.done(Offset{delayed.first});
    }
  }
  return true;
}

void MemoryLog::SetFaults(const Faults& faults) {
  const std::lock_guard<std::mutex> lock(mutex_);
  faults_ = faults;
}

void MemoryLog::Crash() {
  std::deque<Delayed> forgotten;  // destroyed outside the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Shelf& shelf : shelves_) {
    shelf.claimed = false;
    const size_t kept = Random(shelf.delayed.size() + 1);
    for (size_t i = 0; i < kept; ++i) shelf.durable = std::max(shelf.durable, shelf.delayed[i].end);
    shelf.records.resize(static_cast<size_t>(shelf.durable));
    for (Delayed& delayed : shelf.delayed) forgotten.push_back(std::move(delayed));
    shelf.delayed.clear();
  }
}

void MemoryLog::Break(const BadPlace& place) {
  const std::lock_guard<std::mutex> lock(mutex_);
  shelves_[place.partition.value].bad = place;
}

void MemoryLog::Mend(Partition partition) {
  const std::lock_guard<std::mutex> lock(mutex_);
  shelves_[partition.value].bad.reset();
}

bool MemoryLog::Strikes(int per_mille) {
  return per_mille > 0 && Random(1000) < static_cast<uint64_t>(per_mille);
}

// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
uint64_t MemoryLog::Random(uint64_t below) {
  random_ += 0x9e3779b97f4a7c15;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % below;
}

absl::Status MemoryLog::CheckPartition(Partition partition) const {
  if (partition.value >= 0 && partition.value < options_.partitions) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("partition ", partition.value, " is not one of ", options_.partitions));
}

}  // namespace gridledger
