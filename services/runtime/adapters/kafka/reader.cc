#include "services/runtime/adapters/kafka/reader.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <utility>

#include "services/runtime/adapters/kafka/headers.h"

namespace gridledger::kafka {
namespace {

// A batch ends when it holds so much; what was taken off the queue with it waits for the next.
constexpr size_t kBatchBytesMax = size_t{16} << 20;
// Marks next to each other: as many producers' transactions end at once. More are lost records.
constexpr int64_t kMarksAtOnceMax = 10'000;
// Nobody answered within two seconds: partitions that come meanwhile do not wait for it, too.
constexpr absl::Duration kAskLeadersAgain = absl::Seconds(30);
constexpr int kTakeMax = 512;  // messages at once, so that what waits stays little

PartitionList OneOf(const std::string& topic, Partition partition, int64_t offset) {
  PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition.value)->offset = offset;
  return list;
}

BadPlace::Damage DamageOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return BadPlace::Damage::kRemoved;
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION: return BadPlace::Damage::kMissing;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return BadPlace::Damage::kChecksum;
    default: return BadPlace::Damage::kUnreadable;
  }
}

absl::string_view Bytes(const void* data, size_t size) {
  return data == nullptr ? absl::string_view()
                         : absl::string_view(static_cast<const char*>(data), size);
}

}  // namespace

Reader::Reader(std::shared_ptr<RunningClient> client, std::string topic, ReaderHost* host,
               bool with_headers)
    : client_(std::move(client)),
      queue_(rd_kafka_queue_get_consumer(client_->get())),
      topic_(std::move(topic)),
      host_(host),
      with_headers_(with_headers) {}

Reader::~Reader() {
  left_.clear();
  queue_.reset();
  host_->Retire(std::move(client_));
}

absl::Status Reader::Assign(Partition partition, Offset from) {
  Offset begin, end;
  if (absl::Status status = host_->Ask(partition, &begin, &end); !status.ok()) return status;
  return AssignWithin(partition, from, LogBounds{begin, end});
}

absl::Status Reader::AssignWithin(Partition partition, Offset from, const LogBounds& bounds) {
  const auto [begin, end] = bounds;
  if (from > end) {
    return absl::OutOfRangeError(absl::StrCat("partition ", partition.value, " of ", topic_,
                                              " ends at ", end.value, ": ", from.value,
                                              " is beyond it"));
  }
  if (from < begin) {
    return absl::DataLossError(absl::StrCat("partition ", partition.value, " of ", topic_,
                                            " begins at offset ", begin.value, ": offset ",
                                            from.value, " was removed by its retention"));
  }
  TakeAway(partition);
  if (const absl::Time now = absl::Now(); !knows_leaders_ && now >= ask_leaders_at_) {
    ask_leaders_at_ = now + kAskLeadersAgain;
    knows_leaders_ = AskForLeaders(client_->get(), topic_);
  }
  const Error error(
      rd_kafka_incremental_assign(client_->get(), OneOf(topic_, partition, from.value).get()));
  if (error != nullptr) {
    return StatusOf(rd_kafka_error_code(error.get()), absl::StrCat("cannot read ", topic_));
  }
  next_[partition] = from;
  return absl::OkStatus();
}

void Reader::Unassign(Partition partition) { TakeAway(partition); }

void Reader::TakeAway(Partition partition) {
  std::erase_if(bad_, [&](const auto& one) { return one.first.partition == partition; });
  if (next_.erase(partition) == 0) return;
  std::erase_if(left_,
                [&](const Message& message) { return message->partition == partition.value; });
  const Error error(rd_kafka_incremental_unassign(
      client_->get(), OneOf(topic_, partition, RD_KAFKA_OFFSET_INVALID).get()));
}

absl::Status Reader::Poll(absl::Duration wait, int records_max, RecordBatch* batch) {
  stamped_ms_ = 0;
  absl::Status status = Fill(wait, records_max, batch);
  if (stamped_ms_ > 0) host_->Saw(absl::FromUnixMillis(stamped_ms_));
  return status;
}

