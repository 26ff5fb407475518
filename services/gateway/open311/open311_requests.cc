// Requests: lists of them, one, a token, and what is posted.
#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <compare>
#include <iterator>
#include <utility>

#include "services/answers/incident_row.h"
#include "services/domain/audit/audit.h"
#include "services/domain/intake/admission.h"
#include "services/gateway/api/reporting.h"
#include "services/gateway/open311/open311.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway::open311 {
namespace {

namespace asio = boost::asio;

constexpr size_t kKeysInStep = 1000;  // of the index or the table, at ~1 µs each
constexpr size_t kFoundInStep = 200;  // by their ids; each may have to be read from a disk
constexpr size_t kLivesInStep = 20;   // of ~10 lines each
// GeoReport v2, GET Service Requests: "a span of 90 days or first 1000 requests returned, whichever
// is smallest". An hour more, for clocks that are set back meanwhile.
constexpr absl::Duration kSpan = absl::Hours(90 * 24);
constexpr absl::Duration kSpanMax = absl::Hours(90 * 24 + 1);
constexpr int kRequestsMax = 1000;
// How far pages reach: × ~100 B a partition = 10 MB while they are looked for.
constexpr int kDepthMax = 100'000;
constexpr size_t kDescriptionCharactersMax = 4000;  // GeoReport v2, POST Service Request
constexpr size_t kCodeBytesMax = 64;                // codes of communities have some 12
constexpr size_t kPlacesShown = 200;                // in the text of an error

struct ListWanted {
  std::vector<std::string> services;                          // any of them; empty: whichever
  std::optional<bool> open;                                   // nothing: open and closed ones
  std::optional<absl::Time> requested_from, requested_until;  // both inclusive
  std::optional<absl::Time> updated_after, updated_before;    // neither
  size_t depth = 0;                                           // so many, the newest first

  bool Fits(const incident::Incident& is) const {
    if (open && *open != incident::IsOpen(is.phase)) return false;
    if (requested_from && is.reported_at < *requested_from) return false;
    if (requested_until && is.reported_at > *requested_until) return false;
    if (updated_after && UpdatedAt(is) <= *updated_after) return false;
    if (updated_before && UpdatedAt(is) >= *updated_before) return false;
    return services.empty() ||
           std::find(services.begin(), services.end(), is.category.text()) != services.end();
  }
};

// The newest first.
struct Newest {
  absl::Time requested_at;
  IncidentId id;

  friend bool operator==(const Newest&, const Newest&) = default;
  friend bool operator<(const Newest& a, const Newest& b) {
    return a.requested_at != b.requested_at ? a.requested_at > b.requested_at : a.id < b.id;
  }
};

struct PartOfList {
  absl::btree_set<Newest> newest;
  std::optional<answers::UrgencyKey> seen;  // the last key looked at, of the index
  std::optional<IncidentId> seen_id;        // or of the table

