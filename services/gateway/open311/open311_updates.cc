// Updates of requests, as mySociety's FixMyStreet fetches and posts them.
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/domain/audit/audit.h"
#include "services/domain/intake/admission.h"
#include "services/gateway/api/known_incident.h"
#include "services/gateway/open311/open311.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway::open311 {
namespace {

constexpr size_t kKeysInStep = 1000;  // of the table, at ~1 µs each
constexpr size_t kLivesInStep = 20;   // of ~10 lines each
constexpr size_t kUpdatesMax = 1000;  // the oldest ones; × ~300 B
constexpr absl::Duration kSpan = absl::Hours(24);
constexpr absl::Duration kSpanMax = absl::Hours(90 * 24 + 1);

struct PartOfUpdates {
  std::optional<IncidentId> seen_id;
  bool scanned = false;
  std::vector<IncidentId> touched;
  size_t next = 0;
  std::vector<Update> updates;
};

bool IsBefore(const Update& a, const Update& b) {
  return std::tie(a.at, a.id) < std::tie(b.at, b.id);
}

// Whether something may have been said about it since then. The state has no instant of some
// phases.
bool MayBeTouched(const incident::Incident& is, absl::Time from) {
  return is.phase != incident::Phase::kClosed || UpdatedAt(is) >= from;
}

bool StepUpdates(const host::AskedPartition& asked, absl::Time from, absl::Time until,
                 PartOfUpdates* into) {
  const incident::State& state = asked.tasks.front()->incidents();
  if (!into->scanned) {
    const std::optional<IncidentId> after = into->seen_id;
    into->scanned = !state.incidents.ScanFrom(
        after.value_or(IncidentId()), kKeysInStep,
        [&](const IncidentId& id, const incident::Incident& is) {
          into->seen_id = id;
          if ((!after || id != *after) && is.reported_at <= until && MayBeTouched(is, from)) {
            into->touched.push_back(id);
          }
        });
    return false;
  }
  const audit::State& audit = host::AuditOf(asked.Of("audit").subject());
  for (size_t left = kLivesInStep; left > 0 && into->next < into->touched.size(); --left) {
    const IncidentId& id = into->touched[into->next++];
    const incident::Incident* is = state.incidents.Find(id);
    if (is == nullptr) continue;
    const ServiceRequest request{id, asked.partition, *is, "", audit::Timeline(audit, id)};
    for (Update& update : UpdatesOf(request, from, until)) {
      into->updates.push_back(std::move(update));
    }
  }
  if (into->updates.size() > 2 * kUpdatesMax) {
    std::nth_element(into->updates.begin(), into->updates.begin() + kUpdatesMax,
                     into->updates.end(), IsBefore);
    into->updates.resize(kUpdatesMax);
  }
  return into->next == into->touched.size();
}

}  // namespace

Open311::Answer Open311::ListUpdates(Call call) {
  const Format format = call.format();
  Arguments arguments(call.fields, call.zone);
  const std::optional<absl::Time> start = arguments.Instant("start_date");
  const std::optional<absl::Time> end = arguments.Instant("end_date");
  const absl::Time until = end ? *end : (start ? *start + kSpanMax : options_.city->clock().Now());
  const absl::Time from = start ? *start : until - kSpan;
  if (until < from) arguments.Refuse("end_date is before start_date");
  if (until - from > kSpanMax) arguments.Refuse("start_date and end_date span at most 90 days");
  if (!arguments.wrong().empty()) co_return ErrorsIn(format, arguments.wrong());
  auto asking = options_.city->AskAll<PartOfUpdates>(
      [from, until](const host::AskedPartition& asked, PartOfUpdates* into) {
        return StepUpdates(asked, from, until, into);
      });
  auto parts = co_await std::move(asking);
  if (!parts.ok()) co_return ErrorOf(format, parts.status());
  std::vector<Update> updates;
  for (PartOfUpdates& part : *parts) {
    std::move(part.updates.begin(), part.updates.end(), std::back_inserter(updates));
  }
  std::sort(updates.begin(), updates.end(), IsBefore);
  updates.resize(std::min(updates.size(), kUpdatesMax));
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Update& update : updates) list.push_back(UpdateJson(update, call.zone));
  co_return AnswerIn(format, "service_request_updates", list);
}

// Of what FixMyStreet posts, one thing is a fact: that a closed matter is open again. A comment is
// personal text, and not kept; and nobody outside closes a case.
Open311::Answer Open311::PostUpdate(Call call) {
  const Format format = call.format();
  Arguments arguments(call.fields, call.zone);
  const std::string status = absl::AsciiStrToLower(arguments.Text("status"));
  if (!arguments.Has("service_request_id")) arguments.Refuse("service_request_id is missing");
  if (status.empty()) arguments.Refuse("status is missing");
  if (!arguments.wrong().empty()) co_return ErrorsIn(format, arguments.wrong());
  const IncidentId id(arguments.Text("service_request_id"));
  auto asking = options_.city->AskAll<KnownIncident>(
      [this, id](const host::AskedPartition& there, KnownIncident* into) {
        *into = KnownHere(options_.city->watch(), there, id);
        return true;
      });
  const auto parts = co_await std::move(asking);
  if (!parts.ok()) co_return ErrorOf(format, parts.status());
  const auto home = std::find_if(parts->begin(), parts->end(),
                                 [](const KnownIncident& one) { return one.is.has_value(); });
  if (home == parts->end()) co_return ErrorIn(format, 404, "there is no such request");
  const bool wants_open = status == "open" || status == "reopen";
  if (!wants_open || incident::IsOpen(home->is->phase)) {
    co_return ErrorIn(format, 400,
                      wants_open
                          ? "nothing was kept: the request is open already, and this city does not "
                            "store comments yet"
                          : "nothing was kept: of updates this city takes in only that a closed "
                            "request is open again (status OPEN), and no comments yet");
  }
  v1::Fact fact;
  fact.set_incident_id(id.text());
  fact.set_stage(home->is->stage.value);
  const absl::Time now = options_.city->clock().Now();
  fact.set_happened_at_ms(absl::ToUnixMillis(now));
  fact.mutable_reopened()->set_reason(v1::REOPEN_REASON_DISSATISFIED);
  intake::Circumstances circumstances;
  circumstances.now = now;
  circumstances.policy = home->policy.get();
  circumstances.about = &*home->is;
  std::variant<v1::Fact, intake::Refusal> admitted =
      intake::Admit(call.who, circumstances, std::move(fact));
  if (const auto* refusal = std::get_if<intake::Refusal>(&admitted)) {
    co_return ErrorIn(format, intake::IsAboutWho(refusal->ground) ? 403 : 400,
                      absl::StrCat("the update was not taken in: ", refusal->text));
  }
  const Partition partition{static_cast<int32_t>(home - parts->begin())};
  auto submitting = options_.city->Submit(partition, home->is->community.text(),
                                          std::get<v1::Fact>(std::move(admitted)));
  const absl::StatusOr<Judged> judged = co_await std::move(submitting);
  if (!judged.ok()) co_return ErrorOf(format, judged.status());
  if (judged->dead_letter || judged->verdict != incident::Verdict::kApplied) {
    co_return ErrorIn(format, 400, "the rules do not allow to open this request again now");
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  list.push_back({{"update_id", absl::StrCat(partition.value, "-", judged->offset.value)},
                  {"service_request_id", id.text()}});
  co_return AnswerIn(format, "service_request_updates", list);
}

}  // namespace gridledger::gateway::open311
