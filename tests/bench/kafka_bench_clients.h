// Clients of the brokers for the benchmark's own programs, with the settings that our services'
// have (services/runtime/adapters/kafka), and no more between them and librdkafka.
#pragma once

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/clock.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "services/runtime/adapters/kafka/client.h"

namespace gridledger::kafka {

// The last fact of a report, "filed" without a deadline, ends so: field 14, no bytes.
constexpr absl::string_view kFiledEnd("\x72\x00", 2);
// The first byte of an echo; an entry begins with its schema, 0x08.
constexpr char kEchoMark = 'E';

inline bool AsksForAnswer(absl::string_view value) {
  return !value.empty() && value.front() != kEchoMark && absl::EndsWith(value, kFiledEnd);
}

[[noreturn]] inline void Fail(absl::string_view why) {
  std::fprintf(stderr, "%s\n", std::string(why).c_str());
  std::exit(3);
}

inline void Check(rd_kafka_resp_err_t error, absl::string_view doing) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fail(absl::StrCat(doing, ": ", rd_kafka_err2str(error)));
  }
}

inline std::shared_ptr<RunningClient> NewClient(rd_kafka_type_t type, const std::string& bootstrap,
                                                const Properties& ours,
                                                void (*tune)(rd_kafka_conf_t*) = nullptr) {
  ClientOptions options;
  options.bootstrap = bootstrap;
  auto client = StartClient(type, options, ours, tune);
  if (!client.ok()) Fail(absl::string_view(client.status().message()));
  return *std::move(client);
}

inline std::shared_ptr<RunningClient> NewProducer(const std::string& bootstrap,
                                                  absl::string_view linger_ms) {
  return NewClient(RD_KAFKA_PRODUCER, bootstrap,
                   {{"enable.idempotence", "true"},
                    {"enable.gapless.guarantee", "true"},
                    {"message.timeout.ms", "0"},
                    {"acks", "all"},
                    {"linger.ms", std::string(linger_ms)},
                    {"batch.num.messages", "10000"},
                    {"batch.size", "1000000"},
                    {"compression.codec", "lz4"},
                    {"queue.buffering.max.messages", "10000000"},
                    {"queue.buffering.max.kbytes", "65536"}},
                   [](rd_kafka_conf_t* conf) {
                     rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
                   });
}

inline std::shared_ptr<RunningClient> NewConsumer(const std::string& bootstrap) {
  auto client = NewClient(RD_KAFKA_CONSUMER, bootstrap,
                          {{"group.id", "gridledger-bench"},
                           {"enable.auto.commit", "false"},
                           {"enable.auto.offset.store", "false"},
                           {"auto.offset.reset", "error"},
                           {"isolation.level", "read_committed"},
                           {"check.crcs", "true"},
                           {"fetch.wait.max.ms", "50"},
                           {"fetch.min.bytes", "1"},
                           {"fetch.queue.backoff.ms", "1"},
                           {"fetch.message.max.bytes", "1048576"},
                           {"fetch.max.bytes", "16777216"},
                           {"queued.min.messages", "10000"},
                           {"queued.max.messages.kbytes", "65536"}});
  rd_kafka_poll_set_consumer(client->get());
  return client;
}

// How many partitions the topic has.
inline int Partitions(rd_kafka_t* client, const std::string& topic) {
  const TopicHandle handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* answer = nullptr;
  Check(rd_kafka_metadata(client, 0, handle.get(), &answer, 10'000), "cannot ask for the topic");
  const Metadata metadata(answer);
  Check(metadata->topics[0].err, absl::StrCat("cannot use the topic ", topic));
  return metadata->topics[0].partition_cnt;
}

struct Ends {
  int64_t begin = 0, end = 0;
};
inline std::vector<Ends> Watermarks(rd_kafka_t* client, const std::string& topic) {
  std::vector<Ends> ends(Partitions(client, topic));
  for (size_t p = 0; p < ends.size(); ++p) {
    Check(rd_kafka_query_watermark_offsets(client, topic.c_str(), static_cast<int>(p),
                                           &ends[p].begin, &ends[p].end, 10'000),
          "cannot ask where a partition ends");
  }
  return ends;
}

// Reads every partition from its beginning, or from where it ends now.
inline void AssignAll(rd_kafka_t* consumer, const std::string& topic, bool from_end) {
  const std::vector<Ends> ends = Watermarks(consumer, topic);
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(ends.size())));
  for (size_t p = 0; p < ends.size(); ++p) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<int>(p))->offset =
        from_end ? ends[p].end : ends[p].begin;
  }
  Check(rd_kafka_assign(consumer, list.get()), "cannot read");
}

struct Outgoing {
  int partition = 0;
  absl::string_view key, value;
  int64_t timestamp_ms = 0;               // 0: now
  rd_kafka_headers_t* headers = nullptr;  // taken over
  void* opaque = nullptr;
};

// Waits while the client's queue is full.
inline void Send(rd_kafka_t* producer, const std::string& topic, const Outgoing& record) {
  while (true) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(record.partition),
        RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
        RD_KAFKA_V_TIMESTAMP(record.timestamp_ms), RD_KAFKA_V_HEADERS(record.headers),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(record.opaque), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) Check(error, "cannot send");
    // tidy: allow(sleep) the queue says only that it is full
    absl::SleepFor(absl::Milliseconds(1));
  }
}

// Serves a producer's answers on a thread of its own; ends when all have come.
class AnswerThread {
 public:
  AnswerThread(rd_kafka_t* producer, std::function<void(void* opaque)> landed)
      : producer_(producer), landed_(std::move(landed)), thread_([this] { Serve(); }) {}
  ~AnswerThread() {
    ending_ = true;
    thread_.join();
  }

 private:
  void Serve() {
    const Queue queue(rd_kafka_queue_get_main(producer_));
    while (!ending_ || rd_kafka_outq_len(producer_) > 0) {
      const Event event(rd_kafka_queue_poll(queue.get(), 20));
      if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
      while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
        Check(message->err, "the brokers did not take a record");
        if (landed_ != nullptr) landed_(message->_private);
      }
    }
  }

  rd_kafka_t* const producer_;
  const std::function<void(void*)> landed_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace gridledger::kafka
