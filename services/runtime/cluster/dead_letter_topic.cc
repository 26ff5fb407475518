#include "services/runtime/cluster/dead_letter_topic.h"

#include <absl/cleanup/cleanup.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/types/span.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "services/runtime/host/log_lines.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::host {
namespace {

constexpr absl::Duration kRetryFirst = absl::Seconds(1);
constexpr absl::Duration kRetryMax = absl::Minutes(1);
constexpr absl::Duration kOpenWait = absl::Seconds(2);
constexpr absl::Duration kPatience = absl::Seconds(10);    // it is tried again
constexpr absl::Duration kStep = absl::Milliseconds(200);  // between looks at whether to stop
constexpr int kPollMax = 100;         // records; of large ones the client's queue holds fewer
constexpr int64_t kReadOnMax = 1000;  // records that are read to get to the next letter
// Beyond it nobody tells us more: with the last telling, of a block, 66,536 × ~100 B ≈ 7 MB.
constexpr size_t kWaitingMax = 1000;
constexpr size_t kLettersMax = 100;  // in one append, or fewer:
constexpr size_t kBatchBytes = size_t{1} << 20;
// The largest record that a ledger takes, 1,150,000 B, and what its letter adds; deploy/kafka/
// topics.yaml has it as max.message.bytes, which is of a whole batch.
constexpr size_t kLetterBytesMax = size_t{2} << 20;
// Half to send: a batch and a largest letter. Beside the process's shares, once there are letters.
constexpr size_t kTopicMemory = size_t{8} << 20;

std::string Position(Partition partition, Offset offset) {
  return absl::StrCat(partition.value, "/", offset.value);
}

// One that cannot be parked. Its reason is ours, of bytes that do not decode; never the bytes.
void LogLeft(Partition partition, const ParkedRecord& record, absl::string_view what,
             absl::string_view why) {
  Log(LogLevel::kError, "dead_letter_not_parked",
      absl::StrCat("dead letter ", Position(partition, record.offset), " (", record.reason, ") ",
                   what, ": ", why),
      {{"partition", int64_t{partition.value}},
       {"offset", record.offset.value},
       {"reason", record.reason}});
}

// What an append answers; the answer may come when nobody waits any more.
struct Answer {
  absl::Mutex mutex;
  bool is_there ABSL_GUARDED_BY(mutex) = false;
  absl::Status status ABSL_GUARDED_BY(mutex);
};

}  // namespace

NewRecord MakeLetter(const std::string& ledger_topic, const Record& record,
                     const std::string& reason, absl::Time at) {
  NewRecord letter;
  letter.timestamp = absl::FromUnixMillis(absl::ToUnixMillis(at));
  letter.key = Position(record.partition, record.offset);
  letter.value = std::string(record.value);
  const auto add = [&letter](absl::string_view name, absl::string_view value) {
    AppendHeader(name, value, &letter.headers);
  };
  add("ce_specversion", "1.0");
  add("content-type", "application/octet-stream");
  add("ce_type", "gridledger.v1.DeadLetter");
  add("ce_source", "/gridledger/dead-letters");
  add("ce_id", letter.key);
  add("ce_time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", record.timestamp, absl::UTCTimeZone()));
  add("ce_reason", reason);
  add("ce_ledger", ledger_topic);
  add("ce_partition", absl::StrCat(record.partition.value));
  add("ce_offset", absl::StrCat(record.offset.value));
  if (!record.key.empty()) add("record.key", record.key);
  absl::string_view rest = record.headers, name, value;
  while (!rest.empty()) {
    const absl::string_view left = rest;
    if (!TakeHeader(&rest, &name, &value)) {
      add("record.headers", left);  // what is no list of headers, as it is
      break;
    }
    add(absl::StrCat("record.header.", name), value);
  }
  return letter;
}

DeadLetterTopic::DeadLetterTopic(DeadLetterTopicOptions options)
    : options_([&options] {
        options.topic.memory_bytes = kTopicMemory;
        options.topic.record_bytes_max = kLetterBytesMax;
        options.topic.wait_for_brokers = kOpenWait;
        return std::move(options);
      }()),
      thread_([this] { Run(); }) {}

DeadLetterTopic::~DeadLetterTopic() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

ParkedSink::Room DeadLetterTopic::AskRoom() {
  const absl::MutexLock lock(&mutex_);
  size_t waiting = in_work_;
  for (const auto& [partition, queue] : queues_) waiting += queue->records.size();
  if (waiting < kWaitingMax) return Room::kSome;
  return fails_ ? Room::kFails : Room::kLater;
}

