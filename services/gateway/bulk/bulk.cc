#include "services/gateway/bulk/bulk.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "services/answers/incident_life.h"
#include "services/base/partitioning.h"
#include "services/domain/intake/admission.h"
#include "services/gateway/api/api.h"
#include "services/gateway/api/incident_ids.h"
#include "services/gateway/api/known_incident.h"
#include "services/gateway/bulk/events.h"
#include "services/gateway/bulk/lines.h"

namespace gridledger::gateway {

namespace asio = boost::asio;

namespace {

constexpr size_t kItemsAtOnce = 2000;  // of one body: × ~2 KB
constexpr size_t kBatchBytesMax = size_t{1} << 20;

std::string OneLine(const nlohmann::ordered_json& json) {
  return absl::StrCat(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

}  // namespace

// One event and what became of it.
struct Bulk::Item {
  int64_t line = 0;
  BulkEvent event;
  std::optional<Judged> judged;
  int status = 0;  // of an event that was not taken in
  std::string detail, field;

  void Refuse(int with, absl::string_view why, std::string which = "") {
    status = with;
    detail = std::string(why);
    field = std::move(which);
  }
  std::string Text() const;
};

std::string Bulk::Item::Text() const {
  nlohmann::ordered_json json;
  json["line"] = line;
  if (!judged) {
    json["status"] = status;
    json["detail"] = detail;
    if (!field.empty()) json["field"] = field;
    return OneLine(json);
  }
  json["id"] = event.fact.incident_id();
  json["partition"] = judged->partition.value;
  json["offset"] = judged->offset.value;
  json["stage"] = judged->stage.value;
  json["verdict"] =
      judged->dead_letter ? "dead letter" : std::string(answers::VerdictName(judged->verdict));
  if (!judged->dead_letter && judged->verdict == incident::Verdict::kVoid) {
    json["reason"] = std::string(incident::VoidReasonName(judged->reason));
  }
  return OneLine(json);
}

void Bulk::AddTo(Router* router) {
  router->Add(Route{.method = "POST",
                    .path = "/api/v1/events",
                    .handler = [this](Request& request) { return Take(request); },
                    .reads_body = true});
}

asio::awaitable<size_t> Bulk::SubmitSome(const intake::Principal& principal,
                                         std::vector<Item>& items, size_t begin) {
  City& city = *options_.city;
  const absl::Time now = city.clock().Now();
  // A fact behind another of the same incident is judged by what that one changes.
  absl::flat_hash_set<std::string> ids;
  auto about = std::make_shared<std::vector<IncidentId>>();
  size_t end = begin;
  for (; end < items.size(); ++end) {
    v1::Fact& fact = items[end].event.fact;
    if (items[end].status != 0) continue;
    if (fact.happened_at_ms() == 0) fact.set_happened_at_ms(absl::ToUnixMillis(now));
    if (fact.incident_id().empty()) {
      fact.set_incident_id(items[end].event.repeat.empty()
                               ? NewIncidentId(now)
                               : RepeatableIncidentId(principal.name, items[end].event.repeat));
    }
    if (!ids.insert(fact.incident_id()).second) break;
    if (!fact.has_reported()) about->emplace_back(fact.incident_id());
  }
  struct Known {
    std::shared_ptr<const policy::Compiled> policy;
    std::vector<std::pair<size_t, incident::Incident>> found;  // by place in `about`
  };
  auto asking = city.AskAll<Known>([&city, about](const host::AskedPartition& asked, Known* into) {
    const incident::State& state = asked.tasks.front()->incidents();
    into->policy = city.watch().PolicyOf(asked.partition, state);
    for (size_t i = 0; i < about->size(); ++i) {
      const incident::Incident* is = state.incidents.Find((*about)[i]);
      if (is != nullptr) into->found.emplace_back(i, *is);
    }
    return true;
  });
  const absl::StatusOr<std::vector<Known>> known = co_await std::move(asking);
  if (!known.ok()) {
    for (size_t i = begin; i < end; ++i) {
      if (items[i].status == 0) items[i].Refuse(503, known.status().message());
    }
    co_return end;
  }
  struct Home {
    size_t partition;
    const incident::Incident* is;
  };
  absl::flat_hash_map<std::string, Home> homes;
  for (size_t p = 0; p < known->size(); ++p) {
    for (const auto& [i, is] : (*known)[p].found) homes[(*about)[i].text()] = Home{p, &is};
  }
  std::vector<City::Submission> by_partition(known->size());
  std::vector<std::vector<size_t>> places(known->size());
  for (size_t i = begin; i < end; ++i) {
    if (items[i].status != 0) continue;
    BulkEvent& event = items[i].event;
    intake::Circumstances circumstances;
    circumstances.now = now;
    size_t partition = 0;
    std::string key;
    if (event.fact.has_reported()) {
      key = event.fact.reported().community();
      partition = static_cast<size_t>(PartitionOf(key, city.partitions()).value);
    } else {
      const auto home = homes.find(event.fact.incident_id());
      if (home == homes.end()) {
        items[i].Refuse(404, "no incident of this id has been reported");
        continue;
      }
      const incident::Incident& is = *home->second.is;
      if (event.has_stage && event.fact.stage() != is.stage.value) {
        items[i].Refuse(412, "the incident has moved on", "stage");
        continue;
      }
      event.fact.set_stage(is.stage.value);
      partition = home->second.partition;
      key = is.community.text();
      circumstances.about = &is;
    }
    circumstances.policy = (*known)[partition].policy.get();
    std::variant<v1::Fact, intake::Refusal> admitted =
        intake::Admit(principal, circumstances, event.fact);
    if (const auto* refusal = std::get_if<intake::Refusal>(&admitted)) {
      items[i].Refuse(intake::IsAboutWho(refusal->ground) ? 403 : 422, refusal->text,
                      refusal->field);
      continue;
    }
    by_partition[partition].keys.push_back(std::move(key));
    by_partition[partition].facts.push_back(std::get<v1::Fact>(std::move(admitted)));
    places[partition].push_back(i);
  }
  std::vector<City::Submission> submissions;
  std::vector<size_t> of;
  for (size_t p = 0; p < by_partition.size(); ++p) {
    if (by_partition[p].facts.empty()) continue;
    by_partition[p].partition = Partition{static_cast<int32_t>(p)};
    submissions.push_back(std::move(by_partition[p]));
    of.push_back(p);
  }
  auto submitting = city.SubmitAll(std::move(submissions));
  const std::vector<City::Judgements> all = co_await std::move(submitting);
  for (size_t s = 0; s < all.size(); ++s) {
    const std::vector<size_t>& own = places[of[s]];
    for (size_t i = 0; i < own.size(); ++i) {
      if (all[s].ok()) {
        items[own[i]].judged = (*all[s])[i];
      } else {
        items[own[i]].Refuse(503, "it is not known whether the ledger has it");
      }
    }
  }
  co_return end;
}

asio::awaitable<void> Bulk::Submit(const intake::Principal& principal, std::vector<Item>& items) {
  for (size_t at = 0; at < items.size();) {
    auto some = SubmitSome(principal, items, at);
    at = co_await std::move(some);
  }
}

asio::awaitable<void> Bulk::TakeLines(intake::Principal principal, Request& request,
                                      BodyWriter& writer) {
  const std::string* encoding = request.Header("Content-Encoding");
  LineReader reader(request.reader,
                    encoding != nullptr && absl::EqualsIgnoreCase(*encoding, "gzip"));
  const policy::Zone zone = options_.zone();
  int64_t number = 0;
  while (!writer.Ending()) {
    std::vector<Item> items;
    std::string text;
    bool ended = false;
    try {
      auto reading = reader.Next(kItemsAtOnce);
      const absl::StatusOr<std::vector<LineReader::Line>> lines = co_await std::move(reading);
      if (!lines.ok()) {
        Item last;
        last.line = number + 1;
        last.Refuse(400, lines.status().message());
        text = last.Text();
        ended = true;
      } else {
        ended = lines->empty();
        for (const LineReader::Line& line : *lines) {
          Item& item = items.emplace_back();
          item.line = number = line.number;
          if (line.too_long) {
            item.Refuse(413,
                        absl::StrCat("a line has at most ", LineReader::kLineBytesMax, " bytes"));
            continue;
          }
          absl::StatusOr<BulkEvent> event = ParseEvent(line.text, zone);
          if (event.ok()) {
            item.event = *std::move(event);
          } else {
            item.Refuse(400, event.status().message());
          }
        }
      }
    } catch (const boost::system::system_error&) {
      co_return;  // the client is gone, or too slow: what was answered is there
    }
    auto submitting = Submit(principal, items);
    co_await std::move(submitting);
    for (const Item& item : items) text += item.Text();
    if (!text.empty()) {
      auto writing = writer.Write(std::move(text));
      const bool taken = co_await std::move(writing);
      if (!taken) co_return;
    }
    if (ended) co_return;
  }
}

asio::awaitable<Reply> Bulk::Take(Request& request) {
  std::variant<intake::Principal, Reply> who = options_.identify(request);
  if (Reply* refused = std::get_if<Reply>(&who)) co_return std::move(*refused);
  const std::string* type = request.Header("Content-Type");
  const bool is_batch =
      type != nullptr && absl::StartsWithIgnoreCase(*type, "application/cloudevents-batch+json");
  const bool is_binary = request.Header("ce-specversion") != nullptr;
  const bool is_single = type != nullptr && !is_batch &&
                         absl::StartsWithIgnoreCase(*type, "application/cloudevents+json");
  Reply reply;
  reply.type = "application/x-ndjson";
  if (!is_batch && !is_binary && !is_single) {
    reply.stream = [this, principal = std::get<intake::Principal>(std::move(who)),
                    &request](BodyWriter& writer) { return TakeLines(principal, request, writer); };
    co_return reply;
  }
  const size_t most = is_batch ? kBatchBytesMax : LineReader::kLineBytesMax;
  try {
    while (true) {
      auto reading = request.reader->Next();
      std::optional<std::string> piece = co_await std::move(reading);
      if (!piece.has_value()) break;
      request.body += *piece;
      if (request.body.size() > most) {
        co_return Problem(413, "", absl::StrCat("a body here has at most ", most, " bytes"));
      }
    }
  } catch (const boost::system::system_error&) {
    co_return Problem(408, "", "");
  }
  std::vector<std::string> texts;
  if (is_batch) {
    absl::StatusOr<std::vector<std::string>> batch = ParseBatch(request.body);
    if (!batch.ok()) co_return ProblemOf(batch.status());
    texts = *std::move(batch);
  } else if (is_binary) {
    absl::StatusOr<std::string> event = FromHeaders(request);
    if (!event.ok()) co_return ProblemOf(event.status());
    texts.push_back(*std::move(event));
  } else {
    texts.push_back(std::move(request.body));
  }
  const policy::Zone zone = options_.zone();
  std::vector<Item> items(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    items[i].line = static_cast<int64_t>(i) + 1;
    absl::StatusOr<BulkEvent> event = ParseEvent(texts[i], zone);
    if (event.ok()) {
      items[i].event = *std::move(event);
    } else {
      items[i].Refuse(400, event.status().message());
    }
  }
  auto submitting = Submit(std::get<intake::Principal>(who), items);
  co_await std::move(submitting);
  for (const Item& item : items) reply.body += item.Text();
  co_return reply;
}

}  // namespace gridledger::gateway
