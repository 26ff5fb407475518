#include "services/runtime/adapters/kafka/clock_probe.h"

#include <absl/time/clock.h>

#include <utility>

namespace gridledger::kafka {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(1);
constexpr int kServeMs = 50;  // between looks at whether it is to stop

}  // namespace

absl::StatusOr<std::unique_ptr<ClockProbe>> ClockProbe::Start(const ClientOptions& options,
                                                              std::string topic,
                                                              BrokerClock* clock) {
  const Properties ours = {
      {"acks", "1"},
      {"linger.ms", "0"},
      // One that waited says nothing.
      {"message.timeout.ms", "5000"},
      {"queue.buffering.max.messages", "16"},
      // Any partition: so each broker is asked in its turn.
      {"sticky.partitioning.linger.ms", "0"},
  };
  // An operator's choices for the ledger's producer would not do here.
  ClientOptions own = options;
  for (const char* name : {"enable.idempotence", "enable.gapless.guarantee", "message.timeout.ms",
                           "acks", "request.required.acks"}) {
    own.properties.erase(name);
  }
  own.said = [](int, absl::string_view) {};  // the ledger's own clients say the same of the brokers
  auto client = StartClient(RD_KAFKA_PRODUCER, own, ours, [](rd_kafka_conf_t* conf) {
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
  });
  if (!client.ok()) return client.status();
  std::unique_ptr<ClockProbe> probe(new ClockProbe(*std::move(client), std::move(topic), clock));
  probe->thread_ = std::thread([self = probe.get()] { self->Work(); });
  return probe;
}

ClockProbe::~ClockProbe() {
  stopping_ = true;
  thread_.join();
  rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void ClockProbe::Work() {
  const Queue queue(rd_kafka_queue_get_main(client_->get()));
  absl::Time sent, next = SteadyNow();
  bool waits = false;
  while (!stopping_) {
    if (!waits && SteadyNow() >= next) {
      sent = SteadyNow();
      next = sent + kEvery;
      static constexpr char kByte = 0;  // an empty value would be a tombstone to some
      waits = rd_kafka_producev(client_->get(), RD_KAFKA_V_TOPIC(topic_.c_str()),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_VALUE(const_cast<char*>(&kByte), sizeof kByte),
                                RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    const Event event(rd_kafka_queue_poll(queue.get(), kServeMs));
    if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    const absl::Time answered = SteadyNow();
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      waits = false;
      rd_kafka_timestamp_type_t type;
      const int64_t ms = rd_kafka_message_timestamp(message, &type);
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
        continue;
      clock_->Answered(rd_kafka_message_broker_id(message), sent, answered,
                       absl::FromUnixMillis(ms));
    }
  }
}

}  // namespace gridledger::kafka
