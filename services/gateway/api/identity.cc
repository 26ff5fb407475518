#include "services/gateway/api/identity.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "services/gateway/api/api.h"
#include "services/gateway/city/awaiting.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

constexpr absl::string_view kCookie = "gridledger_session";
constexpr absl::string_view kTokenHeader = "X-CSRF-Token";

// The value of our cookie; empty when there is none.
absl::string_view CookieOf(const Request& request) {
  const std::string* header = request.Header("Cookie");
  if (header == nullptr) return {};
  for (absl::string_view one : absl::StrSplit(*header, ';')) {
    one = absl::StripAsciiWhitespace(one);
    if (absl::ConsumePrefix(&one, kCookie) && absl::ConsumePrefix(&one, "=")) return one;
  }
  return {};
}

bool Changes(const Request& request) {
  return request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
}

Reply Unauthorized(absl::string_view why) {
  Reply reply = Problem(401, "", why);
  reply.Set("WWW-Authenticate", "Bearer");
  return reply;
}

nlohmann::ordered_json JsonOf(const intake::Principal& principal) {
  nlohmann::ordered_json json;
  json["name"] = principal.anonymous ? "" : principal.name;
  json["code"] = principal.code;
  json["roles"] = nlohmann::ordered_json::array();
  for (const v1::Role role : principal.roles) json["roles"].push_back(intake::RoleName(role));
  json["administrator"] = principal.administrator;
  json["viewer"] = principal.viewer;
  json["areas"] = principal.areas;
  json["units"] = principal.units;
  json["anonymous"] = principal.anonymous;
  return json;
}

// An address as far as it names a household: of IPv6 the first 64 bits.
std::string HouseholdOf(const std::string& peer) {
  if (!absl::StrContains(peer, ':')) return peer;
  std::vector<absl::string_view> parts = absl::StrSplit(peer, ':');
  parts.resize(std::min<size_t>(parts.size(), 4));
  return absl::StrCat(parts[0], ":", parts.size() > 1 ? parts[1] : "", ":",
                      parts.size() > 2 ? parts[2] : "", ":", parts.size() > 3 ? parts[3] : "");
}

}  // namespace

void Identity::AddTo(Router* router) {
  const auto add = [&](std::string method, asio::awaitable<Reply> (Identity::*handler)(Request&)) {
    router->Add(
        Route{.method = std::move(method),
              .path = "/api/v1/session",
              .handler = [this, handler](Request& request) { return (this->*handler)(request); },
              .body_bytes_max = 4096});
  };
  add("POST", &Identity::LogIn);
  add("GET", &Identity::WhoAmI);
  add("DELETE", &Identity::LogOut);
}

std::variant<std::optional<intake::Principal>, Reply> Identity::Known(const Request& request) {
  const absl::Time now = options_.clock->Now();
  if (const std::string* header = request.Header("Authorization"); header != nullptr) {
    absl::string_view text = *header;
    if (!absl::StartsWithIgnoreCase(text, "Bearer ")) return Unauthorized("a key is wanted");
    text.remove_prefix(7);
    const auto principal = options_.file->FindKey(absl::StripAsciiWhitespace(text), now);
    if (!principal.ok()) return ProblemOf(principal.status());
    if (!principal->has_value()) return Unauthorized("the key is not valid");
    return *principal;
  }
  const absl::string_view cookie = CookieOf(request);
  if (cookie.empty()) return std::optional<intake::Principal>();
  const auto session = options_.sessions->Find(cookie, now);
  if (!session.ok()) return ProblemOf(session.status());
  if (!session->has_value()) return Unauthorized("the session has ended");
  if (Changes(request)) {
    const std::string* token = request.Header(kTokenHeader);
    if (token == nullptr || !access::Sessions::IsCsrf(**session, *token)) {
      return Problem(403, "", absl::StrCat("a session's change wants its token in ", kTokenHeader));
    }
  }
  return std::optional((*session)->principal);
}

