// The load of the Kafka benchmark, and its stop-watch. Run by tests/bench/kafka/run; never passes
// or fails.
//
//   kafka_load_bench mirror  HOST:PORT FROM TO RECORDS
//       reads that many records (0: all) into memory and sends them again, to the same partitions:
//       the brokers' own figures for reading and for sending just these bytes
//   kafka_load_bench fill    HOST:PORT TOPIC INCIDENTS NAME
//       reports so many incidents and files them, as fast as the brokers take it; two records each
//   kafka_load_bench latency HOST:PORT TOPIC ANSWERS RATE SECONDS NAME [FILE]
//       does so at a rate of incidents a second, and waits for each one's answer in the topic
//       ANSWERS: a decision of the dispatch service, or an echo. Ends early when its input does.
//       FILE gets a line an incident: partition, instants sent, acknowledged and read, in
//       microseconds
//
// Each prints one line of JSON. NAME begins the ids of its incidents. What an incident looks like
// (community, category, area) is taken from reports that the topic holds already.
#include <poll.h>

#include <absl/strings/numbers.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <map>

#include "gridledger/v1/entry.pb.h"
#include "tests/bench/kafka_bench_clients.h"

namespace gridledger::kafka {
namespace {

constexpr int kTake = 4096;
constexpr int kWaitMs = 100;
constexpr int kTemplatesMax = 64;        // a partition
constexpr int64_t kTemplateLook = 5000;  // records a partition, looked through for reports
constexpr absl::Duration kLastWait = absl::Seconds(10);

int64_t NowUs() { return absl::ToUnixMicros(absl::Now()); }

int64_t Whole(const char* text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) Fail(absl::StrCat(text, " is no number"));
  return number;
}

// Calls `take` with each message there is, until it says that it has enough.
template <class Take>
void ReadUntil(rd_kafka_t* consumer, Take&& take) {
  const Queue queue(rd_kafka_queue_get_consumer(consumer));
  std::vector<rd_kafka_message_t*> got(kTake);
  for (bool enough = false; !enough;) {
    // The first one is waited for alone: a batch would wait until it is full.
    Message first(rd_kafka_consumer_poll(consumer, kWaitMs));
    const bool any = first != nullptr;
    enough = take(std::move(first));
    if (!any) continue;
    const ssize_t count = rd_kafka_consume_batch_queue(queue.get(), 0, got.data(), got.size());
    for (ssize_t i = 0; i < count; ++i) enough = take(Message(got[i])) || enough;
  }
}

// ---- mirror -------------------------------------------------------------------------------------

int Mirror(const std::string& bootstrap, const std::string& from, const std::string& to,
           int64_t wanted) {
  const auto consumer = NewConsumer(bootstrap);
  int64_t there = 0;
  for (const Ends& ends : Watermarks(consumer->get(), from)) there += ends.end - ends.begin;
  if (wanted > 0) there = std::min(there, wanted);
  std::vector<Message> all;
  all.reserve(there);
  AssignAll(consumer->get(), from, /*from_end=*/false);
  size_t bytes = 0;
  const int64_t read_from = NowUs();
  ReadUntil(consumer->get(), [&](Message message) {
    if (message == nullptr || static_cast<int64_t>(all.size()) >= there) return false;
    Check(message->err, "cannot read");
    bytes += message->len + message->key_len;
    all.push_back(std::move(message));
    return static_cast<int64_t>(all.size()) >= there;
  });
  const int64_t read_us = NowUs() - read_from;
  Check(rd_kafka_assign(consumer->get(), nullptr), "cannot end reading");

  const auto producer = NewProducer(bootstrap, /*linger_ms=*/"5");
  Partitions(producer->get(), to);  // the leaders are known before the clock runs
  const int64_t sent_from = NowUs();
  {
    const AnswerThread answers(producer->get(), nullptr);
    for (const Message& message : all) {
      rd_kafka_timestamp_type_t type;
      rd_kafka_headers_t* headers = nullptr;
      rd_kafka_message_detach_headers(message.get(), &headers);
      Send(producer->get(), to,
           {.partition = message->partition,
            .key = {static_cast<const char*>(message->key), message->key_len},
            .value = {static_cast<const char*>(message->payload), message->len},
            .timestamp_ms = rd_kafka_message_timestamp(message.get(), &type),
            .headers = headers});
    }
  }
  const int64_t sent_us = NowUs() - sent_from;
  std::printf(
      "{\"records\": %lld, \"bytes\": %zu, \"read_seconds\": %.3f, \"send_seconds\": %.3f, "
      "\"begun_us\": %lld}\n",
      static_cast<long long>(there), bytes, read_us / 1e6, sent_us / 1e6,
      static_cast<long long>(sent_from));
  return 0;
}

// ---- incidents ----------------------------------------------------------------------------------

struct Report {
  int partition = 0;
  v1::IncidentReported reported;
};

// Reports that the topic holds, one partition after the other in turn.
std::vector<Report> Templates(const std::string& bootstrap, const std::string& topic) {
  const auto consumer = NewConsumer(bootstrap);
  int64_t left = 0;
  for (const Ends& ends : Watermarks(consumer->get(), topic)) {
    left += std::min(kTemplateLook, ends.end - ends.begin);
  }
  AssignAll(consumer->get(), topic, /*from_end=*/false);
  std::map<int, std::vector<v1::IncidentReported>> found;
  v1::Entry entry;
  ReadUntil(consumer->get(), [&](Message message) {
    if (message == nullptr || message->offset >= kTemplateLook) return left <= 0;
    Check(message->err, "cannot read");
    --left;
    if (entry.ParseFromArray(message->payload, static_cast<int>(message->len)) &&
        entry.fact().has_reported()) {
      auto& here = found[message->partition];
      if (here.size() < kTemplatesMax) here.push_back(entry.fact().reported());
    }
    return left <= 0;
  });
  if (found.empty()) Fail(absl::StrCat(topic, " holds no report to go by"));
  std::vector<Report> templates;
  for (int i = 0; i < kTemplatesMax; ++i) {
    for (auto& [partition, reports] : found) {
      templates.push_back({partition, reports[i % reports.size()]});
      templates.back().reported.clear_due_at_ms();
    }
  }
  return templates;
}

class Reporter {
 public:
  Reporter(rd_kafka_t* producer, std::string topic, std::vector<Report> templates, std::string name)
      : producer_(producer),
        topic_(std::move(topic)),
        templates_(std::move(templates)),
        name_(std::move(name)) {}

