#include "services/runtime/program/client_figures.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

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

// What a client says of itself, and of each broker that it asks: a figure is a line.
struct ClientFigure {
  const char* name;
  const char* help;
  MetricType type;
  double (*of)(const json& client, const Figures& sum);
};

constexpr ClientFigure kClientFigures[] = {
    {"gridledger_client_brokers_up", "Brokers that a client is connected to.", MetricType::Gauge,
     [](const json&, const Figures& sum) { return sum.brokers_up; }},
    {"gridledger_client_queue_records", "Records to be sent, or fetched and not taken yet.",
     MetricType::Gauge, [](const json&, const Figures& sum) { return sum.records_queued; }},
    {"gridledger_client_queue_bytes", "Bytes of them.", MetricType::Gauge,
     [](const json&, const Figures& sum) { return sum.bytes_queued; }},
    {"gridledger_client_requests_open", "Requests that wait to be sent or answered.",
     MetricType::Gauge, [](const json&, const Figures& sum) { return sum.requests_open; }},
    {"gridledger_client_sent_bytes_total", "Bytes sent to the brokers.", MetricType::Counter,
     [](const json& client, const Figures&) { return NumberAt(client, "tx_bytes"); }},
    {"gridledger_client_received_bytes_total", "Bytes got from the brokers.", MetricType::Counter,
     [](const json& client, const Figures&) { return NumberAt(client, "rx_bytes"); }},
};

struct BrokerFigure {
  const char* name;
  const char* help;
  MetricType type;
  double (*of)(const json& broker);
};

constexpr BrokerFigure kBrokerFigures[] = {
    {"gridledger_client_rtt_seconds", "A request's way to a broker and back, on average of late.",
     MetricType::Gauge,
     [](const json& broker) { return NumberAt(ObjectAt(broker, "rtt"), "avg") * kMicroseconds; }},
};

template <class Figure>
prometheus::MetricFamily FamilyOf(const Figure& figure) {
  prometheus::MetricFamily family;
  family.name = figure.name;
  family.help = figure.help;
  family.type = figure.type;
  return family;
}

using Labels = std::vector<prometheus::ClientMetric::Label>;

void Add(double value, Labels labels, prometheus::MetricFamily* family) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  (family->type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family->metric.push_back(std::move(metric));
}

// What a client told of itself, where it can be read.
struct Told {
  std::string client;
  json said;
  Figures sum;
};

std::vector<Told> Read(const std::vector<KafkaClientStatistics>& clients) {
  std::vector<Told> told;
  for (const KafkaClientStatistics& client : clients) {
    json said = json::parse(client.json, nullptr, /*allow_exceptions=*/false);
    if (!said.is_object()) continue;
    const Figures sum = Sum(said);
    told.push_back({client.client, std::move(said), sum});
  }
  return told;
}

}  // namespace

void AddClientFigures(const std::string& service, const std::vector<KafkaClientStatistics>& clients,
                      std::vector<prometheus::MetricFamily>* families) {
  const std::vector<Told> told = Read(clients);
  const auto keep = [&](prometheus::MetricFamily family) {
    if (!family.metric.empty()) families->push_back(std::move(family));
  };
  for (const ClientFigure& figure : kClientFigures) {
    prometheus::MetricFamily family = FamilyOf(figure);
    for (const Told& one : told) {
      Add(figure.of(one.said, one.sum), {{"service", service}, {"client", one.client}}, &family);
    }
    keep(std::move(family));
  }
  for (const BrokerFigure& figure : kBrokerFigures) {
    prometheus::MetricFamily family = FamilyOf(figure);
    for (const Told& one : told) {
      for (const auto& broker : ObjectAt(one.said, "brokers")) {
        const auto name = broker.find("nodename");
        if (!IsItself(broker) || name == broker.end() || !name->is_string()) continue;
        Add(figure.of(broker),
            {{"service", service}, {"client", one.client}, {"broker", name->get<std::string>()}},
            &family);
      }
    }
    keep(std::move(family));
  }
}

}  // namespace gridledger::host
