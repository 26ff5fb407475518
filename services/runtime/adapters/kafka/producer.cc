#include "services/runtime/adapters/kafka/producer.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <utility>

#include "services/runtime/adapters/kafka/headers.h"

namespace gridledger::kafka {
namespace {

constexpr int kServeMs = 100;  // between looks at whether it is to stop
constexpr absl::Duration kLastWait = absl::Seconds(5);
constexpr absl::Duration kRetry = absl::Milliseconds(200);
constexpr size_t kOverheadBytes = 64 << 10;  // of a record batch around the largest record
// A broker forgets a client that is silent for a day, or for as long as its
// producer.id.expiration.ms says.
constexpr absl::Duration kKnownFor = absl::Minutes(1);

// Empty when it is not.
std::string FatalError(rd_kafka_t* client) {
  char text[512];
  const rd_kafka_resp_err_t error = rd_kafka_fatal_error(client, text, sizeof text);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return "";
  return absl::StrCat(rd_kafka_err2name(error), ", ", text);
}

rd_kafka_resp_err_t Produce(rd_kafka_t* client, const std::string& topic, Partition partition,
                            const NewRecord& record, void* opaque) {
  Headers headers = ToKafka(record.headers);
  // A null key and an empty one are the same to the port; a null value would be a tombstone, which
  // no record is.
  const bool nothing = record.kind == PlaceKind::kNothing;
  const absl::string_view key_text = nothing ? kNothingKey : absl::string_view(record.key);
  rd_kafka_vu_t words[8];
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    words[count].vtype = type;
    return words[count++];
  };
  add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition.value;
  rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
  value.u.mem.ptr = nothing ? nullptr : const_cast<char*>(record.value.data());
  value.u.mem.size = nothing ? 0 : record.value.size();
  if (!key_text.empty()) {
    rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
    key.u.mem.ptr = const_cast<char*>(key_text.data());
    key.u.mem.size = key_text.size();
  }
  add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = absl::ToUnixMillis(record.timestamp);
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque;
  if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
  const Error error(rd_kafka_produceva(client, words, count));
  if (error != nullptr) return rd_kafka_error_code(error.get());
  headers.release();  // the client's, on success only
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

size_t BytesOf(const std::vector<NewRecord>& records) {
  size_t bytes = 0;
  for (const NewRecord& record : records) {
    bytes += sizeof record + record.bytes();
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::Start(ProducerOptions options) {
  std::unique_ptr<Producer> producer(new Producer(std::move(options)));
  auto generation = producer->NewGeneration();
  if (!generation.ok()) return generation.status();
  {
    const absl::MutexLock lock(&producer->order_);
    producer->generation_ = *std::move(generation);
  }
  producer->thread_ = std::thread([self = producer.get()] { self->Serve(); });
  return producer;
}

Producer::~Producer() {
  const std::shared_ptr<Generation> last = generation();
  if (last == nullptr) return;  // it never started
  const auto landed = [&last]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return last->under_way.empty(); };
  {
    const absl::MutexLock lock(&last->mutex);
    last->mutex.AwaitWithTimeout(absl::Condition(&landed), kLastWait);
  }
  stopping_ = true;
  thread_.join();
  PutAway(*generation());
}

absl::StatusOr<std::shared_ptr<Producer::Generation>> Producer::NewGeneration() {
  const size_t kbytes = std::max<size_t>(options_.memory_bytes >> 10, 2048);
  const Properties ours = {
      {"enable.idempotence", "true"},
      {"enable.gapless.guarantee", "true"},
      {"message.timeout.ms", "0"},
      {"acks", "all"},
      // An append is whole when it is made: what is waited for is the next one, of the few that the
      // engine has under way. None at all would drown the broker in small requests.
      {"linger.ms", "0.5"},
      {"batch.num.messages", "10000"},
      {"batch.size", "1000000"},
      {"compression.codec", "lz4"},
      {"message.max.bytes", absl::StrCat(options_.record_bytes_max + kOverheadBytes)},
      {"queue.buffering.max.messages", "10000000"},
      {"queue.buffering.max.kbytes", absl::StrCat(kbytes)},
      {"retry.backoff.ms", "50"},
      // As the reader asks for leaders (kafka_log.cc), but rarer: brokers answer one request after
      // the other, so that while an append waits for a replica that is gone the questions behind it
      // gather, and the next append behind them. Asked fast they were hundreds. No more than
      // retry.backoff.max.ms counts (client.cc).
      {"topic.metadata.refresh.interval.ms", "250"},
      {"topic.metadata.refresh.fast.interval.ms", "250"},
  };
  auto client = StartClient(RD_KAFKA_PRODUCER, options_.client, ours, [](rd_kafka_conf_t* conf) {
    // Answers as events on a thread of ours: callbacks are served in steps of 10 ms (L11).
    // Whatever else the client has to say comes the same way: a callback is not called then.
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
  });
  if (!client.ok()) return client.status();
  (void)AskForLeaders((*client)->get(), options_.topic);  // the first record asks again if it must
  auto generation = std::make_shared<Generation>();
  generation->client = *std::move(client);
  return generation;
}

std::shared_ptr<Producer::Generation> Producer::generation() {
  const absl::MutexLock lock(&order_);
  return generation_;
}

std::shared_ptr<RunningClient> Producer::client() { return generation()->client; }

// A broker that knows nothing of a client takes any of its batches for the first, and the client
// takes an acknowledged batch for the acknowledgement of all before it. Both together lose records
// when the first batches of a client come while a leader is not one yet, or no more, and the next
// when it is: the first are refused, the next is taken, and all are reported as written. So the
// first record of a client in a partition goes alone. From its acknowledgement on the brokers
// refuse what does not follow.
void Producer::Append(Partition partition, std::vector<NewRecord> records, EventLog::Done done) {
  const size_t count = records.size();
  auto* sending = new Sending{partition, std::move(done), {}, count + 1, -1, absl::OkStatus(), {}};
  std::shared_ptr<Generation> generation;
  size_t handed = 0;
  {
    const absl::MutexLock order(&order_);
    generation = generation_;
    absl::Span<const NewRecord> now = records;
    {
      const absl::MutexLock lock(&generation->mutex);
      generation->under_way.insert(sending);
      Lane& lane = generation->lanes[partition];
      if (!lane.waiting.empty()) {
        const size_t bytes = BytesOf(records);
        if (generation->kept_bytes + bytes <= options_.memory_bytes) {
          lane.waiting.push_back(sending);
          lane.kept_bytes += bytes;
          generation->kept_bytes += bytes;
          sending->kept = std::move(records);
          return;
        }
        sending->status = absl::UnavailableError("cannot send: the memory is full");
      } else if (absl::Now() - lane.known_at > kKnownFor) {
        lane.waiting.push_back(sending);
        now = now.first(1);
      }
    }
    handed = HandOver(*generation, sending, now);
    const absl::MutexLock lock(&generation->mutex);
    if (!generation->under_way.contains(sending)) return;  // answered as its client was put away
    Lane& lane = generation->lanes[partition];
    if (!lane.waiting.empty() && lane.waiting.front() == sending) {
      if (handed == 1) {
        records.erase(records.begin());
        sending->kept = std::move(records);
        return;
      }
      lane.waiting.clear();
    }
  }
  Landed(*generation, sending, count - handed + 1);
}

size_t Producer::HandOver(Generation& generation, Sending* sending,
                          absl::Span<const NewRecord> records) {
  Partition partition;
  absl::Status status;
  {
    const absl::MutexLock lock(&generation.mutex);
    if (!generation.under_way.contains(sending) || !sending->status.ok()) return 0;
    partition = sending->partition;
    sending->sent = SteadyNow();
    if (generation.lanes[partition].cut_off != nullptr) {
      status = absl::UnavailableError("an append before this one could not be handed over whole");
    }
  }
  size_t handed = 0;
  while (status.ok() && handed < records.size()) {
    status = StatusOf(
        Produce(generation.client->get(), options_.topic, partition, records[handed], sending),
        "cannot send");
    if (status.ok()) ++handed;
  }
  if (status.ok()) return handed;
  const absl::MutexLock lock(&generation.mutex);
  if (generation.under_way.contains(sending)) {
    sending->status = std::move(status);
    const bool has_begun = handed > 0 || sending->first >= 0;
    if (has_begun) generation.lanes[partition].cut_off = sending;
  }
  return handed;
}

void Producer::GoOn(Generation& generation, Partition partition) {
  std::vector<std::pair<Sending*, size_t>> ended;
  {
    const absl::MutexLock order(&order_);
    std::vector<Sending*> waiting;
    {
      const absl::MutexLock lock(&generation.mutex);
      Lane& lane = generation.lanes[partition];
      waiting.swap(lane.waiting);
      generation.kept_bytes -= std::exchange(lane.kept_bytes, 0);
    }
    absl::Status status;
    for (Sending* sending : waiting) {
      const std::vector<NewRecord> records = std::move(sending->kept);
      {
        const absl::MutexLock lock(&generation.mutex);
        if (sending->status.ok()) sending->status = status;
      }
      const size_t handed = HandOver(generation, sending, records);
      ended.emplace_back(sending, records.size() - handed + 1);
      const absl::MutexLock lock(&generation.mutex);
      if (status.ok() && !sending->status.ok()) {
        status = absl::UnavailableError("an append before this one failed");
      }
    }
  }
  for (const auto& [sending, left] : ended) Landed(generation, sending, left);
}

void Producer::Landed(Generation& generation, Sending* sending, size_t count) {
  {
    const absl::MutexLock lock(&generation.mutex);
    // Not there: it was answered when its client was put away.
    if (!generation.under_way.contains(sending)) return;
    sending->left -= count;
    if (sending->left > 0) return;
    generation.under_way.erase(sending);
  }
  const std::unique_ptr<Sending> ended(sending);
  if (ended->status.ok()) {
    std::move(ended->done)(Offset{ended->first});
    return;
  }
  std::move(ended->done)(ended->status);
  const absl::MutexLock lock(&generation.mutex);
  Sending*& cut_off = generation.lanes[ended->partition].cut_off;
  if (cut_off == sending) cut_off = nullptr;
}

void Producer::Answer(Generation& generation, const rd_kafka_message_t* message) {
  auto* sending = static_cast<Sending*>(message->_private);
  Partition partition;
  bool was_alone = false;
  {
    const absl::MutexLock lock(&generation.mutex);
    if (!generation.under_way.contains(sending)) return;
    partition = sending->partition;
    Lane& lane = generation.lanes[partition];
    was_alone = !lane.waiting.empty() && lane.waiting.front() == sending;
    absl::Status status = StatusOf(message->err, "the brokers did not take a record");
    if (status.ok() && message->offset < 0) {
      // So the client reports what it takes for written because something behind it is.
      status = absl::UnavailableError("the brokers did not say where a record is");
    }
    if (status.ok()) TellClock(message, sending->sent);
    if (!status.ok()) {
      if (sending->status.ok()) sending->status = std::move(status);
    } else if (sending->first < 0) {
      sending->first = message->offset;
      lane.known_at = absl::Now();
    } else {
      sending->first = std::min(sending->first, message->offset);
    }
  }
  Landed(generation, sending, 1);
  if (was_alone) GoOn(generation, partition);
}

// The time that a broker put on a record is in its answer, unless the record brought its own.
void Producer::TellClock(const rd_kafka_message_t* message, absl::Time sent) {
  if (options_.clock == nullptr) return;
  rd_kafka_timestamp_type_t type;
  const int64_t ms = rd_kafka_message_timestamp(message, &type);
  if (type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME) return;
  options_.clock->Answered(rd_kafka_message_broker_id(message), sent, SteadyNow(),
                           absl::FromUnixMillis(ms));
}

void Producer::Serve() {
  while (!stopping_) {
    const std::shared_ptr<Generation> served = generation();
    const Queue queue(rd_kafka_queue_get_main(served->client->get()));
    bool fatal = false;
    while (!stopping_ && !fatal) {
      const Event event(rd_kafka_queue_poll(queue.get(), kServeMs));
      if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) {
        while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
          Answer(*served, message);
        }
        continue;
      }
      if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_STATS) {
        served->client->TakeStatistics(rd_kafka_event_stats(event.get()));
      }
      // An error, or nothing for a while: the client knows itself whether it is at its end.
      const std::string why = FatalError(served->client->get());
      if (why.empty()) continue;
      fatal = true;
      options_.client.said(3, absl::StrCat("the producer went fatal and is made anew: ", why));
    }
    if (fatal) Recreate();
  }
}

