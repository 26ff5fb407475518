#include "services/runtime/adapters/kafka/producer.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <utility>

#include "services/runtime/adapters/kafka/headers.h"

namespace gridledger::kafka {
namespace {

constexpr int kServeMs = 100;  // between looks at whether it is to stop
constexpr absl::Duration kLastWait = absl::Seconds(5);
constexpr absl::Duration kRetry = absl::Milliseconds(200);
constexpr size_t kOverheadBytes = 64 << 10;  // of a record batch around the largest record

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
  // A null key and an empty one are the same to the port; a null value would be a tombstone.
  rd_kafka_vu_t words[8];
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    words[count].vtype = type;
    return words[count++];
  };
  add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition.value;
  rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
  value.u.mem.ptr = const_cast<char*>(record.value.data());
  value.u.mem.size = record.value.size();
  if (!record.key.empty()) {
    rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
    key.u.mem.ptr = const_cast<char*>(record.key.data());
    key.u.mem.size = record.key.size();
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
      // An append is whole when it is made, and a partition has one of the engine's under way: what
      // is waited for is other writers'. None at all would drown the broker in small requests.
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
      // gather, and the next append behind them. Asked fast they were hundreds.
      {"topic.metadata.refresh.interval.ms", "250"},
      {"topic.metadata.refresh.fast.interval.ms", "1000"},
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

void Producer::Append(Partition partition, const std::vector<NewRecord>& records,
                      EventLog::Done done) {
  auto* sending = new Sending{partition, std::move(done), records.size() + 1, -1, absl::OkStatus()};
  std::shared_ptr<Generation> generation;
  size_t handed = 0;
  absl::Status status;
  {
    const absl::MutexLock order(&order_);
    generation = generation_;
    {
      const absl::MutexLock lock(&generation->mutex);
      generation->under_way.insert(sending);
      if (generation->cut_off.contains(partition)) {
        status = absl::UnavailableError("an append before this one could not be handed over whole");
      }
    }
    while (status.ok() && handed < records.size()) {
      const rd_kafka_resp_err_t error =
          Produce(generation->client->get(), options_.topic, partition, records[handed], sending);
      status = StatusOf(error, "cannot send");
      if (status.ok()) ++handed;
    }
    if (!status.ok()) {
      const absl::MutexLock lock(&generation->mutex);
      if (generation->under_way.contains(sending)) {
        sending->status = std::move(status);
        if (handed > 0) generation->cut_off[partition] = sending;
      }
    }
  }
  Landed(*generation, sending, records.size() - handed + 1);
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
  const auto cut_off = generation.cut_off.find(ended->partition);
  if (cut_off != generation.cut_off.end() && cut_off->second == sending) {
    generation.cut_off.erase(cut_off);
  }
}

void Producer::Answer(Generation& generation, const rd_kafka_message_t* message) {
  auto* sending = static_cast<Sending*>(message->_private);
  {
    const absl::MutexLock lock(&generation.mutex);
    if (!generation.under_way.contains(sending)) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (sending->status.ok()) {
        sending->status = StatusOf(message->err, "the brokers did not take a record");
      }
    } else if (sending->first < 0 || message->offset < sending->first) {
      sending->first = message->offset;
    }
  }
  Landed(generation, sending, 1);
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
