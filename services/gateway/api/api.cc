#include "services/gateway/api/api.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <utility>

#include "services/answers/figures.h"
#include "services/answers/members.h"
#include "services/answers/policy_in_force.h"
#include "services/domain/policy/instant_text.h"
#include "services/gateway/api/city_figures.h"
#include "services/gateway/api/parameters.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {

namespace asio = boost::asio;

namespace {

// Dead letters that nobody has seen to.
uint64_t WaitingLetters(const engine::Task& task) {
  return task.progress().undecodable - task.resolution_counts().retried -
         task.resolution_counts().discarded;
}

}  // namespace

Reply ProblemOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return Problem(400, "", status.message());
    case absl::StatusCode::kNotFound: return Problem(404, "", status.message());
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded: return Problem(503, "", status.message());
    default: return Problem(500, "", "the city could not answer");
  }
}

Reply JsonReply(const nlohmann::ordered_json& json, int status) {
  Reply reply;
  reply.status = status;
  reply.body = cli::JsonText(json);
  return reply;
}

void Api::AddTo(Router* router) {
  const auto add = [&](std::string method, std::string path,
                       asio::awaitable<Reply> (Api::*handler)(Request&)) {
    router->Add(
        Route{.method = std::move(method),
              .path = std::move(path),
              .handler = [this, handler](Request& request) { return (this->*handler)(request); }});
  };
  add("GET", "/api/v1/incidents", &Api::ListIncidents);
  add("POST", "/api/v1/incidents", &Api::Report);
  add("GET", "/api/v1/incidents/{id}", &Api::ShowIncident);
  add("POST", "/api/v1/incidents/{id}/facts", &Api::AddFact);
  add("GET", "/api/v1/metrics", &Api::ShowMetrics);
  add("GET", "/metrics", &Api::ShowFigures);
  add("GET", "/api/v1/members", &Api::ShowMembers);
  add("GET", "/api/v1/policy", &Api::ShowPolicy);
  add("GET", "/api/v1/partitions", &Api::ShowPartitions);
  add("GET", "/api/v1/dead-letters", &Api::ListDeadLetters);
}

// ---- figures

asio::awaitable<Reply> Api::ShowMetrics(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {"as_of", "by"});
  const std::string by = parameters.Text("by");
  if (!by.empty() && !answers::DimensionCalled(by)) {
    parameters.Refuse("by", "it is category, unit, area, community or hour");
  }
  const std::optional<absl::Time> as_of = parameters.Instant("as_of");
  if (parameters.wrong()) co_return *parameters.wrong();

  // Deadlines that pass between a partition's time and the latest one's are told along; escalation
  // ticks at each, so there are few.
  const absl::Time horizon = as_of.value_or(options_.city->clock().Now() + absl::Minutes(1));
  struct Taken {
    std::optional<metrics::Snapshot> snapshot;
    absl::Time now;
    bool empty = true;
  };
  auto asking_taken =
      options_.city->AskAll<Taken>([horizon](const host::AskedPartition& asked, Taken* into) {
        into->now = asked.now;
        into->empty = asked.next == Offset{};
        const metrics::State& state = host::MetricsOf(asked.Of("metrics").subject());
        if (asked.now <= horizon) into->snapshot = metrics::Take(state, asked.now, horizon);
        return true;
      });
  auto taken = co_await std::move(asking_taken);
  if (!taken.ok()) co_return ProblemOf(taken.status());
  std::optional<absl::Time> present;
  bool past = false;
  for (const Taken& one : *taken) {
    if (!one.empty) present = std::max(present.value_or(one.now), one.now);
    past = past || !one.snapshot.has_value();
  }
  metrics::Sheet sheet;
  sheet.as_of = as_of.value_or(present.value_or(absl::UnixEpoch()));
  if (past) {
    auto asking_folded = Elsewhere<absl::StatusOr<PastFigures>>(
        [this, at = sheet.as_of] { return options_.past_figures(at); });
    absl::StatusOr<PastFigures> folded = co_await std::move(asking_folded);
    if (!folded.ok()) co_return ProblemOf(folded.status());
    sheet = std::move(folded->sheet);
    present = folded->present;
  } else {
    for (const Taken& one : *taken)
      metrics::Merge(metrics::AsOf(*one.snapshot, sheet.as_of), &sheet);
  }
  co_return JsonReply(answers::FiguresJson(sheet, present, by, zone));
}

