// The incidents: lists, one of them, reports and facts.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "services/answers/incident_life.h"
#include "services/answers/incident_row.h"
#include "services/domain/intake/admission.h"
#include "services/domain/policy/instant_text.h"
#include "services/gateway/api/api.h"
#include "services/gateway/api/facts.h"
#include "services/gateway/api/incident_ids.h"
#include "services/gateway/api/known_incident.h"
#include "services/gateway/api/parameters.h"
#include "services/gateway/api/reporting.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

constexpr absl::Duration kReadPatience = absl::Seconds(5);
constexpr size_t kKeysInStep = 1000;  // of the index or the table, at ~1 µs each

struct Found {
  answers::UrgencyKey key;
  incident::Incident is;
};

// What one partition has of a page.
struct PartOfPage {
  std::vector<Found> found;
  std::optional<answers::UrgencyKey> seen;  // the last key looked at, of the index
  std::optional<IncidentId> seen_id;        // or of the table
  absl::Time now;
};

struct PageWanted {
  answers::IncidentFilter filter;
  std::optional<answers::UrgencyKey> after;
  bool by_id = false;
  size_t limit = 0;
  absl::Time as_of;
};

// One step through the open incidents, the most urgent first.
bool StepOpen(CityWatch& watch, const PageWanted& wanted, const host::AskedPartition& asked,
              PartOfPage* into) {
  const incident::State& state = asked.tasks.front()->incidents();
  OpenIndex& index = watch.open(asked.partition);
  into->now = asked.now;
  if (!index.loaded() && !index.Load(state, kKeysInStep)) return false;
  size_t seen = 0;
  bool more = false;
  index.Scan(into->seen ? into->seen : wanted.after, [&](const answers::UrgencyKey& key) {
    if (seen == kKeysInStep) {
      more = true;
      return false;
    }
    ++seen;
    into->seen = key;
    const incident::Incident* is = state.incidents.Find(key.id);
    if (is != nullptr && wanted.filter.Fits(key.id, *is, wanted.as_of)) {
      into->found.push_back(Found{key, *is});
    }
    return into->found.size() <= wanted.limit;
  });
  return !more;
}

// The same through all incidents, by id.
bool StepAll(const PageWanted& wanted, const host::AskedPartition& asked, PartOfPage* into) {
  const incident::State& state = asked.tasks.front()->incidents();
  into->now = asked.now;
  const std::optional<IncidentId> after =
      into->seen_id ? into->seen_id
                    : (wanted.after ? std::optional(wanted.after->id) : std::nullopt);
  const bool more = state.incidents.ScanFrom(
      after.value_or(IncidentId()), kKeysInStep,
      [&](const IncidentId& id, const incident::Incident& is) {
        const bool seen = after && id == *after;
        // What the cursor names may be in this partition, too, after the one that it was cut at.
        const bool cut_before = seen && !into->seen_id && asked.partition > wanted.after->partition;
        into->seen_id = id;
        if (seen && !cut_before) return;
        if (into->found.size() > wanted.limit || !wanted.filter.Fits(id, is, wanted.as_of)) return;
        into->found.push_back(Found{answers::UrgencyOf(id, asked.partition, is), is});
      });
  return !more || into->found.size() > wanted.limit;
}

Reply KeyIsTaken() {
  return Problem(422, "the Idempotency-Key was sent with another report",
                 "a key stands for one report: take a new one",
                 {{"ground", "other_request"}, {"field", "Idempotency-Key"}});
}

// "reported,filed" → phases; false for a word that is none.
bool ParsePhases(absl::string_view text, std::vector<incident::Phase>* phases) {
  for (const absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::optional<incident::Phase> phase = answers::PhaseCalled(word);
    if (!phase) return false;
    phases->push_back(*phase);
  }
  return true;
}

}  // namespace

