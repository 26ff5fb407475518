#include "services/gateway/open311/open311.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "services/domain/metrics/metrics.h"
#include "services/gateway/api/incident_ids.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway::open311 {
namespace {

namespace asio = boost::asio;

// A form of a request with its 4,000 characters of description, each of up to 12 bytes once it is
// escaped, and some twenty short fields.
constexpr size_t kBodyBytesMax = size_t{256} << 10;
// When what clients see of these routes changed last.
constexpr absl::string_view kChangeset = "2026-12-01T00:00:00Z";

// The request as whoever tells senders apart looks at it: an api_key is a key like any other.
Request WithKey(const Request& request, const std::string& api_key) {
  Request seen;
  seen.method = request.method;
  seen.path = request.path;
  seen.peer = request.peer;
  seen.secure = request.secure;
  if (api_key.empty()) {
    seen.headers = request.headers;
  } else {
    seen.headers.push_back(Field{"Authorization", absl::StrCat("Bearer ", api_key)});
  }
  return seen;
}

// GeoReport v2: 403 for a key that is missing or wrong.
Reply KeyError(Format format, const Reply& refused, bool has_key) {
  switch (refused.status) {
    case 401:
    case 403:
      return ErrorIn(format, 403,
                     has_key ? "the api_key is not valid" : "an api_key of this city is wanted");
    case 429: {
      Reply reply = ErrorIn(format, 429, "too many requests of one sender: come again later");
      for (const Field& one : refused.headers) {
        if (one.name == "Retry-After") reply.headers.push_back(one);
      }
      return reply;
    }
    default: return ErrorOf(format, absl::UnavailableError("keys cannot be checked just now"));
  }
}

constexpr size_t kRowsInStep = 2000;  // of figures, ~100 ns each

// The keys of one dimension of figures, some in each step.
struct KeysOf {
  std::set<std::string> keys;
  std::optional<std::string> last;
  bool done = false;

  void Step(const metrics::State& state, metrics::Dimension dimension) {
    size_t left = kRowsInStep;
    done = true;
    state.rows.Scan(metrics::RowKey{dimension, last.value_or("")},
                    [&](const metrics::RowKey& key, const metrics::Row&) {
                      if (key.dimension != dimension) return false;
                      if (left == 0) {
                        done = false;
                        return false;
                      }
                      --left;
                      last = key.key;
                      if (!key.key.empty() && key.key != metrics::kOtherNames) keys.insert(key.key);
                      return true;
                    });
  }
};

}  // namespace

void Open311::AddTo(Router* router) {
  const auto add = [&](std::string method, std::string path, Answer (Open311::*answer)(Request&)) {
    router->Add(
        Route{.method = std::move(method),
              .path = std::move(path),
              .handler = [this, answer](Request& request) { return (this->*answer)(request); },
              .body_bytes_max = kBodyBytesMax});
  };
  add("GET", "/open311/v2/{name}", &Open311::Get);
  add("POST", "/open311/v2/{name}", &Open311::Post);
  add("GET", "/open311/v2/services/{name}", &Open311::ShowDefinition);
  add("GET", "/open311/v2/requests/{name}", &Open311::ShowRequest);
  add("GET", "/open311/v2/tokens/{name}", &Open311::ShowToken);
  add("GET", "/open311/{name}", &Open311::ShowDiscovery);
  // So that what is not there is an error of the standard, too.
  add("GET", "/open311/{rest*}", &Open311::NothingHere);
  add("POST", "/open311/{rest*}", &Open311::NothingHere);
}

std::variant<Open311::Call, Reply> Open311::Begin(const Request& request, absl::string_view last) {
  std::optional<Named> what = ParseNamed(last);
  if (!what) {
    return ErrorIn(Format::kXml, 404, "there is nothing at this path: it ends in .xml or .json");
  }
  Call call;
  call.what = *std::move(what);
  call.fields = request.query;
  if (request.method == "POST") {
    const std::string* type = request.Header("Content-Type");
    absl::StatusOr<Form> form = ParseBody(type == nullptr ? "" : *type, request.body);
    if (!form.ok()) return ErrorOf(call.format(), form.status());
    call.has_file = form->has_file;
    std::move(form->fields.begin(), form->fields.end(), std::back_inserter(call.fields));
  }
  const Arguments arguments(call.fields, call.zone);
  const std::string jurisdiction = arguments.Text("jurisdiction_id");
  if (!jurisdiction.empty() &&
      std::find(options_.jurisdictions.begin(), options_.jurisdictions.end(), jurisdiction) ==
          options_.jurisdictions.end()) {
    return ErrorIn(call.format(), 404, "there is no such jurisdiction_id here");
  }
  const std::string api_key = arguments.Text("api_key");
  std::variant<intake::Principal, Reply> who = options_.identify(WithKey(request, api_key));
  if (const Reply* refused = std::get_if<Reply>(&who)) {
    return KeyError(call.format(), *refused,
                    !api_key.empty() || request.Header("Authorization") != nullptr);
  }
  call.who = std::get<intake::Principal>(std::move(who));
  call.zone = options_.zone();
  return call;
}

// ---- by the path's last segment

