#include "services/gateway/open311/service_request.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <utility>

#include "gridledger/v1/fact.pb.h"
#include "services/answers/incident_row.h"
#include "services/domain/policy/instant_text.h"

namespace gridledger::gateway::open311 {
namespace {

using incident::Incident;
using incident::Phase;
using nlohmann::ordered_json;
using v1::Fact;

ordered_json TextJson(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json InstantJson(const std::optional<absl::Time>& at, const policy::Zone& zone) {
  return at ? ordered_json(policy::Rfc3339(*at, zone)) : ordered_json();
}

absl::string_view ClosedWords(v1::Disposition disposition) {
  switch (disposition) {
    case v1::DISPOSITION_SOLVED: return "Closed: solved, and a check says so.";
    case v1::DISPOSITION_UNCHECKED: return "Closed; nobody has checked whether it is solved.";
    case v1::DISPOSITION_NOT_SOLVED: return "Closed: not solved.";
    case v1::DISPOSITION_NOT_FOUND: return "Closed: nothing was found on site.";
    case v1::DISPOSITION_TRANSFERRED: return "Closed: handed over to another authority.";
    default: return "Closed.";
  }
}

absl::string_view PhaseWords(const Incident& is) {
  switch (is.phase) {
    case Phase::kNone: return "";
    case Phase::kReported: return "Reported; waits to be accepted.";
    case Phase::kAccepted: return "Accepted; waits to be verified on site.";
    case Phase::kVerified:
      return is.confirmed ? "Verified on site; waits to be filed."
                          : "Somebody looked on site and found nothing.";
    case Phase::kFiled: return "Filed; waits to be sent to a unit.";
    case Phase::kDispatched: return "Sent to the responsible unit.";
    case Phase::kAcknowledged: return "The responsible unit has taken it.";
    case Phase::kHandling: return "Somebody works on it.";
    case Phase::kHandled: return "The work is done; waits for a check.";
    case Phase::kChecked: return "A check says that it is done; waits to be closed.";
    case Phase::kClosed: return ClosedWords(is.disposition);
    case Phase::kRefused: return "Not taken up.";
    case Phase::kVoided: return "Withdrawn as invalid.";
    case Phase::kMerged: return "The same matter as another request.";
  }
  return "";
}

// What a fact of that number means to whoever reported; empty for one that is the city's own
// matter.
struct Word {
  int kind;
  absl::string_view status;
  absl::string_view description;
};
constexpr Word kWords[] = {
    {Fact::kReported, "open", "Reported."},
    {Fact::kAccepted, "open", "Accepted."},
    {Fact::kRefused, "closed", "Not taken up."},
    {Fact::kVerified, "investigating", "Somebody looked on site."},
    {Fact::kFiled, "investigating", "Filed as a case with a time limit."},
    {Fact::kDispatched, "action_scheduled", "Sent to the responsible unit."},
    {Fact::kDispatchAccepted, "action_scheduled", "The responsible unit has taken it."},
    {Fact::kDispatchDeclined, "action_scheduled", "The member sent cannot take it."},
    {Fact::kDispatchReturned, "investigating", "The unit says that it is another one's matter."},
    {Fact::kHandlingStarted, "in_progress", "The work has begun."},
    {Fact::kHandlingPaused, "in_progress", "The work is suspended, and the time limit with it."},
    {Fact::kHandlingResumed, "in_progress", "The work goes on."},
    {Fact::kDeadlineExtended, "in_progress", "The time limit was extended."},
    {Fact::kHandlingFinished, "in_progress", "The work is done; waits for a check."},
    {Fact::kCheckPassed, "in_progress", "A check says that it is done."},
    {Fact::kCheckFailed, "in_progress", "A check says that it is not done yet."},
    {Fact::kClosed, "closed", "Closed."},
    {Fact::kVoided, "closed", "Withdrawn as invalid."},
    {Fact::kReopened, "open", "Opened again."},
    {Fact::kMerged, "duplicate", "The same matter as another request."},
};

const Word* WordOf(uint32_t kind) {
  for (const Word& word : kWords) {
    if (static_cast<uint32_t>(word.kind) == kind) return &word;
  }
  return nullptr;
}

ordered_json ExtendedJson(const Incident& is, const policy::Zone& zone) {
  ordered_json json;
  json["phase"] = std::string(incident::PhaseName(is.phase));
  json["community"] = TextJson(is.community.text());
  json["area"] = TextJson(is.area.text());
  json["light"] = std::string(answers::LightName(answers::LightOf(is)));
  json["solved"] = is.Solved();
  json["reopened"] = is.times_reopened;
  json["filed_datetime"] = InstantJson(is.filed_at, zone);
  json["dispatched_datetime"] = InstantJson(is.dispatched_at, zone);
  json["closed_datetime"] = InstantJson(is.closed_at, zone);
  json["duplicate_of"] = TextJson(is.merged_into);
  return json;
}

}  // namespace

absl::Time UpdatedAt(const Incident& is) {
  if (is.closed_at) return *is.closed_at;
  absl::Time at = is.reported_at;
  for (const auto& one :
       {is.filed_at, is.dispatched_at, is.first_acknowledged_at, is.handled_at, is.paused_at}) {
    if (one) at = std::max(at, *one);
  }
  return at;
}

std::string StatusNotes(const Incident& is) {
  std::string notes(PhaseWords(is));
  if (!incident::IsOpen(is.phase)) return notes;
  if (is.paused_at) absl::StrAppend(&notes, " The clock stands.");
  if (is.missed) absl::StrAppend(&notes, " The time limit has passed.");
  if (is.times_reopened > 0) absl::StrAppend(&notes, " It was closed before, and opened again.");
  return notes;
}

ordered_json RequestJson(const ServiceRequest& request, bool extended, const policy::Zone& zone) {
  const Incident& is = request.is;
  ordered_json json;
  json["service_request_id"] = request.id.text();
  json["status"] = incident::IsOpen(is.phase) ? "open" : "closed";
  json["status_notes"] = StatusNotes(is);
  json["service_name"] = request.service_name;
  json["service_code"] = is.category.text();
  json["description"] = nullptr;
  json["agency_responsible"] = TextJson(is.unit.text());
  json["service_notice"] = nullptr;
  json["requested_datetime"] = policy::Rfc3339(is.reported_at, zone);
  json["updated_datetime"] = policy::Rfc3339(UpdatedAt(is), zone);
  json["expected_datetime"] = InstantJson(is.due_at, zone);
  for (const char* name : {"address", "address_id", "zipcode", "lat", "long", "media_url"}) {
    json[name] = nullptr;
  }
  if (!extended) return json;
  json["extended_attributes"] = ExtendedJson(is, zone);
  json["notes"] = ordered_json::array();
  for (const audit::TimelineItem& item : request.life) {
    const Word* word = WordOf(item.line.kind);
    if (word == nullptr || item.line.verdict != incident::Verdict::kApplied) continue;
    const auto* field = Fact::descriptor()->FindFieldByNumber(word->kind);
    json["notes"].push_back({{"datetime", policy::Rfc3339(item.line.at, zone)},
                             {"description", std::string(word->description)},
                             {"type", std::string(field->name())}});
  }
  return json;
}

std::vector<Update> UpdatesOf(const ServiceRequest& request, absl::Time from, absl::Time until) {
  std::vector<Update> updates;
  Offset before{-1};
  int ordinal = 0;
  size_t closing = 0;  // 1 + the place of the latest one in `updates`
  for (const audit::TimelineItem& item : request.life) {
    ordinal = item.offset == before ? ordinal + 1 : 0;
    before = item.offset;
    const Word* word = WordOf(item.line.kind);
    if (word == nullptr || item.line.verdict != incident::Verdict::kApplied) continue;
    if (word->kind == Fact::kClosed) closing = 0;
    if (item.line.at < from || item.line.at > until) continue;
    std::string id = absl::StrCat(request.partition.value, "-", item.offset.value);
    if (ordinal > 0) absl::StrAppend(&id, "-", ordinal);
    updates.push_back(Update{.id = std::move(id),
                             .request = request.id,
                             .at = item.line.at,
                             .status = std::string(word->status),
                             .description = std::string(word->description)});
    if (word->kind == Fact::kClosed) closing = updates.size();
  }
  // How it was closed is known of the present closing alone.
  if (closing > 0 && request.is.phase == Phase::kClosed) {
    updates[closing - 1].description = std::string(ClosedWords(request.is.disposition));
    if (request.is.Solved()) updates[closing - 1].status = "fixed";
  }
  return updates;
}

ordered_json UpdateJson(const Update& update, const policy::Zone& zone) {
  ordered_json json;
  json["update_id"] = update.id;
  json["service_request_id"] = update.request.text();
  json["status"] = update.status;
  json["updated_datetime"] = policy::Rfc3339(update.at, zone);
  json["description"] = update.description;
  json["media_url"] = nullptr;
  return json;
}

}  // namespace gridledger::gateway::open311
