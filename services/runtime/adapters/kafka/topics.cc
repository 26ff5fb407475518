#include "services/runtime/adapters/kafka/topics.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <utility>
#include <vector>

#include "services/runtime/adapters/kafka/client.h"

namespace gridledger {
namespace {

using kafka::AdminOptions;
using kafka::Event;
using kafka::Queue;
using kafka::StatusOf;

constexpr absl::Duration kAskAgain = absl::Milliseconds(20);
constexpr char kBytesMax[] = "max.message.bytes";
constexpr int64_t kMarkBytes = 64 << 10;  // over what the frame of a record takes
constexpr absl::Duration kFarAhead = absl::Hours(24 * 3650);

class Admin final : public KafkaAdmin {
 public:
  Admin(KafkaAdminOptions options, std::shared_ptr<kafka::RunningClient> client)
      : options_(std::move(options)),
        client_(std::move(client)),
        queue_(rd_kafka_queue_new(client_->get())) {}

  absl::StatusOr<int> Brokers() override {
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_->get(), 0, nullptr, &answer, TimeoutMs());
    const kafka::Metadata metadata(answer);
    if (absl::Status status = StatusOf(error, absl::StrCat("cannot reach ", options_.bootstrap));
        !status.ok()) {
      return status;
    }
    return metadata->broker_cnt;
  }

  absl::Status Create(const KafkaTopic& topic) override {
    char text[512];
    const kafka::NewTopic fresh(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                                      topic.replication, text, sizeof text));
    if (fresh == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the topic ", topic.name, ": ", text));
    }
    for (const auto& [name, value] : topic.settings) {
      rd_kafka_NewTopic_set_config(fresh.get(), name.c_str(), value.c_str());
    }
    rd_kafka_NewTopic_t* list[] = {fresh.get()};
    const AdminOptions options = Options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(client_->get(), list, 1, options.get(), queue_.get());
    const Event answer = Answer();
    const std::string doing = absl::StrCat("cannot make the topic ", topic.name);
    const auto* result = rd_kafka_event_CreateTopics_result(answer.get());
    if (result == nullptr) return StatusOf(rd_kafka_event_error(answer.get()), doing);
    if (absl::Status status = ResultOf(rd_kafka_CreateTopics_result_topics, result, doing);
        !status.ok()) {
      return status;
    }
    // The controller has made it; the brokers hear of it a moment later.
    for (const absl::Time until = absl::Now() + options_.timeout; absl::Now() < until;
         absl::SleepFor(kAskAgain)) {
      const auto found = Find(topic.name);
      if (found.ok() && found->has_value()) return absl::OkStatus();
    }
    return absl::UnavailableError(absl::StrCat(doing, ": it was made, but is not seen yet"));
  }

  // The controller has taken a change when it answers; a partition's leader hears of it a moment
  // later, and until then would stamp a record that nobody could take back. So each leader is asked
  // by a record that it refuses in any case: too large for the old setting, and too far ahead for
  // the new one. What it says of it tells which of the two it goes by.
  absl::Status KeepSentTimes(const KafkaTopic& topic) override {
    int64_t bytes = 0;
    const auto found = topic.settings.find(kBytesMax);
    if (found == topic.settings.end() || !absl::SimpleAtoi(found->second, &bytes)) {
      return absl::FailedPreconditionError(
          absl::StrCat(topic.name, " does not say its ", kBytesMax));
    }
    absl::Status altered = Alter(topic.name, {{kTimestampType, kStampedBySender},
                                              {kBytesMax, absl::StrCat(bytes + 2 * kMarkBytes)}});
    if (!altered.ok()) return altered;
    return AwaitLeaders(topic, bytes + kMarkBytes);
  }

  absl::Status StampByBrokers(const KafkaTopic& topic) override {
    std::vector<std::pair<std::string, std::string>> settings = {
        {kTimestampType, kStampedByBrokers}};
    if (const auto found = topic.settings.find(kBytesMax); found != topic.settings.end()) {
      settings.emplace_back(kBytesMax, found->second);
    }
    if (absl::Status altered = Alter(topic.name, settings); !altered.ok()) return altered;
    // Until the brokers say so, no service would start on it.
    for (const absl::Time until = absl::Now() + options_.timeout; absl::Now() < until;
         absl::SleepFor(kAskAgain)) {
      auto now = Find(topic.name);
      if (!now.ok()) return now.status();
      if (now->has_value() && (*now)->settings[kTimestampType] == kStampedByBrokers) {
        return absl::OkStatus();
      }
    }
    return absl::UnavailableError(
        absl::StrCat(topic.name, ": the brokers do not take the change of ", kTimestampType));
  }