asio::awaitable<Reply> Api::ListIncidents(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(
      request, zone,
      {"all",           "overdue",        "category", "area",      "community",   "unit",
       "member",        "phase",          "light",    "missed",    "id",          "level_min",
       "reported_from", "reported_until", "due_from", "due_until", "closed_from", "closed_until",
       "sort",          "limit",          "cursor"});
  PageWanted wanted;
  answers::IncidentFilter& filter = wanted.filter;
  filter.all = parameters.Flag("all").value_or(false);
  filter.overdue = parameters.Flag("overdue").value_or(false);
  parameters.ReadFilter(&filter);
  filter.reported_from = parameters.Instant("reported_from");
  filter.reported_until = parameters.Instant("reported_until");
  filter.due_from = parameters.Instant("due_from");
  filter.due_until = parameters.Instant("due_until");
  filter.closed_from = parameters.Instant("closed_from");
  filter.closed_until = parameters.Instant("closed_until");
  wanted.limit = static_cast<size_t>(parameters.Whole("limit", 1, 1000, 100));
  if (!ParsePhases(parameters.Text("phase"), &filter.phases)) {
    parameters.Refuse("phase", "they are names of phases, with commas between");
  }
  const bool wants_closed =
      std::any_of(filter.phases.begin(), filter.phases.end(),
                  [](incident::Phase phase) { return !incident::IsOpen(phase); }) ||
      filter.closed_from || filter.closed_until;
  if (wants_closed) filter.all = true;
  const std::string sort = parameters.Text("sort");
  if (!sort.empty() && sort != "urgency" && sort != "id") {
    parameters.Refuse("sort", "it is urgency or id");
  }
  if (sort == "urgency" && filter.all) {
    parameters.Refuse("sort", "urgency orders open incidents alone");
  }
  wanted.by_id = filter.all || sort == "id";
  if (const std::string cursor = parameters.Text("cursor"); !cursor.empty()) {
    wanted.after = answers::ParseCursor(cursor);
    if (!wanted.after) parameters.Refuse("cursor", "it is the `next` of an earlier page");
  }
  if (parameters.wrong()) co_return *parameters.wrong();
  wanted.as_of = options_.city->clock().Now();

  auto asking_parts = options_.city->AskAll<PartOfPage>(
      [this, wanted](const host::AskedPartition& asked, PartOfPage* into) {
        return wanted.by_id ? StepAll(wanted, asked, into)
                            : StepOpen(options_.city->watch(), wanted, asked, into);
      });
  auto parts = co_await std::move(asking_parts);
  if (!parts.ok()) co_return ProblemOf(parts.status());
  std::vector<Found> found;
  absl::Time present = absl::UnixEpoch();
  for (PartOfPage& part : *parts) {
    present = std::max(present, part.now);
    std::move(part.found.begin(), part.found.end(), std::back_inserter(found));
  }
  std::sort(found.begin(), found.end(), [&](const Found& a, const Found& b) {
    if (!wanted.by_id) return a.key < b.key;
    return std::tie(a.key.id, a.key.partition) < std::tie(b.key.id, b.key.partition);
  });
  const bool more = found.size() > wanted.limit;
  if (more) found.resize(wanted.limit);
  nlohmann::ordered_json json;
  json["as_of"] = policy::Rfc3339(present, zone);
  json["count"] = found.size();
  json["next"] =
      more ? nlohmann::ordered_json(answers::CursorOf(found.back().key)) : nlohmann::ordered_json();
  json["incidents"] = nlohmann::ordered_json::array();
  for (const Found& one : found) {
    json["incidents"].push_back(
        answers::RowJson(one.key.id, one.key.partition, one.is, wanted.as_of, zone));
  }
  co_return JsonReply(json);
}

asio::awaitable<Reply> Api::ShowIncident(Request& request) {
  const policy::Zone zone = options_.zone();
  Parameters parameters(request, zone, {});
  if (parameters.wrong()) co_return *parameters.wrong();
  const IncidentId id(request.Capture("id"));
  auto asking_parts = options_.city->AskAll<std::optional<answers::Life>>(
      [id](const host::AskedPartition& asked, std::optional<answers::Life>* into) {
        answers::Life life;
        life.partition = asked.partition;
        life.items = audit::Timeline(host::AuditOf(asked.Of("audit").subject()), id);
        const incident::Incident* is = asked.tasks.front()->incidents().incidents.Find(id);
        if (is != nullptr) life.present = *is;
        if (is != nullptr || !life.items.empty()) *into = std::move(life);
        return true;
      });
  auto parts = co_await std::move(asking_parts);
  if (!parts.ok()) co_return ProblemOf(parts.status());
  std::vector<answers::Life> lives;
  for (auto& part : *parts) {
    if (part.has_value()) lives.push_back(*std::move(part));
  }
  if (lives.empty()) co_return Problem(404, "", "no record of the ledger speaks of this incident");
  answers::SortLives(&lives);
  const std::vector<Offset> offsets = answers::OffsetsOf(lives.front().items);
  auto asking_facts = Elsewhere<absl::StatusOr<std::vector<answers::RecordFacts>>>(
      [this, partition = lives.front().partition, offsets, id] {
        const std::unique_ptr<LogReader> reader = options_.city->log().NewReader();
        return answers::ReadFacts(*reader, partition, offsets, id, kReadPatience);
      });
  const auto facts = co_await std::move(asking_facts);
  if (!facts.ok()) co_return ProblemOf(facts.status());
  answers::TellLines(*facts, &lives.front());
  Reply reply = JsonReply(answers::LifeJson(id, lives, zone));
  if (lives.front().present) {
    reply.Set("ETag", absl::StrCat("\"", lives.front().present->stage.value, "\""));
  }
  reply.Set("Cache-Control", "no-cache");
  co_return reply;
}