void Producer::PutAway(Generation& generation) {
  rd_kafka_t* client = generation.client->get();
  const Queue queue(rd_kafka_queue_get_main(client));
  rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  const absl::Time until = absl::Now() + kLastWait;
  while (rd_kafka_outq_len(client) > 0 && absl::Now() < until) {
    const Event event(rd_kafka_queue_poll(queue.get(), 10));
    if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      Answer(generation, message);
    }
  }
  absl::flat_hash_set<Sending*> lost;
  {
    const absl::MutexLock lock(&generation.mutex);
    lost.swap(generation.under_way);
    generation.lanes.clear();
  }
  for (Sending* sending : lost) {
    const std::unique_ptr<Sending> ended(sending);
    std::move(ended->done)(
        absl::UnavailableError("the producer ended before the brokers answered"));
  }
}

void Producer::Recreate() {
  // First the answers, then the next client: meanwhile this one refuses what is handed to it. Else
  // a record might be in the log whose forerunner failed, and nobody had heard of that.
  PutAway(*generation());
  while (!stopping_) {
    auto fresh = NewGeneration();
    if (fresh.ok()) {
      const absl::MutexLock order(&order_);
      generation_ = *std::move(fresh);
      ++times_recreated_;
      return;
    }
    absl::SleepFor(kRetry);  // out of threads or of memory
  }
}

void Producer::FailForTest() {
  rd_kafka_test_fatal_error(client()->get(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                            "a test's");
}

}  // namespace gridledger::kafka
