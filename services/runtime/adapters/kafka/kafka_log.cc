#include "services/runtime/adapters/kafka/kafka_log.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "services/runtime/adapters/kafka/asker.h"
#include "services/runtime/adapters/kafka/broker_clock.h"
#include "services/runtime/adapters/kafka/clock_probe.h"
#include "services/runtime/adapters/kafka/producer.h"
#include "services/runtime/adapters/kafka/reader.h"

namespace gridledger {
namespace {

using kafka::Properties;
using kafka::RunningClient;

constexpr int kAskMs = 2'000;  // one question, which whoever wants to end waits for
constexpr int kAskForTopicMs = 5'000;
constexpr absl::Duration kAskMax = absl::Seconds(10);
constexpr absl::Duration kAskAgain = absl::Milliseconds(50);
// As the topics' message.timestamp.after.max.ms: a broker would refuse the whole batch.
constexpr absl::Duration kAheadMax = absl::Minutes(1);

absl::Status CheckRecord(const NewRecord& record, size_t bytes_max, absl::Time now) {
  const size_t bytes = record.bytes();
  if (bytes > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", bytes, " bytes is over the limit of ", bytes_max));
  }
  if (record.kind == PlaceKind::kNothing) return absl::OkStatus();
  if (record.timestamp < absl::FromUnixMillis(1) || record.timestamp > now + kAheadMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record's time, ", absl::FormatTime(record.timestamp, absl::UTCTimeZone()),
                     ", is before 1970 or more than a minute ahead"));
  }
  return absl::OkStatus();
}

// How many partitions the topic has; waits for brokers until `until`.
absl::StatusOr<int> CountPartitionsOf(rd_kafka_t* client, const std::string& topic,
                                      absl::Time until) {
  const kafka::TopicHandle handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  while (true) {
    const rd_kafka_metadata_t* answer = nullptr;
    const int64_t left = absl::ToInt64Milliseconds(until - absl::Now());
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client, 0, handle.get(), &answer,
                          static_cast<int>(std::clamp<int64_t>(left, 100, kAskForTopicMs)));
    const kafka::Metadata metadata(answer);
    rd_kafka_resp_err_t why = error;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
      why = metadata->topics[0].err;
      if (why == RD_KAFKA_RESP_ERR_NO_ERROR) return metadata->topics[0].partition_cnt;
    }
    const absl::Status status = kafka::StatusOf(why, absl::StrCat("cannot use the topic ", topic));
    if (!absl::IsUnavailable(status) || absl::Now() >= until) return status;
    absl::SleepFor(kAskAgain);
  }
}

class Log final : public KafkaLog, public kafka::ReaderHost {
 public:
  Log(KafkaLogOptions options, int partitions, std::unique_ptr<kafka::BrokerClock> clock,
      std::unique_ptr<kafka::Producer> producer)
      : options_(std::move(options)),
        partitions_(partitions),
        clock_(std::move(clock)),
        producer_(std::move(producer)) {}

  ~Log() override { asks_no_more_ = true; }

  int partitions() const override { return partitions_; }

  absl::StatusOr<Offset> End(Partition partition) override {
    Offset begin, end;
    if (absl::Status status = Ask(partition, &begin, &end); !status.ok()) return status;
    return end;
  }

  absl::StatusOr<Offset> Begin(Partition partition) override {
    Offset begin, end;
    if (absl::Status status = Ask(partition, &begin, &end); !status.ok()) return status;
    return begin;
  }

  void Append(Partition partition, std::vector<NewRecord> records, Done done) override {
    absl::Status status = CheckPartition(partition);
    const absl::Time machine = absl::Now();
    const absl::Time now = std::max(machine, BrokersNow(machine).value_or(machine));
    for (const NewRecord& record : records) {
      if (status.ok()) status = CheckRecord(record, options_.record_bytes_max, now);
    }
    if (!status.ok()) return std::move(done)(status);
    if (records.empty()) return std::move(done)(End(partition));
    producer_->Append(partition, std::move(records), std::move(done));
  }