Open311::Answer Open311::Get(Request& request) {
  const std::string& name = request.Capture("name");
  if (const std::optional<Named> named = ParseNamed(name); named && named->name == "discovery") {
    co_return DiscoveryOf(request, named->format);
  }
  std::variant<Call, Reply> begun = Begin(request, name);
  if (Reply* reply = std::get_if<Reply>(&begun)) co_return std::move(*reply);
  Call& call = std::get<Call>(begun);
  const Format format = call.format();
  const std::string what = call.what.name;
  if (what == "services") {
    auto answering = ListServices(std::move(call));
    co_return co_await std::move(answering);
  }
  if (what == "requests") {
    auto answering = ListRequests(std::move(call));
    co_return co_await std::move(answering);
  }
  if (what == "servicerequestupdates") {
    auto answering = ListUpdates(std::move(call));
    co_return co_await std::move(answering);
  }
  co_return ErrorIn(format, 404, "there is nothing at this path");
}

Open311::Answer Open311::Post(Request& request) {
  std::variant<Call, Reply> begun = Begin(request, request.Capture("name"));
  if (Reply* reply = std::get_if<Reply>(&begun)) co_return std::move(*reply);
  Call& call = std::get<Call>(begun);
  const Format format = call.format();
  const std::string what = call.what.name;
  if (what == "requests") {
    std::optional<std::string> repeat_key;
    if (const std::string* repeat = request.Header("Idempotency-Key"); repeat != nullptr) {
      if (!IsRepeatKey(*repeat)) co_return ErrorIn(format, 400, kRepeatKeyForm);
      repeat_key = *repeat;
    }
    auto answering = PostRequest(std::move(call), std::move(repeat_key));
    co_return co_await std::move(answering);
  }
  if (what == "servicerequestupdates") {
    auto answering = PostUpdate(std::move(call));
    co_return co_await std::move(answering);
  }
  co_return ErrorIn(format, 404, "there is nothing at this path that can be posted to");
}

Open311::Answer Open311::NothingHere(Request& request) {
  const std::string& rest = request.Capture("rest");
  const std::optional<Named> what = ParseNamed(rest);
  co_return ErrorIn(what ? what->format : Format::kXml, 404, "there is nothing at this path");
}

// ---- services

asio::awaitable<absl::StatusOr<Open311::Catalogue>> Open311::AskCatalogue(bool with_places) {
  struct Part {
    std::optional<v1::Policy> policy;
    KeysOf communities, areas;
  };
  auto asking =
      options_.city->AskAll<Part>([with_places](const host::AskedPartition& asked, Part* into) {
        if (!into->policy) into->policy = asked.tasks.front()->incidents().policy.Activated();
        if (!with_places) return true;
        const metrics::State& state = host::MetricsOf(asked.Of("metrics").subject());
        if (!into->communities.done) {
          into->communities.Step(state, metrics::Dimension::kCommunity);
          return false;
        }
        into->areas.Step(state, metrics::Dimension::kArea);
        return into->areas.done;
      });
  auto parts = co_await std::move(asking);
  if (!parts.ok()) co_return parts.status();
  Catalogue catalogue;
  std::set<std::string> communities, areas;
  for (Part& part : *parts) {
    // The same in every partition but while one is being activated.
    if (catalogue.policy.version().empty()) catalogue.policy = *std::move(part.policy);
    communities.merge(part.communities.keys);
    areas.merge(part.areas.keys);
  }
  catalogue.places = PlacesOf(catalogue.policy, communities, areas);
  co_return catalogue;
}

Open311::Answer Open311::ListServices(Call call) {
  auto asking = AskCatalogue(true);
  const absl::StatusOr<Catalogue> catalogue = co_await std::move(asking);
  if (!catalogue.ok()) co_return ErrorOf(call.format(), catalogue.status());
  co_return AnswerIn(call.format(), "services", ServicesJson(catalogue->policy, catalogue->places));
}

Open311::Answer Open311::ShowDefinition(Request& request) {
  std::variant<Call, Reply> begun = Begin(request, request.Capture("name"));
  if (Reply* reply = std::get_if<Reply>(&begun)) co_return std::move(*reply);
  const Call& call = std::get<Call>(begun);
  auto asking = AskCatalogue(true);
  const absl::StatusOr<Catalogue> catalogue = co_await std::move(asking);
  if (!catalogue.ok()) co_return ErrorOf(call.format(), catalogue.status());
  const auto definition = DefinitionJson(catalogue->policy, catalogue->places, call.what.name);
  if (!definition) co_return ErrorIn(call.format(), 404, "there is no such service_code");
  co_return AnswerIn(call.format(), "service_definition", *definition);
}

// ---- discovery

Reply Open311::DiscoveryOf(const Request& request, Format format) const {
  const std::string* host = request.Header("Host");
  nlohmann::ordered_json json;
  json["changeset"] = std::string(kChangeset);
  json["contact"] = "The city whose server this is.";
  json["key_service"] = "The city gives keys to whoever posts requests; reading may need none.";
  nlohmann::ordered_json endpoint;
  endpoint["specification"] = "http://wiki.open311.org/GeoReport_v2";
  endpoint["url"] = absl::StrCat(request.secure ? "https://" : "http://",
                                 host == nullptr ? "localhost" : *host, "/open311/v2");
  endpoint["changeset"] = std::string(kChangeset);
  endpoint["type"] = "production";
  endpoint["formats"] = {"text/xml", "application/json"};
  json["endpoints"] = nlohmann::ordered_json::array({std::move(endpoint)});
  return AnswerIn(format, "discovery", json);
}

Open311::Answer Open311::ShowDiscovery(Request& request) {
  const std::optional<Named> what = ParseNamed(request.Capture("name"));
  if (!what || what->name != "discovery") {
    co_return ErrorIn(what ? what->format : Format::kXml, 404, "there is nothing at this path");
  }
  co_return DiscoveryOf(request, what->format);
}

}  // namespace gridledger::gateway::open311