  absl::Status Delete(const std::string& name) override {
    rd_kafka_DeleteTopic_t* one = rd_kafka_DeleteTopic_new(name.c_str());
    const AdminOptions options = Options(RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(client_->get(), &one, 1, options.get(), queue_.get());
    rd_kafka_DeleteTopic_destroy(one);
    const Event answer = Answer();
    const std::string doing = absl::StrCat("cannot delete the topic ", name);
    const auto* result = rd_kafka_event_DeleteTopics_result(answer.get());
    if (result == nullptr) return StatusOf(rd_kafka_event_error(answer.get()), doing);
    return ResultOf(rd_kafka_DeleteTopics_result_topics, result, doing);
  }

  absl::Status DeleteBefore(const std::string& name, Partition partition, Offset offset) override {
    const kafka::PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), name.c_str(), partition.value)->offset =
        offset.value;
    rd_kafka_DeleteRecords_t* one = rd_kafka_DeleteRecords_new(list.get());
    const AdminOptions options = Options(RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords(client_->get(), &one, 1, options.get(), queue_.get());
    rd_kafka_DeleteRecords_destroy(one);
    return StatusOf(rd_kafka_event_error(Answer().get()),
                    absl::StrCat("cannot take records from ", name));
  }

  absl::StatusOr<std::optional<KafkaTopic>> Find(const std::string& name) override {
    const kafka::TopicHandle handle(rd_kafka_topic_new(client_->get(), name.c_str(), nullptr));
    const rd_kafka_metadata_t* answer = nullptr;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(client_->get(), 0, handle.get(), &answer, TimeoutMs());
    const kafka::Metadata metadata(answer);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = metadata->topics[0].err;
    const absl::Status status = StatusOf(error, absl::StrCat("cannot look at the topic ", name));
    if (absl::IsNotFound(status)) return std::optional<KafkaTopic>();
    if (!status.ok()) return status;
    KafkaTopic topic{name, metadata->topics[0].partition_cnt, 0, {}};
    if (topic.partitions > 0) topic.replication = metadata->topics[0].partitions[0].replica_cnt;
    if (absl::Status settings = Settings(name, &topic.settings); !settings.ok()) return settings;
    return std::optional<KafkaTopic>(std::move(topic));
  }

 private:
  absl::Status Alter(const std::string& name,
                     const std::vector<std::pair<std::string, std::string>>& settings) {
    const std::string doing = absl::StrCat("cannot alter the topic ", name);
    const kafka::ConfigResource resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    for (const auto& [setting, value] : settings) {
      const kafka::Error error(rd_kafka_ConfigResource_add_incremental_config(
          resource.get(), setting.c_str(), RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value.c_str()));
      if (error != nullptr) return StatusOf(rd_kafka_error_code(error.get()), doing);
    }
    rd_kafka_ConfigResource_t* list[] = {resource.get()};
    const AdminOptions options = Options(RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS);
    rd_kafka_IncrementalAlterConfigs(client_->get(), list, 1, options.get(), queue_.get());
    const Event answer = Answer();
    const auto* result = rd_kafka_event_IncrementalAlterConfigs_result(answer.get());
    if (result == nullptr) return StatusOf(rd_kafka_event_error(answer.get()), doing);
    size_t count = 0;
    const rd_kafka_ConfigResource_t** altered =
        rd_kafka_IncrementalAlterConfigs_result_resources(result, &count);
    for (size_t i = 0; i < count; ++i) {
      if (absl::Status status = StatusOf(rd_kafka_ConfigResource_error(altered[i]), doing);
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  // Until every leader refuses a record of `bytes` for its time, and not for its size.
  absl::Status AwaitLeaders(const KafkaTopic& topic, int64_t bytes) {
    auto client = kafka::StartClient(
        RD_KAFKA_PRODUCER, {options_.bootstrap, options_.properties, options_.said},
        {{"message.max.bytes", absl::StrCat(bytes + kMarkBytes)}, {"linger.ms", "0"}},
        [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR); });
    if (!client.ok()) return client.status();
    const Queue answers(rd_kafka_queue_get_main((*client)->get()));
    const std::string value(static_cast<size_t>(bytes), '\0');
    const absl::Time until = absl::Now() + options_.timeout;
    for (int partition = 0; partition < topic.partitions;) {
      if (absl::Now() >= until) {
        return absl::UnavailableError(absl::StrCat("the leader of partition ", partition, " of ",
                                                   topic.name, " does not take the change of ",
                                                   kTimestampType));
      }
      const rd_kafka_resp_err_t sent = rd_kafka_producev(
          (*client)->get(), RD_KAFKA_V_TOPIC(topic.name.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_TIMESTAMP(absl::ToUnixMillis(absl::Now() + kFarAhead)),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
      if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return StatusOf(sent, "cannot ask a leader");
      const Event event(rd_kafka_queue_poll(answers.get(), TimeoutMs()));
      const rd_kafka_message_t* message =
          event == nullptr ? nullptr : rd_kafka_event_message_next(event.get());
      if (message == nullptr) continue;  // the time is over
      if (message->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
        ++partition;
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return absl::DataLossError(absl::StrCat("partition ", partition, " of ", topic.name,
                                                " took a record that it had to refuse"));
      } else if (message->err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
                 !absl::IsUnavailable(StatusOf(message->err, ""))) {
        return StatusOf(message->err, "cannot ask a leader");
      } else {
        absl::SleepFor(kAskAgain);
      }
    }
    return absl::OkStatus();
  }

  int TimeoutMs() const { return static_cast<int>(absl::ToInt64Milliseconds(options_.timeout)); }

  AdminOptions Options(rd_kafka_admin_op_t operation) const {
    AdminOptions options(rd_kafka_AdminOptions_new(client_->get(), operation));
    char text[512];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), TimeoutMs(), text, sizeof text);
    // Until the controller has spread the word: what was made is there when we say so.
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), TimeoutMs(), text, sizeof text);
    return options;
  }