absl::Status Reader::Fill(absl::Duration wait, int records_max, RecordBatch* batch) {
  batch->Clear();
  absl::Status bad;
  if (NextBadPlace(batch, &bad)) return bad;
  const auto has_room = [&] {
    return static_cast<int>(batch->records().size()) < records_max &&
           batch->bytes() < kBatchBytesMax;
  };
  while (!left_.empty() && has_room()) {
    Message message = std::move(left_.front());
    left_.pop_front();
    if (absl::Status status = Take(std::move(message), batch); !status.ok()) return status;
  }
  if (batch->records().empty() && NextBadPlace(batch, &bad)) return bad;
  const absl::Time until = absl::Now() + wait;
  while (has_room()) {
    if (batch->records().empty()) {
      // The first one is waited for alone: a batch would wait until it is full (engine notes 1.4).
      if (woken_.exchange(false)) return absl::OkStatus();
      const int64_t ms = std::max<int64_t>(
          0, absl::ToInt64Milliseconds(until - absl::Now() + absl::Microseconds(999)));
      Message first(rd_kafka_consumer_poll(client_->get(),
                                           static_cast<int>(std::min<int64_t>(ms, 1'000'000'000))));
      if (first == nullptr) {
        if (woken_.exchange(false) || absl::Now() >= until) return absl::OkStatus();
        continue;
      }
      if (absl::Status status = Take(std::move(first), batch); !status.ok()) return status;
      if (batch->records().empty() && NextBadPlace(batch, &bad)) return bad;
      continue;
    }
    got_.resize(std::min<size_t>(kTakeMax, records_max - batch->records().size()));
    const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, got_.data(), got_.size());
    if (count <= 0) return absl::OkStatus();
    absl::Status status;
    for (ssize_t i = 0; i < count; ++i) {
      Message message(got_[i]);
      if (status.ok() && has_room()) {
        status = Take(std::move(message), batch);
      } else {
        left_.push_back(std::move(message));
      }
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Reader::Take(Message message, RecordBatch* batch) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return TakeError(*message, batch);
  const Partition partition{message->partition};
  const auto next = next_.find(partition);
  // From before the partition was taken away or moved.
  if (next == next_.end() || message->offset < next->second.value) return absl::OkStatus();
  if (!PassTo(partition, Offset{message->offset}, batch)) return absl::OkStatus();
  if (message->payload == nullptr && Bytes(message->key, message->key_len) == kNothingKey) {
    (void)PassTo(partition, next->second.Next(), batch);
    return absl::OkStatus();
  }
  headers_.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (with_headers_ &&
      rd_kafka_message_headers(message.get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    FromKafka(headers, &headers_);
  }
  rd_kafka_timestamp_type_t type;
  const int64_t ms = rd_kafka_message_timestamp(message.get(), &type);
  if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) stamped_ms_ = std::max(stamped_ms_, ms);
  batch->Add(partition, Offset{message->offset}, absl::FromUnixMillis(ms),
             Bytes(message->key, message->key_len), headers_,
             Bytes(message->payload, message->len));
  next->second = next->second.Next();
  return absl::OkStatus();
}

bool Reader::PassTo(Partition partition, Offset upto, RecordBatch* batch) {
  Offset& next = next_.at(partition);
  if (upto.value - next.value > kMarksAtOnceMax) {
    const BadPlace bad{partition, next, BadPlace::Damage::kMissing};
    TakeAway(partition);
    bad_.emplace_back(
        bad, absl::DataLossError(absl::StrCat(
                 "partition ", partition.value, " of ", topic_, ": offsets ", bad.offset.value,
                 " to ", upto.value - 1, " are gone. A ledger's topic is never compacted")));
    return false;
  }
  for (; next < upto; next = next.Next()) batch->AddNothing(partition, next);
  return true;
}

// Lost brokers come back, and the client goes on by itself; lost records do not.
absl::Status Reader::TakeError(const rd_kafka_message_t& message, RecordBatch* batch) {
  const Partition partition{message.partition};
  const auto next = next_.find(partition);
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    if (next != next_.end()) (void)PassTo(partition, Offset{message.offset}, batch);
    return absl::OkStatus();
  }
  const Offset at =
      next != next_.end() ? next->second : Offset{std::max<int64_t>(message.offset, 0)};
  const absl::Status status =
      StatusOf(message.err, absl::StrCat("cannot read partition ", message.partition, " of ",
                                         topic_, " at offset ", at.value));
  if (absl::IsUnavailable(status)) return absl::OkStatus();
  if (message.partition < 0) return status;  // of the client, not of a partition
  if (next == next_.end()) return absl::OkStatus();
  const BadPlace bad{partition, at, DamageOf(message.err)};
  TakeAway(partition);
  bad_.emplace_back(bad, status);
  return absl::OkStatus();
}

bool Reader::NextBadPlace(RecordBatch* batch, absl::Status* status) {
  if (bad_.empty()) return false;
  batch->SetBadPlace(bad_.front().first);
  *status = std::move(bad_.front().second);
  bad_.pop_front();
  return true;
}

void Reader::Wake() {
  woken_ = true;
  rd_kafka_queue_yield(queue_.get());
}

}  // namespace gridledger::kafka