  std::unique_ptr<LogReader> NewReader() override { return MakeReader(true); }
  std::unique_ptr<LogReader> NewReaderOfValues() override { return MakeReader(false); }

  std::vector<KafkaClientStatistics> Statistics() override {
    std::vector<KafkaClientStatistics> all = {{"producer", producer_->client()->Statistics()}};
    const absl::MutexLock lock(&mutex_);
    int number = 0;
    for (const std::weak_ptr<RunningClient>& weak : reading_) {
      const auto client = weak.lock();
      if (client == nullptr) continue;
      all.push_back({absl::StrCat("reader-", number++), client->Statistics()});
    }
    std::erase_if(all, [](const KafkaClientStatistics& one) { return one.json.empty(); });
    return all;
  }

  absl::StatusOr<int> CountPartitions() override {
    return CountPartitionsOf(producer_->client()->get(), options_.topic,
                             absl::Now() + absl::Milliseconds(kAskMs));
  }

  std::optional<absl::Time> BrokersNow(absl::Time machine) override {
    return clock_->Now(kafka::SteadyNow(), machine);
  }

  absl::Status AskForTime(const std::string& topic) override {
    auto probe = kafka::ClockProbe::Start({options_.bootstrap, options_.properties, options_.said},
                                          topic, clock_.get());
    if (!probe.ok()) return probe.status();
    probe_ = *std::move(probe);
    return absl::OkStatus();
  }

  void AskBounds(Partition partition, Answered done) override {
    asker_.Ask([this, partition, done = std::move(done)]() mutable {
      LogBounds bounds;
      const absl::Status status = AskUntil(partition, absl::InfinitePast(), &bounds);
      if (!status.ok()) return std::move(done)(status);
      std::move(done)(bounds);
    });
  }

  void AskNoMore() override { asks_no_more_ = true; }
  int64_t times_recreated() const override { return producer_->times_recreated(); }
  void FailProducerForTest() override { producer_->FailForTest(); }