void DeadLetterTopic::Parked(Partition partition, std::vector<ParkedRecord> records) {
  const absl::MutexLock lock(&mutex_);
  std::shared_ptr<Queue>& queue = queues_[partition];
  if (queue == nullptr) queue = std::make_shared<Queue>();
  queue->records.insert(queue->records.end(), std::make_move_iterator(records.begin()),
                        std::make_move_iterator(records.end()));
  untried_ = true;
}

void DeadLetterTopic::GivenUp(Partition partition) {
  const absl::MutexLock lock(&mutex_);
  queues_.erase(partition);
}

bool DeadLetterTopic::WaitUntilTried(absl::Time deadline) {
  const auto tried = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !untried_ && !working_; };
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(&tried), deadline);
}

bool DeadLetterTopic::stopping() {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void DeadLetterTopic::Run() {
  absl::Time retry_at = absl::InfinitePast();  // infinite as long as nothing fails
  absl::Duration retry = kRetryFirst;
  const auto called = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return stopping_ || (untried_ && retry_at == absl::InfinitePast());
  };
  while (true) {
    std::map<Partition, std::shared_ptr<Queue>> work;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithDeadline(absl::Condition(&called), retry_at == absl::InfinitePast()
                                                             ? absl::InfiniteFuture()
                                                             : retry_at);
      if (stopping_) return;
      untried_ = false;
      working_ = true;
      work = queues_;
    }
    absl::Status failed;
    size_t waiting = 0;
    for (const auto& [partition, queue] : work) {
      Queue mine;
      {
        const absl::MutexLock lock(&mutex_);
        std::swap(mine.records, queue->records);
        in_work_ = mine.records.size();
        mine.compared = queue->compared;
      }
      const absl::Status status = Publish(partition, &mine);
      if (!status.ok()) failed = status;
      waiting += mine.records.size();
      const absl::MutexLock lock(&mutex_);
      queue->compared = status.ok();
      in_work_ = 0;
      // In front of what came meanwhile.
      queue->records.insert(queue->records.begin(), mine.records.begin(), mine.records.end());
    }
    retry_at = absl::InfinitePast();
    if (failed.ok()) {
      retry = kRetryFirst;
    } else if (!stopping()) {
      Log(LogLevel::kWarning, "dead_letters_wait",
          absl::StrCat(waiting, " dead letters wait for their topic, and are tried again in ",
                       absl::FormatDuration(retry), ": ", failed.message()),
          {{"dead_letters", static_cast<int64_t>(waiting)},
           {"retry_ms", absl::ToInt64Milliseconds(retry)},
           {"reason", std::string(failed.message())}});
      retry_at = absl::Now() + retry;
      retry = std::min(2 * retry, kRetryMax);
    }
    const absl::MutexLock lock(&mutex_);
    working_ = false;
    fails_ = !failed.ok();
  }
}

absl::Status DeadLetterTopic::OpenTopic() {
  if (topic_ != nullptr) return absl::OkStatus();
  auto opened = KafkaLog::Open(options_.topic);
  if (absl::IsNotFound(opened.status())) {
    return absl::NotFoundError(
        absl::StrCat(opened.status().message(), ". `gridledger topics create` makes it"));
  }
  if (!opened.ok()) return opened.status();
  if ((*opened)->partitions() != options_.ledger->partitions()) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.topic.topic, " has ", (*opened)->partitions(), " partitions, and the ledger ",
        options_.ledger->partitions(), ": `gridledger topics check` shows everything"));
  }
  topic_ = *std::move(opened);
  ledger_ = options_.ledger->NewReader();
  return absl::OkStatus();
}

absl::Status DeadLetterTopic::Publish(Partition partition, Queue* queue) {
  std::vector<ParkedRecord>& records = queue->records;
  if (records.empty()) return absl::OkStatus();
  if (absl::Status status = OpenTopic(); !status.ok()) return status;
  if (!queue->compared) {
    if (absl::Status status = DropWhatIsThere(partition, &records); !status.ok()) return status;
  }
  if (records.empty()) return absl::OkStatus();
  if (absl::Status status = DropWhatIsGone(partition, &records); !status.ok()) return status;
  size_t published = 0;
  while (!records.empty()) {
    auto letters = MakeLetters(partition, records);
    if (!letters.ok()) return letters.status();
    const size_t count = letters->size();
    const absl::Status status = Append(partition, *std::move(letters));
    if (absl::IsInvalidArgument(status) && count == 1) {
      // Only a record that a foreign producer packed small can be larger than what a ledger takes.
      // It is alone in its append; its bytes stay in the ledger, and the next start says it again.
      LogLeft(partition, records.front(), "stays in the ledger alone", status.message());
    } else if (!status.ok()) {
      return status;
    } else {
      published += count;
    }
    records.erase(records.begin(), records.begin() + static_cast<ptrdiff_t>(count));
  }
  Log(LogLevel::kInfo, "dead_letters_parked",
      absl::StrCat("parked ", published, " dead letters of partition ", partition.value),
      {{"dead_letters", static_cast<int64_t>(published)}, {"partition", int64_t{partition.value}}});
  return absl::OkStatus();
}

