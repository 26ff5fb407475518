// What a program on a cluster costs at the least: reads a topic and answers in the same topic, with
// the clients' settings that our services have, and nothing between. A service's latency stands
// beside its. Run by tests/bench/kafka/run; never passes or fails.
//
//   kafka_echo_bench HOST:PORT TOPIC      until its input ends
//
// It answers each record that asks for it (the last fact of a report) by one of the size of a
// dispatch decision, and passes over all others, its own among them.
#include <poll.h>

#include <algorithm>
#include <array>

#include "tests/bench/kafka_bench_clients.h"

namespace gridledger::kafka {
namespace {

constexpr size_t kAnswerBytes = 160;  // of a dispatch decision with two candidates
constexpr int kWaitMs = 100;
constexpr int kTake = 512;

bool InputEnded() {
  pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) > 0;
}

void Answer(rd_kafka_t* producer, const std::string& topic, const rd_kafka_message_t& message) {
  Check(message.err, "cannot read");
  const absl::string_view value(static_cast<const char*>(message.payload), message.len);
  if (!AsksForAnswer(value)) return;
  std::string answer(1, kEchoMark);
  answer.append(value.data(), value.size());
  answer.resize(std::max(answer.size(), kAnswerBytes), ' ');
  Send(producer, topic,
       {.partition = message.partition,
        .key = {static_cast<const char*>(message.key), message.key_len},
        .value = answer});
}

int Main(int argc, char** argv) {
  if (argc != 3) Fail("kafka_echo_bench HOST:PORT TOPIC");
  const std::string topic = argv[2];
  const auto producer = NewProducer(argv[1], /*linger_ms=*/"0.5");
  const auto consumer = NewConsumer(argv[1]);
  AssignAll(consumer->get(), topic, /*from_end=*/true);
  const Queue queue(rd_kafka_queue_get_consumer(consumer->get()));
  const AnswerThread answers(producer->get(), nullptr);
  std::printf("ready\n");
  std::fflush(stdout);
  std::array<rd_kafka_message_t*, kTake> got;
  while (!InputEnded()) {
    const Message first(rd_kafka_consumer_poll(consumer->get(), kWaitMs));
    if (first == nullptr) continue;
    Answer(producer->get(), topic, *first);
    const ssize_t count = rd_kafka_consume_batch_queue(queue.get(), 0, got.data(), got.size());
    for (ssize_t i = 0; i < count; ++i) Answer(producer->get(), topic, *Message(got[i]));
  }
  return 0;
}

}  // namespace
}  // namespace gridledger::kafka

int main(int argc, char** argv) { return gridledger::kafka::Main(argc, argv); }