std::variant<intake::Principal, Reply> Identity::Identify(const Request& request) {
  std::variant<std::optional<intake::Principal>, Reply> known = Known(request);
  if (Reply* reply = std::get_if<Reply>(&known)) return std::move(*reply);
  std::optional<intake::Principal>& principal = std::get<0>(known);
  if (!principal && !(Changes(request) ? options_.public_reports : options_.public_reads)) {
    return Unauthorized("a key or a session is wanted");
  }
  const bool is_public = !principal.has_value();
  if (is_public) principal = intake::Anonymous(HouseholdOf(request.peer));
  if (Changes(request)) {
    const absl::MutexLock lock(&mutex_);
    intake::RateLimiter& rates = is_public ? of_public_ : of_known_;
    const absl::Duration wait = rates.Take(principal->name, options_.clock->Now());
    if (wait > absl::ZeroDuration()) {
      Reply reply = Problem(429, "", "too many requests of one sender: come again later");
      std::erase_if(reply.headers, [](const Field& one) { return one.name == "Retry-After"; });
      reply.Set("Retry-After",
                absl::StrCat(absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1)))));
      return reply;
    }
  }
  return *std::move(principal);
}

std::optional<Reply> Identity::MayRead(const Request& request) {
  std::variant<intake::Principal, Reply> who = Identify(request);
  if (Reply* reply = std::get_if<Reply>(&who)) return std::move(*reply);
  return std::nullopt;
}

asio::awaitable<Reply> Identity::LogIn(Request& request) {
  const nlohmann::json body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("name") || !body["name"].is_string() ||
      !body.contains("password") || !body["password"].is_string()) {
    co_return Problem(400, "", "a login is a JSON object of name and password");
  }
  const std::string name = body["name"];
  const std::string password = body["password"];
  const std::string cookie(CookieOf(request));
  using Answer = absl::StatusOr<access::LoginAnswer>;
  auto asking_answer = Await<Answer>([&](Told<Answer> told) {
    asio::post(*options_.pool, [this, name, password, cookie, address = HouseholdOf(request.peer),
                                told = std::move(told)]() mutable {
      std::move(told)(options_.sessions->LogIn(
          {.name = name, .password = password, .address = address, .cookie = cookie},
          options_.clock->Now()));
    });
  });
  const auto answer = co_await std::move(asking_answer);
  if (!answer.ok()) {
    co_return answer.status().code() == absl::StatusCode::kResourceExhausted
        ? Problem(503, "", "many log in just now: try again")
        : ProblemOf(answer.status());
  }
  if (answer->wait > absl::ZeroDuration()) {
    Reply reply = Problem(429, "", "too many failed attempts: wait before the next one");
    std::erase_if(reply.headers, [](const Field& one) { return one.name == "Retry-After"; });
    reply.Set("Retry-After",
              absl::StrCat(absl::ToInt64Seconds(absl::Ceil(answer->wait, absl::Seconds(1)))));
    co_return reply;
  }
  if (!answer->session) co_return Problem(401, "", "the name or the password is wrong");
  nlohmann::ordered_json json = JsonOf(answer->session->principal);
  json["csrf"] = answer->session->csrf;
  Reply reply = JsonReply(json);
  reply.Set("Set-Cookie", absl::StrCat(kCookie, "=", answer->cookie,
                                       "; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400",
                                       request.secure ? "; Secure" : ""));
  reply.Set("Cache-Control", "no-store");
  co_return reply;
}

asio::awaitable<Reply> Identity::WhoAmI(Request& request) {
  const absl::string_view cookie = CookieOf(request);
  std::variant<std::optional<intake::Principal>, Reply> known = Known(request);
  if (Reply* reply = std::get_if<Reply>(&known)) {
    if (reply->status == 401 && !cookie.empty()) {
      reply->Set("Set-Cookie", absl::StrCat(kCookie, "=; Path=/; HttpOnly; Max-Age=0"));
    }
    co_return std::move(*reply);
  }
  const std::optional<intake::Principal>& principal = std::get<0>(known);
  nlohmann::ordered_json json = JsonOf(principal.value_or(intake::Anonymous("")));
  if (!cookie.empty() && principal) {
    const auto session = options_.sessions->Find(cookie, options_.clock->Now());
    if (session.ok() && session->has_value()) json["csrf"] = (*session)->csrf;
  }
  Reply reply = JsonReply(json);
  reply.Set("Cache-Control", "no-store");
  co_return reply;
}

asio::awaitable<Reply> Identity::LogOut(Request& request) {
  std::variant<std::optional<intake::Principal>, Reply> known = Known(request);
  if (Reply* reply = std::get_if<Reply>(&known); reply != nullptr && reply->status == 403) {
    co_return std::move(*reply);
  }
  options_.sessions->LogOut(CookieOf(request));
  Reply reply;
  reply.status = 204;
  reply.Set("Set-Cookie", absl::StrCat(kCookie, "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
  co_return reply;
}

}  // namespace gridledger::gateway
