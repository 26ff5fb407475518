#include "services/runtime/program/endpoints.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "services/runtime/program/client_figures.h"

namespace gridledger::host {
namespace {

using prometheus::MetricType;
using Label = prometheus::ClientMetric::Label;

prometheus::MetricFamily Family(const char* name, const char* help, MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::ClientMetric Metric(std::vector<Label> labels, MetricType type, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

// What a program says of itself, where that is known: a figure is a line.
struct ProgramFigure {
  const char* name;
  const char* help;
  MetricType type;
  std::optional<double> (*of)(const CityLook&);
};

template <auto kMember>
std::optional<double> Of(const CityLook& look) {
  return static_cast<double>(look.*kMember);
}

constexpr ProgramFigure kProgramFigures[] = {
    {"gridledger_live", "1 once everything is folded to the ledger's end.", MetricType::Gauge,
     Of<&CityLook::live>},
    {"gridledger_records_folded_total", "Records folded since the start.", MetricType::Counter,
     Of<&CityLook::folded>},
    {"gridledger_decisions_sent_total", "Decisions sent since the start.", MetricType::Counter,
     Of<&CityLook::decisions_sent>},
    {"gridledger_partitions_taken_over_total", "Partitions that a standby took over.",
     MetricType::Counter, Of<&CityLook::taken_over>},
    {"gridledger_partitions_stood_down_total", "Those that it left again to their owner.",
     MetricType::Counter, Of<&CityLook::stood_down>},
    {"gridledger_partitions_stopped", "Partitions that cannot go on.", MetricType::Gauge,
     [](const CityLook& look) {
       return std::optional<double>(static_cast<double>(look.stopped.size()));
     }},
    {"gridledger_partitions_stalled", "Partitions of which nothing comes though the log goes on.",
     MetricType::Gauge, Of<&CityLook::stalled>},
    {"gridledger_appends_refused_total", "Ticks and decisions that the log did not take.",
     MetricType::Counter, Of<&CityLook::refused>},
    {"gridledger_clock_ahead_seconds",
     "How far this machine's clock is ahead of the brokers'; behind: negative.", MetricType::Gauge,
     [](const CityLook& look) {
       return look.clock_ahead ? std::optional<double>(absl::ToDoubleSeconds(*look.clock_ahead))
                               : std::nullopt;
     }},
    {"gridledger_incidents", "Incidents in the partitions run here.", MetricType::Gauge,
     Of<&CityLook::incidents>},
    {"gridledger_incidents_open", "Those that are not closed.", MetricType::Gauge,
     Of<&CityLook::open>},
};

// What it says of each of its tasks, where that is known.
struct TaskFigure {
  const char* name;
  const char* help;
  MetricType type;
  std::optional<int64_t> (*of)(const TaskLook&);
};

constexpr TaskFigure kTaskFigures[] = {
    {"gridledger_offset", "The next record to be folded.", MetricType::Gauge,
     [](const TaskLook& task) { return std::optional<int64_t>(task.next.value); }},
    {"gridledger_lag", "Records behind the ledger's end, once the log has said where that is.",
     MetricType::Gauge,
     [](const TaskLook& task) {
       return task.end ? std::optional<int64_t>(task.end->value - task.next.value) : std::nullopt;
     }},
    {"gridledger_pending_decisions", "Decisions not settled yet.", MetricType::Gauge,
     [](const TaskLook& task) {
       return std::optional<int64_t>(static_cast<int64_t>(task.pending));
     }},
    {"gridledger_decisions_too_large_total",
     "Decisions not made, for no record could hold them; since the partition came here.",
     MetricType::Counter,
     [](const TaskLook& task) { return std::optional<int64_t>(task.decisions_too_large); }},
};

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
      const std::string unfit = options_.unfit();
      say(response,
          given && look.live && look.stopped.empty() && unfit.empty() && !options_.failed(),
          "ready",
          !unfit.empty()         ? unfit.c_str()
          : !given               ? "its group has given it nothing yet"
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
  std::vector<prometheus::MetricFamily> families;
  for (const ProgramFigure& figure : kProgramFigures) {
    const std::optional<double> value = figure.of(look);
    if (!value) continue;
    families.push_back(Family(figure.name, figure.help, figure.type));
    families.back().metric.push_back(Metric({{"service", service}}, figure.type, *value));
  }
  for (const TaskFigure& figure : kTaskFigures) {
    prometheus::MetricFamily family = Family(figure.name, figure.help, figure.type);
    for (const TaskLook& task : look.tasks) {
      const std::optional<int64_t> value = figure.of(task);
      if (!value) continue;
      family.metric.push_back(Metric({{"service", task.task.service.text()},
                                      {"partition", absl::StrCat(task.task.partition.value)}},
                                     figure.type, static_cast<double>(*value)));
    }
    if (!family.metric.empty()) families.push_back(std::move(family));
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