absl::Status DeadLetterTopic::DropWhatIsThere(Partition partition,
                                              std::vector<ParkedRecord>* records) {
  const absl::StatusOr<Offset> begin = topic_->Begin(partition);
  if (!begin.ok()) return begin.status();
  const absl::StatusOr<Offset> end = topic_->End(partition);
  if (!end.ok()) return end.status();
  absl::flat_hash_set<std::string> wanted;
  for (const ParkedRecord& record : *records) wanted.insert(Position(partition, record.offset));
  const std::unique_ptr<LogReader> reader = topic_->NewReader();
  RecordBatch batch;
  absl::Status status = ReadUntil(
      *reader,
      Stretch{.partition = partition,
              .from = *begin,
              .end = *end,
              .records_max = kPollMax,
              .patience = kPatience},
      &batch,
      [&](absl::Span<const Record> letters) {
        for (const Record& letter : letters) wanted.erase(letter.key);
        return true;
      },
      [&] { return stopping() ? absl::CancelledError("the program ends") : absl::OkStatus(); });
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError(absl::StrCat(options_.topic.topic, ": ", status.message()));
  }
  if (!status.ok()) return status;
  std::erase_if(*records, [&](const ParkedRecord& record) {
    return !wanted.contains(Position(partition, record.offset));
  });
  return absl::OkStatus();
}

// A ledger may have a finite retention.
absl::Status DeadLetterTopic::DropWhatIsGone(Partition partition,
                                             std::vector<ParkedRecord>* records) {
  const absl::StatusOr<Offset> begin = options_.ledger->Begin(partition);
  if (!begin.ok()) return begin.status();
  std::erase_if(*records, [&](const ParkedRecord& record) {
    if (record.offset >= *begin) return false;
    LogLeft(partition, record, "is not in the ledger any more", "it cannot be parked");
    return true;
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NewRecord>> DeadLetterTopic::MakeLetters(
    Partition partition, const std::vector<ParkedRecord>& records) {
  std::vector<NewRecord> letters;
  size_t bytes = 0;
  absl::Time patience = absl::Now() + kPatience;
  const absl::Cleanup unassign = [&] { ledger_->Unassign(partition); };
  RecordBatch batch;
  Offset next{-1};
  while (letters.size() < std::min(records.size(), kLettersMax)) {
    const Offset wanted = records[letters.size()].offset;
    if (next.value < 0 || wanted.value - next.value > kReadOnMax) {
      next = wanted;
      if (absl::Status status = ledger_->Assign(partition, next); !status.ok()) return status;
    }
    if (absl::Status status = ledger_->Poll(kStep, kPollMax, &batch); !status.ok()) return status;
    for (const Record& record : batch.records()) {
      next = record.offset.Next();
      const ParkedRecord& parked = records[letters.size()];
      if (record.offset != parked.offset) continue;
      NewRecord letter = MakeLetter(options_.ledger_topic, record, parked.reason, absl::Now());
      bytes += letter.bytes();
      // What does not fit begins the next batch.
      const bool is_full = !letters.empty() && bytes > kBatchBytes;
      if (!is_full) letters.push_back(std::move(letter));
      if (is_full || letters.size() == std::min(records.size(), kLettersMax)) return letters;
    }
    if (!batch.records().empty()) patience = absl::Now() + kPatience;
    if (stopping()) return absl::CancelledError("the program ends");
    if (absl::Now() >= patience) {
      return absl::UnavailableError(
          absl::StrCat("the record at ", Position(partition, wanted), " does not come"));
    }
  }
  return letters;
}

absl::Status DeadLetterTopic::Append(Partition partition, std::vector<NewRecord> letters) {
  const auto answer = std::make_shared<Answer>();
  topic_->Append(partition, std::move(letters), [answer](absl::StatusOr<Offset> first) {
    const absl::MutexLock lock(&answer->mutex);
    answer->status = first.status();
    answer->is_there = true;
  });
  // While no broker answers, this may last.
  while (true) {
    {
      const absl::MutexLock lock(&answer->mutex);
      if (answer->mutex.AwaitWithTimeout(absl::Condition(&answer->is_there), kStep)) {
        return answer->status;
      }
    }
    if (stopping()) return absl::CancelledError("the program ends");
  }
}

}  // namespace gridledger::host
