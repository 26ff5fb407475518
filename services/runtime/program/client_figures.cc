#include "services/runtime/program/client_figures.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace gridledger::host {
namespace {

using nlohmann::json;
using prometheus::MetricType;

constexpr double kMicroseconds = 1e-6;

double NumberAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const json& ObjectAt(const json& object, const char* name) {
  static const json nothing = json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : nothing;
}

// A group's coordinator is an entry of its own, beside the broker that it is; an address that was
// only asked has no number.
bool IsItself(const json& broker) {
  const auto source = broker.find("source");
  return NumberAt(broker, "nodeid") >= 0 && source != broker.end() && *source != "logical";
}

struct Figures {
  double brokers_up = 0;
  double records_queued = 0;  // to be sent, or fetched and not taken yet
  double bytes_queued = 0;
  double requests_open = 0;  // waiting to be sent or answered
};

Figures Sum(const json& one) {
  Figures sum;
  for (const auto& broker : ObjectAt(one, "brokers")) {
    if (!IsItself(broker)) continue;
    const auto state = broker.find("state");
    sum.brokers_up += state != broker.end() && *state == "UP" ? 1 : 0;
    sum.requests_open += NumberAt(broker, "outbuf_cnt") + NumberAt(broker, "waitresp_cnt");
  }
  sum.records_queued = NumberAt(one, "msg_cnt");
  sum.bytes_queued = NumberAt(one, "msg_size");
  for (const auto& topic : ObjectAt(one, "topics")) {
    for (const auto& partition : ObjectAt(topic, "partitions")) {
      sum.records_queued += NumberAt(partition, "fetchq_cnt");
      sum.bytes_queued += NumberAt(partition, "fetchq_size");
    }
  }
  return sum;
}

}  // namespace

void AddClientFigures(const std::string& service, const std::vector<KafkaClientStatistics>& clients,
                      std::vector<prometheus::MetricFamily>* families) {
  const auto family = [&](const char* name, const char* help, MetricType type) {
    prometheus::MetricFamily one;
    one.name = name;
    one.help = help;
    one.type = type;
    return one;
  };
  prometheus::MetricFamily up = family("gridledger_client_brokers_up",
                                       "Brokers that a client is connected to.", MetricType::Gauge);
  prometheus::MetricFamily queued =
      family("gridledger_client_queue_records", "Records to be sent, or fetched and not taken yet.",
             MetricType::Gauge);
  prometheus::MetricFamily bytes =
      family("gridledger_client_queue_bytes", "Bytes of them.", MetricType::Gauge);
  prometheus::MetricFamily open =
      family("gridledger_client_requests_open", "Requests that wait to be sent or answered.",
             MetricType::Gauge);
  prometheus::MetricFamily sent = family("gridledger_client_sent_bytes_total",
                                         "Bytes sent to the brokers.", MetricType::Counter);
  prometheus::MetricFamily received = family("gridledger_client_received_bytes_total",
                                             "Bytes got from the brokers.", MetricType::Counter);
  prometheus::MetricFamily rtt =
      family("gridledger_client_rtt_seconds",
             "A request's way to a broker and back, on average of late.", MetricType::Gauge);
  for (const KafkaClientStatistics& client : clients) {
    const json one = json::parse(client.json, nullptr, /*allow_exceptions=*/false);
    if (!one.is_object()) continue;
    const auto add = [&](prometheus::MetricFamily& to, double value, const std::string& broker) {
      prometheus::ClientMetric metric;
      metric.label = {{"service", service}, {"client", client.client}};
      if (!broker.empty()) metric.label.push_back({"broker", broker});
      (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      to.metric.push_back(std::move(metric));
    };
    const Figures sum = Sum(one);
    add(up, sum.brokers_up, "");
    add(queued, sum.records_queued, "");
    add(bytes, sum.bytes_queued, "");
    add(open, sum.requests_open, "");
    add(sent, NumberAt(one, "tx_bytes"), "");
    add(received, NumberAt(one, "rx_bytes"), "");
    for (const auto& broker : ObjectAt(one, "brokers")) {
      const auto name = broker.find("nodename");
      if (!IsItself(broker) || name == broker.end() || !name->is_string()) continue;
      add(rtt, NumberAt(ObjectAt(broker, "rtt"), "avg") * kMicroseconds, name->get<std::string>());
    }
  }
  for (prometheus::MetricFamily* one : {&up, &queued, &bytes, &open, &sent, &received, &rtt}) {
    if (!one->metric.empty()) families->push_back(std::move(*one));
  }
}

}  // namespace gridledger::host