  int PartitionOf(int64_t i) const { return templates_[i % templates_.size()].partition; }

  // Reports and files incident `i`; its last record carries `opaque`.
  void Send(int64_t i, void* opaque) {
    const Report& report = templates_[i % templates_.size()];
    entry_.Clear();
    entry_.set_schema(1);
    v1::Fact& fact = *entry_.mutable_fact();
    fact.set_incident_id(absl::StrCat(name_, "-", i));
    fact.set_happened_at_ms(NowUs() / 1000);
    fact.mutable_actor()->set_role(v1::ROLE_CITIZEN);
    *fact.mutable_reported() = report.reported;
    SendEntry(report, "gridledger.v1.IncidentReported", i, nullptr);
    fact.set_stage(1);
    fact.mutable_filed();
    fact.mutable_actor()->set_role(v1::ROLE_ACCEPTOR);
    SendEntry(report, "gridledger.v1.IncidentFiled", i, opaque);
  }

 private:
  void SendEntry(const Report& report, absl::string_view type, int64_t i, void* opaque) {
    entry_.SerializeToString(&value_);
    rd_kafka_headers_t* headers = rd_kafka_headers_new(5);
    const std::string id = absl::StrCat(name_, ".", i, ".", entry_.fact().stage());
    for (const auto& [key, value] : std::array<std::pair<const char*, absl::string_view>, 5>{
             {{"ce_specversion", "1.0"},
              {"ce_type", type},
              {"ce_source", "/bench"},
              {"ce_id", id},
              {"content-type", "application/protobuf"}}}) {
      rd_kafka_header_add(headers, key, -1, value.data(), static_cast<ssize_t>(value.size()));
    }
    kafka::Send(producer_, topic_,
                {.partition = report.partition,
                 .key = report.reported.community(),
                 .value = value_,
                 .headers = headers,
                 .opaque = opaque});
  }

  rd_kafka_t* const producer_;
  const std::string topic_;
  const std::vector<Report> templates_;
  const std::string name_;
  v1::Entry entry_;
  std::string value_;
};

int Fill(const std::string& bootstrap, const std::string& topic, int64_t incidents,
         const std::string& name) {
  const auto producer = NewProducer(bootstrap, /*linger_ms=*/"5");
  Reporter reporter(producer->get(), topic, Templates(bootstrap, topic), name);
  const int64_t from = NowUs();
  {
    const AnswerThread answers(producer->get(), nullptr);
    for (int64_t i = 0; i < incidents; ++i) reporter.Send(i, nullptr);
  }
  std::printf("{\"records\": %lld, \"send_seconds\": %.3f}\n",
              static_cast<long long>(2 * incidents), (NowUs() - from) / 1e6);
  return 0;
}

// ---- latency ------------------------------------------------------------------------------------

struct Watched {
  std::atomic<int64_t> sent{0}, acknowledged{0}, read{0};  // microseconds since 1970
};

// The incident that an answer is for; -1 when it is none.
int64_t AnsweredIncident(absl::string_view value, const std::string& name, v1::Entry& entry) {
  if (value.size() < 3) return -1;
  const bool echo = value.front() == kEchoMark;
  if (!echo && value[2] != 0x1a) return -1;  // schema, then: a decision
  absl::string_view id;
  if (echo) {
    const size_t at = value.find(name);
    if (at == absl::string_view::npos) return -1;
    id = value.substr(at);
    id = id.substr(0, std::min(id.size(), id.find_first_not_of("0123456789", name.size() + 1)));
  } else {
    if (!entry.ParseFromArray(value.data(), static_cast<int>(value.size()))) return -1;
    for (const v1::Fact& fact : entry.decision().facts()) {
      if (fact.has_dispatched()) id = fact.incident_id();
    }
  }
  int64_t i = -1;
  if (!absl::StartsWith(id, name) || id.size() <= name.size() + 1) return -1;
  return absl::SimpleAtoi(id.substr(name.size() + 1), &i) ? i : -1;
}

bool InputEnded() {
  pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) > 0;
}