  void Take(const ListWanted& wanted, const IncidentId& id, const incident::Incident& is) {
    if (!wanted.Fits(is)) return;
    newest.insert(Newest{is.reported_at, id});
    if (newest.size() > wanted.depth) newest.erase(std::prev(newest.end()));
  }
};

// One step through the open incidents.
bool StepOpen(CityWatch& watch, const ListWanted& wanted, const host::AskedPartition& asked,
              PartOfList* into) {
  const incident::State& state = asked.tasks.front()->incidents();
  OpenIndex& index = watch.open(asked.partition);
  if (!index.loaded() && !index.Load(state, kKeysInStep)) return false;
  size_t seen = 0;
  bool more = false;
  index.Scan(into->seen, [&](const answers::UrgencyKey& key) {
    if (seen == kKeysInStep) {
      more = true;
      return false;
    }
    ++seen;
    into->seen = key;
    const incident::Incident* is = state.incidents.Find(key.id);
    if (is != nullptr) into->Take(wanted, key.id, *is);
    return true;
  });
  return !more;
}

// The same through all of them.
bool StepAll(const ListWanted& wanted, const host::AskedPartition& asked, PartOfList* into) {
  const std::optional<IncidentId> after = into->seen_id;
  return !asked.tasks.front()->incidents().incidents.ScanFrom(
      after.value_or(IncidentId()), kKeysInStep,
      [&](const IncidentId& id, const incident::Incident& is) {
        into->seen_id = id;
        if (!after || id != *after) into->Take(wanted, id, is);
      });
}

// The dates of a list: nothing of them is told when something is wrong.
void ReadDates(Arguments& arguments, absl::Time present, ListWanted* wanted) {
  const std::optional<absl::Time> start = arguments.Instant("start_date");
  const std::optional<absl::Time> end = arguments.Instant("end_date");
  wanted->updated_after = arguments.Instant("updated_after");
  wanted->updated_before = arguments.Instant("updated_before");
  if (start && end) {
    if (*end < *start) arguments.Refuse("end_date is before start_date");
    if (*end - *start > kSpanMax) {
      arguments.Refuse("start_date and end_date span at most 90 days: ask for less at once");
    }
  }
  const bool by_update = wanted->updated_after || wanted->updated_before;
  if (!start && !end && by_update) return;
  wanted->requested_from = start ? *start : (end ? *end : present) - kSpan;
  wanted->requested_until = end;
  if (start && !end) wanted->requested_until = *start + kSpan;
}

void ReadStatus(Arguments& arguments, ListWanted* wanted) {
  bool open = false, closed = false;
  for (const std::string& one : arguments.List("status")) {
    const std::string status = absl::AsciiStrToLower(one);
    open = open || status == "open";
    closed = closed || status == "closed";
    if (status != "open" && status != "closed") arguments.Refuse("status is open or closed");
  }
  if (open != closed) wanted->open = open;
}

// The latest time of any partition: nothing was reported after it.
absl::Time PresentOf(City& city) {
  absl::Time present = absl::UnixEpoch();
  for (const host::TaskLook& task : city.live().LookHere().tasks) {
    present = std::max(present, task.now);
  }
  return present;
}

size_t CharactersOf(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

int32_t ToE7(double degrees) {
  return static_cast<int32_t>(degrees * 1e7 + (degrees < 0 ? -0.5 : 0.5));
}

std::string ListText(const std::set<std::string>& codes) {
  std::vector<std::string> shown;
  for (const std::string& code : codes) {
    if (shown.size() == kPlacesShown) {
      shown.push_back("… (the service definition has all)");
      break;
    }
    shown.push_back(code);
  }
  return absl::StrJoin(shown, ", ");
}

// A code that nothing is known of: no sentence, which may name people.
bool LooksLikeCode(absl::string_view text) {
  return text.size() <= kCodeBytesMax &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' '; });
}

// Where a posted request lies; refuses what places it nowhere.
void ReadPlace(Arguments& arguments, const Places& places, v1::IncidentReported* reported) {
  const std::optional<double> latitude = arguments.Degrees("lat", 90);
  const std::optional<double> longitude = arguments.Degrees("long", 180);
  if (arguments.Has("lat") != arguments.Has("long")) {
    arguments.Refuse("lat and long belong together: one of them is missing");
  }
  if (latitude && longitude) {
    reported->mutable_point()->set_latitude_e7(ToE7(*latitude));
    reported->mutable_point()->set_longitude_e7(ToE7(*longitude));
  }
  const std::string address_id = arguments.Text("address_id");
  std::string community = arguments.Attribute(kCommunity);
  std::string area = arguments.Attribute(kArea);
  if (community.empty() && places.communities.contains(address_id)) community = address_id;
  if (area.empty() && places.areas.contains(address_id)) area = address_id;
  if (community.empty() && places.communities.size() == 1) {
    community = *places.communities.begin();
    if (!latitude && !arguments.Has("address_string") && address_id.empty()) {
      arguments.Refuse("the place is missing: lat and long, address_string, or address_id");
    }
  }
  const bool is_known = places.communities.empty() ? LooksLikeCode(community)
                                                   : places.communities.contains(community);
  if (community.empty() || !is_known) {
    arguments.Refuse(absl::StrCat(
        community.empty() ? "attribute[community] is missing" : "attribute[community] is unknown",
        places.communities.empty()
            ? ": the code of the community in which it lies"
            : absl::StrCat(": it is one of ", ListText(places.communities))));
  }
  if (places.areas.empty() ? !LooksLikeCode(area) : !area.empty() && !places.areas.contains(area)) {
    arguments.Refuse("attribute[area] is unknown: the service definition lists what there is");
  }
  reported->set_community(community);
  reported->set_area(area);
}

// What the ledger has no place for yet: whoever sent it is told so.
std::optional<std::string> NoticeOf(const Arguments& arguments, bool has_file) {
  bool dropped = has_file;
  for (const char* name : {"description", "media_url", "media", "email", "first_name", "last_name",
                           "phone", "device_id", "account_id", "address_string"}) {
    dropped = dropped || arguments.Has(name);
  }
  if (!dropped) return std::nullopt;
  return "Your words, pictures, address and contact details were not kept: this city does not "
         "store them yet. Kept are the service, the place and the time.";
}

Reply RefusalIn(Format format, const intake::Refusal& refusal) {
  if (refusal.ground == intake::Ground::kUnknownCategory) {
    return ErrorIn(format, 404, "there is no such service_code");
  }
  return ErrorIn(format, intake::IsAboutWho(refusal.ground) ? 403 : 400,
                 absl::StrCat("the request was not taken in: ", refusal.field, ": ", refusal.text));
}

}  // namespace

