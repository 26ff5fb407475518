#include "services/runtime/adapters/kafka/client.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <utility>

namespace gridledger::kafka {
namespace {

// What stays true whatever an operator writes, and why it has to.
struct Fixed {
  const char* name;
  const char* value;
  const char* why;
};
constexpr Fixed kFixed[] = {
    {"enable.idempotence", "true", "a retried send must not change the order or double a record"},
    {"enable.gapless.guarantee", "true", "a decision must not overtake one that failed"},
    {"message.timeout.ms", "0", "a record given up alone would leave a gap"},
    {"acks", "all", "acknowledged means replicated"},
    {"request.required.acks", "all", "acknowledged means replicated"},
    {"enable.auto.commit", "false", "where to read comes from the state's offset"},
    {"enable.auto.offset.store", "false", "where to read comes from the state's offset"},
    {"auto.offset.reset", "error", "a silent reset is lost or doubled history"},
    {"check.crcs", "true", "what is folded is what was written"},
    {"isolation.level", "read_uncommitted",
     "an open transaction must not hide what others have had acknowledged"},
    {"partition.assignment.strategy", "range",
     "cooperative-sticky loses assignments before librdkafka 2.10"},
    {"allow.auto.create.topics", "false", "topics are made by `gridledger topics create`"},
};

void Say(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  // That gap-free sending is "experimental" is known, decided, and of no use to an operator.
  const absl::string_view words(text);
  // So is that the one who asks where partitions end is a producer.
  if (absl::string_view(facility) == "CONFWARN" &&
      (absl::StrContains(words, "gapless") || absl::StrContains(words, "isolation.level"))) {
    return;
  }
  const auto* running = static_cast<const RunningClient*>(rd_kafka_opaque(client));
  if (running != nullptr) running->Say(level, absl::StrCat(facility, ": ", text));
}

int TakeStatistics(rd_kafka_t*, char* json, size_t size, void* running) {
  static_cast<RunningClient*>(running)->TakeStatistics(absl::string_view(json, size));
  return 0;  // the client frees it
}

absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char text[512];
  const rd_kafka_conf_res_t result =
      rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text);
  if (result == RD_KAFKA_CONF_OK) return absl::OkStatus();
  if (result == RD_KAFKA_CONF_UNKNOWN) {
    return absl::InvalidArgumentError(
        absl::StrCat("librdkafka ", rd_kafka_version_str(), " has no property ", name));
  }
  // librdkafka's text repeats the value.
  return absl::InvalidArgumentError(
      absl::StrCat("librdkafka refuses the value of the property ", name));
}

}  // namespace

absl::Status CheckProperties(const Properties& properties) {
  for (const Fixed& fixed : kFixed) {
    const auto found = properties.find(fixed.name);
    if (found == properties.end() || found->second == fixed.value) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the property ", fixed.name, " is always ", fixed.value, ": ", fixed.why));
  }
  return absl::OkStatus();
}

std::string RunningClient::Statistics() const {
  const absl::MutexLock lock(&mutex_);
  return statistics_;
}

void RunningClient::TakeStatistics(absl::string_view json) {
  const absl::MutexLock lock(&mutex_);
  statistics_.assign(json.data(), json.size());
}

absl::StatusOr<std::shared_ptr<RunningClient>> StartClient(rd_kafka_type_t type,
                                                           const ClientOptions& options,
                                                           const Properties& ours,
                                                           void (*tune)(rd_kafka_conf_t*)) {
  if (absl::Status status = CheckProperties(options.properties); !status.ok()) return status;
  Properties all = {
      {"socket.nagle.disable", "true"},  // L13
      {"allow.auto.create.topics", "false"},
      {"log.connection.close", "false"},
      // A deadline is decided in two journeys to the log and back. A client that sleeps a second
      // before it looks for a new leader makes each of them a second late.
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "250"},
      {"retry.backoff.max.ms", "250"},
      {"metadata.max.age.ms", "900000"},  // else three refreshes: an outage would outlive it
      {"client.id", "gridledger"},
      // Also of a client that only asks: a partition would end where the oldest transaction begins.
      {"isolation.level", "read_uncommitted"},
      {"statistics.interval.ms", "5000"},
      // Closing a client would wait for a last push, now and then a second, to brokers that ask for
      // none; /clients and /metrics tell the same figures.
      {"enable.metrics.push", "false"},
  };
  for (const auto& [name, value] : ours) all[name] = value;
  for (const auto& [name, value] : options.properties) all[name] = value;
  all["bootstrap.servers"] = options.bootstrap;

  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : all) {
    if (absl::Status status = Set(conf.get(), name, value); !status.ok()) return status;
  }
  auto running = std::make_shared<RunningClient>(options.said);
  rd_kafka_conf_set_opaque(conf.get(), running.get());
  rd_kafka_conf_set_log_cb(conf.get(), Say);
  rd_kafka_conf_set_stats_cb(conf.get(), TakeStatistics);
  if (tune != nullptr) tune(conf.get());
  char text[512];
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), text, sizeof text);
  if (client == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("cannot make a client of Kafka: ", text));
  }
  conf.release();  // the client's now
  running->client_.reset(client);
  return running;
}

bool AskForLeaders(rd_kafka_t* client, const std::string& topic) {
  constexpr int kAskMs = 2'000;
  const TopicHandle handle(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle.get(), &metadata, kAskMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  rd_kafka_metadata_destroy(metadata);
  return true;
}

absl::Status StatusOf(rd_kafka_resp_err_t error, absl::string_view doing) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string text =
      absl::StrCat(doing, ": ", rd_kafka_err2str(error), " (", rd_kafka_err2name(error), ")");
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return absl::NotFoundError(text);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: return absl::PermissionDeniedError(text);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return absl::InvalidArgumentError(text);
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return absl::DataLossError(text);
    default: return absl::UnavailableError(text);
  }
}

}  // namespace gridledger::kafka