asio::awaitable<Reply> Api::ShowFigures(Request&) {
  struct Part {
    std::optional<metrics::Snapshot> snapshot;
    absl::Time now;
    uint64_t dead_letters = 0, voids = 0;
  };
  const absl::Time horizon = options_.city->clock().Now() + absl::Minutes(1);
  auto asking =
      options_.city->AskAll<Part>([horizon](const host::AskedPartition& asked, Part* into) {
        const engine::Task& task = asked.Of("metrics");
        into->now = asked.now;
        into->snapshot =
            metrics::Take(host::MetricsOf(task.subject()), asked.now, std::max(asked.now, horizon));
        into->dead_letters = WaitingLetters(task);
        for (const uint64_t voids : task.incidents().counts.Get().voids) into->voids += voids;
        return true;
      });
  const auto parts = co_await std::move(asking);
  if (!parts.ok()) co_return ProblemOf(parts.status());
  CityState state;
  state.sheet.as_of = absl::UnixEpoch();
  absl::Time latest = horizon;
  for (const Part& part : *parts) {
    state.sheet.as_of = std::max(state.sheet.as_of, part.now);
    latest = std::min(latest, part.snapshot->horizon);
  }
  // A partition whose clock is far ahead does not move the others' deadlines.
  state.sheet.as_of = std::min(state.sheet.as_of, latest);
  for (const Part& part : *parts) {
    metrics::Sheet own = metrics::AsOf(*part.snapshot, std::max(part.now, state.sheet.as_of));
    own.as_of = state.sheet.as_of;
    metrics::Merge(own, &state.sheet);
    state.dead_letters += part.dead_letters;
    state.voids += part.voids;
  }
  Reply reply;
  reply.type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = options_.program_figures() + CityFiguresText(state);
  reply.Set("Cache-Control", "no-store");
  co_return reply;
}

// ---- the partitions, and who works where

asio::awaitable<Reply> Api::ShowPartitions(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {});
  if (parameters.wrong()) co_return *parameters.wrong();
  const host::CityLook look = options_.city->live().LookHere();
  nlohmann::ordered_json json;
  json["live"] = look.live;
  json["incidents"] = look.incidents;
  json["open"] = look.open;
  json["closed"] = look.closed;
  json["voids"] = look.voids;
  json["dead_letters"] = 0;
  json["tasks"] = nlohmann::ordered_json::array();
  for (const host::TaskLook& task : look.tasks) {
    nlohmann::ordered_json one;
    one["service"] = task.task.service.text();
    one["partition"] = task.task.partition.value;
    one["offset"] = task.next.value;
    one["end"] = task.end ? nlohmann::ordered_json(task.end->value) : nlohmann::ordered_json();
    one["lag"] = task.end ? nlohmann::ordered_json(task.end->value - task.next.value)
                          : nlohmann::ordered_json();
    one["time"] = policy::Rfc3339(task.now, zone);
    one["pending"] = task.pending;
    json["tasks"].push_back(std::move(one));
  }
  json["stopped"] = nlohmann::ordered_json::array();
  for (const engine::Live::Stopped& stopped : look.stopped) {
    json["stopped"].push_back({{"partition", stopped.partition.value},
                               {"offset", stopped.at.value},
                               {"why", std::string(stopped.why.message())}});
  }
  auto asking_letters =
      options_.city->AskAll<uint64_t>([](const host::AskedPartition& asked, uint64_t* into) {
        const engine::Task& task = *asked.tasks.front();
        *into = WaitingLetters(task);
        return true;
      });
  const auto letters = co_await std::move(asking_letters);
  if (!letters.ok()) co_return ProblemOf(letters.status());
  uint64_t sum = 0;
  for (const uint64_t one : *letters) sum += one;
  json["dead_letters"] = sum;
  co_return JsonReply(json);
}

