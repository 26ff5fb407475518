#include "services/runtime/program/endpoints.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <thread>
#include <utility>

#include "services/runtime/program/client_figures.h"

namespace gridledger::host {
namespace {

using Label = prometheus::ClientMetric::Label;

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::ClientMetric Metric(std::vector<Label> labels, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

class Listening final : public Endpoints {
 public:
  explicit Listening(EndpointOptions options) : options_(std::move(options)) {}

  absl::Status Begin() {
    const size_t colon = options_.address.rfind(':');
    int port = 0;
    if (colon == std::string::npos || colon == 0 ||
        !absl::SimpleAtoi(options_.address.substr(colon + 1), &port) || port < 0 || port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", options_.address, "' is no address: HOST:PORT is"));
    }
    const std::string host = options_.address.substr(0, colon);
    Route();
    if (port == 0) {
      port = server_.bind_to_any_port(host);
    } else if (!server_.bind_to_port(host, port)) {
      port = -1;
    }
    if (port <= 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options_.address));
    }
    address_ = absl::StrCat(host, ":", port);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return absl::OkStatus();
  }

  ~Listening() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  const std::string& address() const override { return address_; }

 private:
  void Route() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(2); };
    const auto say = [](httplib::Response& response, bool well, const char* yes, const char* no) {
      response.status = well ? 200 : 503;
      response.set_content(absl::StrCat(well ? yes : no, "\n"), "text/plain");
    };
    server_.Get("/live", [this, say](const httplib::Request&, httplib::Response& response) {
      say(response, !options_.failed(), "live", "nothing can go on");
    });
    server_.Get("/ready", [this, say](const httplib::Request&, httplib::Response& response) {
      // Asked first: what is given is in every later look.
      const bool given = options_.given();
      const CityLook look = options_.look();
      say(response, given && look.live && look.stopped.empty() && !options_.failed(), "ready",
          !given                 ? "its group has given it nothing yet"
          : look.stopped.empty() ? "still folding"
                                 : "a partition stopped");
    });
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(
          PrometheusText(options_.service, options_.look(), options_.client_statistics()),
          "text/plain; version=0.0.4");
    });
    server_.Get("/clients", [this](const httplib::Request&, httplib::Response& response) {
      const auto one = [](std::string* out, const KafkaClientStatistics& client) {
        absl::StrAppend(out, "\"", client.client, "\":", client.json);
      };
      response.set_content(
          absl::StrCat("{", absl::StrJoin(options_.client_statistics(), ",", one), "}"),
          "application/json");
    });
  }

  const EndpointOptions options_;
  httplib::Server server_;
  std::string address_;
  std::thread thread_;
};

}  // namespace

std::string PrometheusText(const std::string& service, const CityLook& look,
                           const std::vector<KafkaClientStatistics>& clients) {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  const auto one = [&](const char* name, const char* help, MetricType type, double value) {
    families.push_back(Family(name, help, type));
    families.back().metric.push_back(Metric({{"service", service}}, type, value));
  };
  one("gridledger_live", "1 once everything is folded to the ledger's end.", MetricType::Gauge,
      look.live ? 1 : 0);
  one("gridledger_records_folded_total", "Records folded since the start.", MetricType::Counter,
      static_cast<double>(look.folded));
  one("gridledger_decisions_sent_total", "Decisions sent since the start.", MetricType::Counter,
      static_cast<double>(look.decisions_sent));
  one("gridledger_partitions_taken_over_total", "Partitions that a standby took over.",
      MetricType::Counter, static_cast<double>(look.taken_over));
  one("gridledger_partitions_stood_down_total", "Those that it left again to their owner.",
      MetricType::Counter, static_cast<double>(look.stood_down));
  one("gridledger_partitions_stopped", "Partitions that cannot go on.", MetricType::Gauge,
      static_cast<double>(look.stopped.size()));
  one("gridledger_incidents", "Incidents in the partitions run here.", MetricType::Gauge,
      static_cast<double>(look.incidents));
  one("gridledger_incidents_open", "Those that are not closed.", MetricType::Gauge,
      static_cast<double>(look.open));
  prometheus::MetricFamily offset =
      Family("gridledger_offset", "The next record to be folded.", MetricType::Gauge);
  prometheus::MetricFamily lag = Family(
      "gridledger_lag", "Records behind the ledger's end, once the log has said where that is.",
      MetricType::Gauge);
  prometheus::MetricFamily pending =
      Family("gridledger_pending_decisions", "Decisions not settled yet.", MetricType::Gauge);
  for (const TaskLook& task : look.tasks) {
    const auto add = [&](prometheus::MetricFamily& family, auto value) {
      family.metric.push_back(Metric({{"service", task.task.service.text()},
                                      {"partition", absl::StrCat(task.task.partition.value)}},
                                     MetricType::Gauge, static_cast<double>(value)));
    };
    add(offset, task.next.value);
    if (task.end.has_value()) add(lag, task.end->value - task.next.value);
    add(pending, task.pending);
  }
  for (prometheus::MetricFamily* family : {&offset, &lag, &pending}) {
    if (!family->metric.empty()) families.push_back(std::move(*family));
  }
  AddClientFigures(service, clients, &families);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

absl::StatusOr<std::unique_ptr<Endpoints>> Endpoints::Start(EndpointOptions options) {
  auto listening = std::make_unique<Listening>(std::move(options));
  if (absl::Status status = listening->Begin(); !status.ok()) return status;
  return listening;
}

}  // namespace gridledger::host