 private:
  std::unique_ptr<LogReader> MakeReader(bool with_headers);
  absl::Status CheckPartition(Partition partition) const {
    if (partition.value >= 0 && partition.value < partitions_) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("there is no partition ", partition.value, ": ",
                                                   options_.topic, " has ", partitions_));
  }

  absl::Status Ask(Partition partition, Offset* begin, Offset* end) override {
    LogBounds bounds;
    const absl::Status status = AskUntil(partition, absl::Now() + kAskMax, &bounds);
    *begin = bounds.begin;
    *end = bounds.end;
    return status;
  }

  // Once, and while nobody answers again until then.
  absl::Status AskUntil(Partition partition, absl::Time until, LogBounds* bounds) {
    if (absl::Status status = CheckPartition(partition); !status.ok()) return status;
    // Leaders move, and a new topic's are not known everywhere at once.
    const absl::Time unknown_until = absl::Now() + kAskMax;
    absl::Status status = absl::UnavailableError("nobody is asked any more: the process ends");
    while (!asks_no_more_) {
      const std::shared_ptr<RunningClient> client = producer_->client();
      status = kafka::StatusOf(
          rd_kafka_query_watermark_offsets(client->get(), options_.topic.c_str(), partition.value,
                                           &bounds->begin.value, &bounds->end.value, kAskMs),
          absl::StrCat("cannot ask where partition ", partition.value, " of ", options_.topic,
                       " ends"));
      const absl::Time now = absl::Now();
      const bool may_pass = (absl::IsUnavailable(status) && now < until) ||
                            (absl::IsNotFound(status) && now < unknown_until);
      if (!may_pass) return status;
      absl::SleepFor(kAskAgain);
    }
    return status;
  }

  void Saw(absl::Time stamped) override { clock_->Saw(kafka::SteadyNow(), stamped); }

  void Retire(std::shared_ptr<RunningClient> client) override {
    const absl::MutexLock lock(&mutex_);
    std::erase_if(retiring_, [](const std::future<void>& one) {
      return one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    retiring_.push_back(
        std::async(std::launch::async, [ending = std::move(client)]() mutable { ending.reset(); }));
  }

  const KafkaLogOptions options_;
  const int partitions_;
  const std::unique_ptr<kafka::BrokerClock> clock_;
  const std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::ClockProbe> probe_;
  std::atomic<bool> asks_no_more_{false};
  absl::Mutex mutex_;
  std::vector<std::weak_ptr<RunningClient>> reading_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::future<void>> retiring_ ABSL_GUARDED_BY(mutex_);
  kafka::Asker asker_;  // goes first: it asks by the others
};

// Fails every call as its log could not make the client.
class NoReader final : public LogReader {
 public:
  explicit NoReader(absl::Status why) : why_(std::move(why)) {}
  absl::Status Assign(Partition, Offset) override { return why_; }
  void Unassign(Partition) override {}
  absl::Status Poll(absl::Duration, int, RecordBatch*) override { return why_; }
  void Wake() override {}

 private:
  const absl::Status why_;
};

std::unique_ptr<LogReader> Log::MakeReader(bool with_headers) {
  const size_t share = options_.memory_bytes / 2 / std::max(1, options_.readers);
  // A queued message takes twice its own size beside it, and an answer to a fetch, of which there
  // may be one from each broker, is several times as large when it is unpacked. The client asks for
  // no less than 1 MB.
  const size_t queued_kbytes = std::clamp<size_t>(share / 3 >> 10, 1024, 1 << 20);
  const size_t fetch_bytes = std::clamp<size_t>(share / 4, 1 << 20, 16 << 20);
  const Properties ours = {
      {"group.id", "gridledger-reader"},  // never joined: the partitions are assigned by hand
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},  // tells of marks behind the last message
      {"check.crcs", "true"},
      // While the brokers still name a leader that is gone, a client asks again once a second; of
      // one that hangs it asks nothing for minutes. So it asks all the time: a small request.
      {"topic.metadata.refresh.interval.ms", "150"},
      {"topic.metadata.refresh.fast.interval.ms", "250"},
      {"fetch.wait.max.ms", "50"},
      {"fetch.min.bytes", "1"},
      {"fetch.queue.backoff.ms", "1"},
      {"fetch.error.backoff.ms", "50"},
      {"fetch.message.max.bytes", "1048576"},
      {"fetch.max.bytes", absl::StrCat(fetch_bytes)},
      {"queued.min.messages", "10000"},
      {"queued.max.messages.kbytes", absl::StrCat(queued_kbytes)},
      {"max.poll.interval.ms", "86400000"},
  };
  const kafka::ClientOptions client{options_.bootstrap, options_.properties, options_.said};
  auto running = kafka::StartClient(RD_KAFKA_CONSUMER, client, ours);
  if (!running.ok()) return std::make_unique<NoReader>(running.status());
  rd_kafka_poll_set_consumer((*running)->get());
  {
    const absl::MutexLock lock(&mutex_);
    std::erase_if(reading_, [](const auto& weak) { return weak.expired(); });
    reading_.push_back(*running);
  }
  return std::make_unique<kafka::Reader>(*std::move(running), options_.topic, this, with_headers);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaLog>> KafkaLog::Open(KafkaLogOptions options) {
  const absl::Time until = absl::Now() + options.wait_for_brokers;
  const kafka::ClientOptions client{options.bootstrap, options.properties, options.said};
  auto clock = std::make_unique<kafka::BrokerClock>();
  auto producer = kafka::Producer::Start(
      {client, options.topic, options.memory_bytes / 2, options.record_bytes_max, clock.get()});
  if (!producer.ok()) return producer.status();
  const absl::StatusOr<int> partitions =
      CountPartitionsOf((*producer)->client()->get(), options.topic, until);
  if (!partitions.ok()) return partitions.status();
  return std::make_unique<Log>(std::move(options), *partitions, std::move(clock),
                               *std::move(producer));
}

}  // namespace gridledger