asio::awaitable<Reply> Api::Report(Request& request) {
  std::variant<intake::Principal, Reply> who = options_.identify(request);
  if (Reply* refused = std::get_if<Reply>(&who)) co_return std::move(*refused);
  const intake::Principal& principal = std::get<intake::Principal>(who);
  absl::StatusOr<v1::Fact> asked = ParseReport(request.body, options_.zone());
  if (!asked.ok()) co_return ProblemOf(asked.status());
  std::optional<std::string> repeat_key;
  if (const std::string* repeat = request.Header("Idempotency-Key"); repeat != nullptr) {
    if (!IsRepeatKey(*repeat)) co_return Problem(400, "", kRepeatKeyForm);
    repeat_key = *repeat;
  }
  auto reporting = SubmitReport(*options_.city, *options_.pool, principal, *std::move(asked),
                                std::move(repeat_key));
  const SubmittedReport submitted = co_await std::move(reporting);
  if (submitted.refusal) co_return RefusalReply(*submitted.refusal);
  if (submitted.key_is_taken) co_return KeyIsTaken();
  if (!submitted.judged.ok()) co_return ProblemOf(submitted.judged.status());
  co_return JudgedReply(submitted.id, *submitted.judged, true);
}

asio::awaitable<Reply> Api::AddFact(Request& request) {
  std::variant<intake::Principal, Reply> who = options_.identify(request);
  if (Reply* refused = std::get_if<Reply>(&who)) co_return std::move(*refused);
  const intake::Principal& principal = std::get<intake::Principal>(who);
  absl::StatusOr<ParsedFact> asked = ParseFact(request.body, options_.zone());
  if (!asked.ok()) co_return ProblemOf(asked.status());
  v1::Fact& fact = asked->fact;
  if (fact.has_reported()) {
    co_return Problem(400, "", "a report is sent to /api/v1/incidents");
  }
  const absl::Time now = options_.city->clock().Now();
  if (fact.happened_at_ms() == 0) fact.set_happened_at_ms(absl::ToUnixMillis(now));
  if (const std::string* match = request.Header("If-Match"); match != nullptr && *match != "*") {
    absl::string_view text = *match;
    uint32_t stage = 0;
    if (text.size() < 3 || text.front() != '"' || text.back() != '"' ||
        !absl::SimpleAtoi(text.substr(1, text.size() - 2), &stage)) {
      co_return Problem(400, "", "If-Match is the ETag of the incident, its stage in quotes");
    }
    if (asked->has_stage && fact.stage() != stage) {
      co_return Problem(400, "", "If-Match and `stage` name two stages");
    }
    fact.set_stage(stage);
    asked->has_stage = true;
  }
  const IncidentId id(request.Capture("id"));
  fact.set_incident_id(id.text());
  auto asking_parts = options_.city->AskAll<KnownIncident>(
      [this, id](const host::AskedPartition& there, KnownIncident* into) {
        *into = KnownHere(options_.city->watch(), there, id);
        return true;
      });
  const auto parts = co_await std::move(asking_parts);
  if (!parts.ok()) co_return ProblemOf(parts.status());
  const auto home = std::find_if(parts->begin(), parts->end(),
                                 [](const KnownIncident& one) { return one.is.has_value(); });
  if (home == parts->end()) {
    co_return Problem(404, "", "no incident of this id has been reported");
  }
  if (asked->has_stage && fact.stage() != home->is->stage.value) {
    Reply moved = Problem(412, "the incident has moved on", "",
                          {{"stage", absl::StrCat(home->is->stage.value)}});
    moved.Set("ETag", absl::StrCat("\"", home->is->stage.value, "\""));
    co_return moved;
  }
  fact.set_stage(home->is->stage.value);
  intake::Circumstances circumstances;
  circumstances.now = now;
  circumstances.policy = home->policy.get();
  circumstances.about = &*home->is;
  std::variant<v1::Fact, intake::Refusal> admitted =
      intake::Admit(principal, circumstances, std::move(fact));
  if (const auto* refusal = std::get_if<intake::Refusal>(&admitted)) {
    co_return RefusalReply(*refusal);
  }
  const Partition partition{static_cast<int32_t>(home - parts->begin())};
  auto submitting = options_.city->Submit(partition, home->is->community.text(),
                                          std::get<v1::Fact>(std::move(admitted)));
  const absl::StatusOr<Judged> judged = co_await std::move(submitting);
  if (!judged.ok()) co_return ProblemOf(judged.status());
  co_return JudgedReply(id.text(), *judged, false);
}

}  // namespace gridledger::gateway