// ---- reading

Open311::Ids Open311::Everywhere(std::vector<IncidentId> ids) const {
  return Ids(static_cast<size_t>(options_.city->partitions()), std::move(ids));
}

asio::awaitable<absl::StatusOr<std::vector<ServiceRequest>>> Open311::AskRequests(Ids ids,
                                                                                  bool with_life) {
  struct Part {
    size_t next = 0;
    std::vector<ServiceRequest> found;
  };
  const auto shared = std::make_shared<const Ids>(std::move(ids));
  auto asking = options_.city->AskAll<Part>([shared, with_life](const host::AskedPartition& asked,
                                                                Part* into) {
    const std::vector<IncidentId>& wanted = (*shared)[static_cast<size_t>(asked.partition.value)];
    const incident::State& state = asked.tasks.front()->incidents();
    for (size_t left = with_life ? kLivesInStep : kFoundInStep;
         left > 0 && into->next < wanted.size(); --left) {
      const IncidentId& id = wanted[into->next++];
      const incident::Incident* is = state.incidents.Find(id);
      if (is == nullptr) continue;
      ServiceRequest request{id, asked.partition, *is, ""};
      if (with_life) {
        request.life = audit::Timeline(host::AuditOf(asked.Of("audit").subject()), id);
      }
      into->found.push_back(std::move(request));
    }
    return into->next == wanted.size();
  });
  auto parts = co_await std::move(asking);
  if (!parts.ok()) co_return parts.status();
  auto asking_names = AskCatalogue(false);
  const absl::StatusOr<Catalogue> catalogue = co_await std::move(asking_names);
  if (!catalogue.ok()) co_return catalogue.status();
  absl::btree_map<std::string, std::string> names;
  for (const v1::Category& category : catalogue->policy.categories()) {
    names.emplace(category.code(), ServiceNameOf(catalogue->policy, category.code()));
  }
  std::vector<ServiceRequest> requests;
  for (Part& part : *parts) {
    for (ServiceRequest& request : part.found) {
      const auto name = names.find(request.is.category.text());
      request.service_name = name == names.end() ? request.is.category.text() : name->second;
      requests.push_back(std::move(request));
    }
  }
  co_return requests;
}

Open311::Answer Open311::ListRequests(Call call) {
  const Format format = call.format();
  Arguments arguments(call.fields, call.zone);
  const bool extended = arguments.Flag("extensions");
  std::vector<IncidentId> order;
  for (std::string& id : arguments.List("service_request_id")) order.emplace_back(std::move(id));
  if (order.size() > kRequestsMax) arguments.Refuse("service_request_id names at most 1000");
  Ids ids;
  if (order.empty()) {
    ListWanted wanted;
    wanted.services = arguments.List("service_code");
    ReadStatus(arguments, &wanted);
    ReadDates(arguments, PresentOf(*options_.city), &wanted);
    const int size = arguments.Whole("page_size", 1, kRequestsMax, kRequestsMax);
    const int page = arguments.Whole("page", 1, kDepthMax / size, 1);
    if (!arguments.wrong().empty()) co_return ErrorsIn(format, arguments.wrong());
    wanted.depth = static_cast<size_t>(page) * static_cast<size_t>(size);
    auto asking = options_.city->AskAll<PartOfList>(
        [this, wanted](const host::AskedPartition& asked, PartOfList* into) {
          return wanted.open.value_or(false) ? StepOpen(options_.city->watch(), wanted, asked, into)
                                             : StepAll(wanted, asked, into);
        });
    const auto parts = co_await std::move(asking);
    if (!parts.ok()) co_return ErrorOf(format, parts.status());
    std::vector<std::pair<Newest, size_t>> newest;
    for (size_t p = 0; p < parts->size(); ++p) {
      for (const Newest& one : (*parts)[p].newest) newest.emplace_back(one, p);
    }
    std::sort(newest.begin(), newest.end());
    newest.resize(std::min(newest.size(), wanted.depth));
    ids.resize(parts->size());
    for (size_t at = wanted.depth - static_cast<size_t>(size); at < newest.size(); ++at) {
      order.push_back(newest[at].first.id);
      ids[newest[at].second].push_back(newest[at].first.id);
    }
  } else {
    if (!arguments.wrong().empty()) co_return ErrorsIn(format, arguments.wrong());
    ids = Everywhere(order);
  }
  auto asking_requests = AskRequests(std::move(ids), extended);
  const auto requests = co_await std::move(asking_requests);
  if (!requests.ok()) co_return ErrorOf(format, requests.status());
  absl::btree_map<IncidentId, const ServiceRequest*> by_id;
  for (const ServiceRequest& one : *requests) by_id.emplace(one.id, &one);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const IncidentId& id : order) {
    const auto at = by_id.find(id);
    if (at == by_id.end()) continue;
    list.push_back(RequestJson(*at->second, extended, call.zone));
    by_id.erase(at);
  }
  co_return AnswerIn(format, "service_requests", list);
}