  // Every admin request is answered, at the latest by its own time-out.
  Event Answer() const { return Event(rd_kafka_queue_poll(queue_.get(), -1)); }

  template <class List, class Result>
  static absl::Status ResultOf(List list, const Result* result, const std::string& doing) {
    size_t count = 0;
    const rd_kafka_topic_result_t** topics = list(result, &count);
    for (size_t i = 0; i < count; ++i) {
      const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(topics[i]);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return absl::AlreadyExistsError(absl::StrCat(doing, ": it is there already"));
      }
      const char* why = rd_kafka_topic_result_error_string(topics[i]);
      const absl::Status status = StatusOf(error, doing);
      return absl::Status(status.code(), absl::StrCat(status.message(), why == nullptr ? "" : ": ",
                                                      why == nullptr ? "" : why));
    }
    return absl::OkStatus();
  }

  absl::Status Settings(const std::string& name, std::map<std::string, std::string>* settings) {
    const kafka::ConfigResource resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    rd_kafka_ConfigResource_t* list[] = {resource.get()};
    const AdminOptions options = Options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client_->get(), list, 1, options.get(), queue_.get());
    const Event answer = Answer();
    const std::string doing = absl::StrCat("cannot read the settings of the topic ", name);
    const auto* result = rd_kafka_event_DescribeConfigs_result(answer.get());
    if (result == nullptr) return StatusOf(rd_kafka_event_error(answer.get()), doing);
    size_t count = 0;
    const rd_kafka_ConfigResource_t** found =
        rd_kafka_DescribeConfigs_result_resources(result, &count);
    for (size_t i = 0; i < count; ++i) {
      if (absl::Status status = StatusOf(rd_kafka_ConfigResource_error(found[i]), doing);
          !status.ok()) {
        return status;
      }
      size_t entries = 0;
      const rd_kafka_ConfigEntry_t** entry = rd_kafka_ConfigResource_configs(found[i], &entries);
      for (size_t e = 0; e < entries; ++e) {
        const char* value = rd_kafka_ConfigEntry_value(entry[e]);
        settings->emplace(rd_kafka_ConfigEntry_name(entry[e]), value == nullptr ? "" : value);
      }
    }
    return absl::OkStatus();
  }

  const KafkaAdminOptions options_;
  const std::shared_ptr<kafka::RunningClient> client_;
  const Queue queue_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Start(KafkaAdminOptions options) {
  auto client = kafka::StartClient(RD_KAFKA_PRODUCER,
                                   {options.bootstrap, options.properties, options.said}, {});
  if (!client.ok()) return client.status();
  return std::make_unique<Admin>(std::move(options), *std::move(client));
}

}  // namespace gridledger