double At(std::vector<int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * sorted.size()))] / 1e3;
}

struct LatencyOptions {
  std::string bootstrap, topic, answers;
  int64_t rate = 0, seconds = 0;
  std::string name, file;
};

int Latency(const LatencyOptions& options) {
  const int64_t count = options.rate * options.seconds;
  std::vector<Watched> watched(count);
  const auto producer = NewProducer(options.bootstrap, /*linger_ms=*/"5");
  Reporter reporter(producer->get(), options.topic, Templates(options.bootstrap, options.topic),
                    options.name);
  const auto consumer = NewConsumer(options.bootstrap);
  AssignAll(consumer->get(), options.answers, /*from_end=*/true);
  std::atomic<int64_t> sent{0}, answered{0};
  std::atomic<bool> ending{false};
  std::thread reader([&] {
    v1::Entry entry;
    ReadUntil(consumer->get(), [&](Message message) {
      if (message == nullptr) return ending.load();
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return ending.load();
      const absl::string_view value(static_cast<const char*>(message->payload), message->len);
      const int64_t i = AnsweredIncident(value, options.name, entry);
      if (i < 0 || i >= count || watched[i].read.load() != 0) return ending.load();
      watched[i].read = NowUs();
      ++answered;
      return ending.load();
    });
  });
  {
    const AnswerThread answers(producer->get(), [](void* opaque) {
      if (opaque != nullptr) static_cast<Watched*>(opaque)->acknowledged = NowUs();
    });
    const int64_t begun = NowUs();
    while (sent < count && !InputEnded()) {
      const int64_t due = std::min(count, (NowUs() - begun) * options.rate / 1'000'000);
      for (; sent < due; ++sent) {
        watched[sent].sent = NowUs();
        reporter.Send(sent, &watched[sent]);
      }
      absl::SleepFor(absl::Milliseconds(1));  // tidy: allow(sleep) the load's own clock
    }
  }
  const absl::Time until = absl::Now() + kLastWait;
  while (answered < sent && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(10));  // tidy: allow(sleep) the reader's thread counts
  }
  ending = true;
  reader.join();

  std::vector<int64_t> after_ack, after_sending;
  std::ofstream file;
  if (!options.file.empty()) file.open(options.file);
  // A client's first records to a topic may wait for a second, and the rest behind them.
  const int64_t warm = options.rate * std::min<int64_t>(3, options.seconds / 4);
  for (int64_t i = 0; i < sent; ++i) {
    const Watched& one = watched[i];
    if (file.is_open()) {
      file << reporter.PartitionOf(i) << ' ' << one.sent << ' ' << one.acknowledged << ' '
           << one.read << '\n';
    }
    if (i < warm || one.read == 0) continue;
    after_ack.push_back(std::max<int64_t>(0, one.read - one.acknowledged));
    after_sending.push_back(one.read - one.sent);
  }
  std::sort(after_ack.begin(), after_ack.end());
  std::sort(after_sending.begin(), after_sending.end());
  const double span = sent > 1 ? (watched[sent - 1].sent - watched[0].sent) / 1e6 : 0;
  std::printf(
      "{\"sent\": %lld, \"answered\": %lld, \"rate\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
      "\"p999_ms\": %.3f, \"max_ms\": %.3f, \"from_sending_p50_ms\": %.3f, "
      "\"from_sending_p99_ms\": %.3f}\n",
      static_cast<long long>(sent), static_cast<long long>(answered), span > 0 ? sent / span : 0,
      At(after_ack, 0.5), At(after_ack, 0.99), At(after_ack, 0.999), At(after_ack, 1),
      At(after_sending, 0.5), At(after_sending, 0.99));
  return 0;
}

int Main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string act = words.empty() ? "" : words[0];
  if (act == "mirror" && words.size() == 5) {
    return Mirror(words[1], words[2], words[3], Whole(argv[5]));
  }
  if (act == "fill" && words.size() == 5) {
    return Fill(words[1], words[2], Whole(argv[4]), words[4]);
  }
  if (act == "latency" && (words.size() == 7 || words.size() == 8)) {
    return Latency({.bootstrap = words[1],
                    .topic = words[2],
                    .answers = words[3],
                    .rate = Whole(argv[5]),
                    .seconds = Whole(argv[6]),
                    .name = words[6],
                    .file = words.size() == 8 ? words[7] : ""});
  }
  Fail("kafka_load_bench mirror|fill|latency …; the head of its source says what each takes");
}

}  // namespace
}  // namespace gridledger::kafka

int main(int argc, char** argv) { return gridledger::kafka::Main(argc, argv); }