Open311::Answer Open311::ShowRequest(Request& request) {
  std::variant<Call, Reply> begun = Begin(request, request.Capture("name"));
  if (Reply* reply = std::get_if<Reply>(&begun)) co_return std::move(*reply);
  const Call& call = std::get<Call>(begun);
  Arguments arguments(call.fields, call.zone);
  const bool extended = arguments.Flag("extensions");
  if (!arguments.wrong().empty()) co_return ErrorsIn(call.format(), arguments.wrong());
  auto asking = AskRequests(Everywhere({IncidentId(call.what.name)}), extended);
  const auto requests = co_await std::move(asking);
  if (!requests.ok()) co_return ErrorOf(call.format(), requests.status());
  if (requests->empty()) co_return ErrorIn(call.format(), 404, "there is no such request");
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  list.push_back(RequestJson(requests->front(), extended, call.zone));
  co_return AnswerIn(call.format(), "service_requests", list);
}

// Requests have their ids at once, so that a token is the id itself: for clients that ask anyway.
Open311::Answer Open311::ShowToken(Request& request) {
  std::variant<Call, Reply> begun = Begin(request, request.Capture("name"));
  if (Reply* reply = std::get_if<Reply>(&begun)) co_return std::move(*reply);
  const Call& call = std::get<Call>(begun);
  auto asking = AskRequests(Everywhere({IncidentId(call.what.name)}), false);
  const auto requests = co_await std::move(asking);
  if (!requests.ok()) co_return ErrorOf(call.format(), requests.status());
  if (requests->empty()) co_return ErrorIn(call.format(), 404, "there is no such token");
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  list.push_back({{"service_request_id", call.what.name}, {"token", call.what.name}});
  co_return AnswerIn(call.format(), "service_requests", list);
}

// ---- posting

Open311::Answer Open311::PostRequest(Call call, std::optional<std::string> repeat_key) {
  const Format format = call.format();
  Arguments arguments(call.fields, call.zone);
  auto asking = AskCatalogue(true);
  const absl::StatusOr<Catalogue> catalogue = co_await std::move(asking);
  if (!catalogue.ok()) co_return ErrorOf(format, catalogue.status());
  v1::Fact fact;
  v1::IncidentReported& reported = *fact.mutable_reported();
  reported.set_category(arguments.Text("service_code"));
  reported.set_channel("open311");
  const v1::Policy& policy = catalogue->policy;
  const bool is_known = policy.categories().empty() ||
                        std::any_of(policy.categories().begin(), policy.categories().end(),
                                    [&](const v1::Category& category) {
                                      return category.code() == reported.category();
                                    });
  if (reported.category().empty()) {
    arguments.Refuse("service_code is missing");
  } else if (!is_known) {
    co_return ErrorIn(format, 404, "there is no such service_code");
  }
  ReadPlace(arguments, catalogue->places, &reported);
  if (CharactersOf(arguments.Text("description")) > kDescriptionCharactersMax) {
    arguments.Refuse("description has at most 4,000 characters");
  }
  if (!arguments.wrong().empty()) co_return ErrorsIn(format, arguments.wrong());
  auto reporting = SubmitReport(*options_.city, *options_.pool, call.who, std::move(fact),
                                std::move(repeat_key));
  const SubmittedReport submitted = co_await std::move(reporting);
  if (submitted.refusal) co_return RefusalIn(format, *submitted.refusal);
  if (submitted.key_is_taken)
    co_return ErrorIn(format, 400, "the token was sent with another request");
  if (!submitted.judged.ok()) co_return ErrorOf(format, submitted.judged.status());
  if (submitted.judged->dead_letter) {
    co_return ErrorIn(format, 500, "the ledger keeps the record as one that nobody can read");
  }
  if (submitted.judged->verdict != incident::Verdict::kApplied) {
    co_return ErrorIn(format, 400, "the rules do not allow this request");
  }
  const std::optional<std::string> notice = NoticeOf(arguments, call.has_file);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  list.push_back({{"service_request_id", submitted.id},
                  {"service_notice", notice ? nlohmann::ordered_json(*notice) : nullptr},
                  {"account_id", nullptr}});
  co_return AnswerIn(format, "service_requests", list);
}

}  // namespace gridledger::gateway::open311