asio::awaitable<Reply> Api::ListDeadLetters(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {"limit"});
  const int limit = parameters.Whole("limit", 1, 1000, 100);
  if (parameters.wrong()) co_return *parameters.wrong();
  struct Letters {
    Offset from;
    std::vector<std::pair<Offset, std::string>> waiting;
  };
  auto asking_all =
      options_.city->AskAll<Letters>([limit](const host::AskedPartition& asked, Letters* into) {
        engine::Task& task = *asked.tasks.front();
        into->from = task.ScanDeadLetters(into->from, 200,
                                          [&](Offset offset, const engine::DeadLetter& one) {
                                            if (task.FindResolution(offset) == nullptr &&
                                                into->waiting.size() < static_cast<size_t>(limit)) {
                                              into->waiting.emplace_back(offset, one.reason);
                                            }
                                          });
        return into->from >= task.next() || into->waiting.size() >= static_cast<size_t>(limit);
      });
  const auto all = co_await std::move(asking_all);
  if (!all.ok()) co_return ProblemOf(all.status());
  nlohmann::ordered_json json;
  json["dead_letters"] = nlohmann::ordered_json::array();
  for (size_t p = 0; p < all->size(); ++p) {
    for (const auto& [offset, reason] : (*all)[p].waiting) {
      if (json["dead_letters"].size() >= static_cast<size_t>(limit)) break;
      json["dead_letters"].push_back(
          {{"partition", p}, {"offset", offset.value}, {"reason", reason}});
    }
  }
  co_return JsonReply(json);
}

asio::awaitable<Reply> Api::ShowMembers(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {"unit", "on_duty"});
  const std::string unit = parameters.Text("unit");
  const std::optional<bool> on_duty = parameters.Flag("on_duty");
  if (parameters.wrong()) co_return *parameters.wrong();
  const absl::Time at = options_.city->clock().Now();
  auto asking_all = options_.city->AskAll<std::vector<answers::MemberRow>>(
      [at](const host::AskedPartition& asked, std::vector<answers::MemberRow>* into) {
        const engine::Task& task = asked.Of("dispatch");
        *into = answers::MembersAt(task.incidents().registry, host::DispatchOf(task.subject()), at);
        return true;
      });
  auto all = co_await std::move(asking_all);
  if (!all.ok()) co_return ProblemOf(all.status());
  nlohmann::ordered_json json;
  json["at"] = policy::Rfc3339(at, zone);
  json["members"] = nlohmann::ordered_json::array();
  for (size_t p = 0; p < all->size(); ++p) {
    std::erase_if((*all)[p], [&](const answers::MemberRow& member) {
      return (!unit.empty() && member.unit.text() != unit) ||
             (on_duty && member.on_duty != *on_duty);
    });
    const Partition partition{static_cast<int32_t>(p)};
    for (auto& one : answers::MembersJson(partition, (*all)[p], zone)) {
      json["members"].push_back(std::move(one));
    }
  }
  co_return JsonReply(json);
}

asio::awaitable<Reply> Api::ShowPolicy(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {});
  if (parameters.wrong()) co_return *parameters.wrong();
  auto asking_all =
      options_.city->AskAll<v1::Policy>([](const host::AskedPartition& asked, v1::Policy* into) {
        *into = asked.tasks.front()->incidents().policy.Activated();
        return true;
      });
  const auto all = co_await std::move(asking_all);
  if (!all.ok()) co_return ProblemOf(all.status());
  // The same in every partition but while one is being activated.
  for (const v1::Policy& policy : *all) {
    if (!policy.version().empty()) co_return JsonReply(answers::PolicyJson(policy));
  }
  co_return Problem(404, "", "no policy is in force");
}

}  // namespace gridledger::gateway
