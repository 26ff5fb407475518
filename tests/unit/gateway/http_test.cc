// Requests and replies, routes, and query parameters: without any connection.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "services/gateway/api/parameters.h"
#include "services/gateway/http/message.h"
#include "services/gateway/http/router.h"

namespace gridledger::gateway {
namespace {

TEST(MessageTest, PercentDecoding) {
  struct Row {
    const char* text;
    bool is_query;
    std::optional<std::string> decoded;
    const char* why;
  };
  const Row rows[] = {
      {"", false, "", "nothing is nothing"},
      {"a+b", false, "a+b", "a path keeps its plus"},
      {"a+b", true, "a b", "a query's plus is a blank"},
      {"%41%2b%2F%zz", true, std::nullopt, "z is no digit"},
      {"%41%2b%2F", true, "A+/", "digits in either case"},
      {"%", false, std::nullopt, "cut off"},
      {"%4", false, std::nullopt, "cut off"},
      {"a%4", false, std::nullopt, "cut off"},
      {"%00", false, std::string(1, '\0'), "any byte"},
      {"%25%34%31", false, "%41", "once, not twice"},
      {"%E8%A1%97", false, "街", "UTF-8, byte by byte"},
      {"%-1", false, std::nullopt, "a sign is no digit"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(PercentDecoded(row.text, row.is_query), row.decoded) << row.text << ": " << row.why;
  }
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(PercentDecoded(PercentEncoded(all), false), all);
  EXPECT_EQ(PercentDecoded(PercentEncoded(all), true), all);
  EXPECT_EQ(PercentEncoded("A-z_0.~/ "), "A-z_0.~%2F%20");
}

TEST(MessageTest, Forms) {
  const auto told = [](absl::string_view text) {
    const auto fields = ParseForm(text);
    if (!fields) return std::string("none");
    std::string said;
    for (const Field& field : *fields) absl::StrAppend(&said, field.name, ":", field.value, ";");
    return said;
  };
  EXPECT_EQ(told(""), "");
  EXPECT_EQ(told("a=1&b=2"), "a:1;b:2;");
  EXPECT_EQ(told("&&a=1&&"), "a:1;");
  EXPECT_EQ(told("a"), "a:;");
  EXPECT_EQ(told("=x"), ":x;");
  EXPECT_EQ(told("a=b=c"), "a:b=c;");
  EXPECT_EQ(told("a=1&a=2"), "a:1;a:2;");
  EXPECT_EQ(told("a%3Db=%26+%2B"), "a=b:& +;");
  EXPECT_EQ(told("a=%"), "none");
  EXPECT_EQ(told("%x=1"), "none");
}

TEST(MessageTest, HeadersHaveNamesInAnyCaseAndQueriesHaveNot) {
  Request request;
  request.headers = {{"If-Match", "\"1\""}, {"if-match", "\"2\""}};
  request.query = {{"All", "1"}};
  EXPECT_EQ(*request.Header("IF-MATCH"), "\"1\"");
  EXPECT_EQ(request.Header("If-None-Match"), nullptr);
  EXPECT_EQ(request.Query("all"), nullptr);
}

TEST(MessageTest, Problems) {
  const Reply later = Problem(503, "", "why \"quoted\"\n\xff");
  EXPECT_EQ(later.type, "application/problem+json");
  const auto json = nlohmann::json::parse(later.body);
  EXPECT_EQ(json["title"], "Service Unavailable");
  EXPECT_EQ(json["status"], 503);
  ASSERT_EQ(later.headers.size(), 1u);
  EXPECT_EQ(later.headers[0].name, "Retry-After");
  EXPECT_TRUE(Problem(404, "", "").headers.empty());
  EXPECT_EQ(nlohmann::json::parse(Problem(412, "moved", "", {{"stage", "4"}}).body)["stage"], "4");
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    for (const char* path : {"/", "/a", "/a/{id}", "/a/own", "/a/{id}/b", "/files/{path*}"}) {
      router_.Add({.method = "GET", .path = path, .handler = nullptr});
    }
    router_.Add({.method = "POST", .path = "/a/{id}", .handler = nullptr});
  }
  // "/a/{id} id=7", or the methods that the path has.
  std::string Find(absl::string_view method, absl::string_view path) {
    const Router::Match match = router_.Find(method, path);
    if (match.route == nullptr) {
      std::string allowed;
      for (const std::string& one : match.allowed) absl::StrAppend(&allowed, one, ";");
      return allowed;
    }
    std::string found = match.route->path;
    for (const Field& one : match.captures) absl::StrAppend(&found, " ", one.name, "=", one.value);
    return found;
  }
  Router router_;
};

TEST_F(RouterTest, Paths) {
  struct Row {
    const char *method, *path, *found, *why;
  };
  const Row rows[] = {
      {"GET", "/", "/", "the root"},
      {"GET", "/a", "/a", "one segment"},
      {"GET", "/a/", "", "an empty segment is none"},
      {"GET", "/A", "", "case counts"},
      {"GET", "/a/7", "/a/{id} id=7", "a part in braces"},
      {"GET", "/a/own", "/a/own", "a path's own route comes first"},
      {"POST", "/a/own", "/a/{id} id=own", "but for its method"},
      {"GET", "/a/7/b", "/a/{id}/b id=7", "in the middle"},
      {"GET", "/a//b", "", "an empty segment is none"},
      {"GET", "/a/7/b/c", "", "longer"},
      {"GET", "/a/x%2Fb", "/a/{id} id=x/b", "an escaped slash is part of a name"},
      {"GET", "/a/x%2Fb/b", "/a/{id}/b id=x/b", "there, too"},
      {"GET", "/%61/7", "/a/{id} id=7", "whatever is escaped"},
      {"GET", "/a%2F7", "", "no slash between names"},
      {"GET", "/a/%", "", "a bad escape fits nothing"},
      {"GET", "/files/", "/files/{path*} path=", "all that follows, even nothing"},
      {"GET", "/files/x/y%20z", "/files/{path*} path=x/y z", "all that follows"},
      {"HEAD", "/a/7", "/a/{id} id=7", "HEAD is GET's"},
      {"PUT", "/a/7", "GET;POST;", "405 with what there is"},
      {"PUT", "/b", "", "404"},
      {"GET", "", "", "no path at all"},
      {"GET", "a", "", "no slash"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Find(row.method, row.path), row.found)
        << row.method << " " << row.path << ": " << row.why;
  }
}

TEST(RouterDeathTest, ARouteIsThereOnce) {
  Router router;
  router.Add({.method = "GET", .path = "/a", .handler = nullptr});
  EXPECT_DEATH(router.Add({.method = "GET", .path = "/a", .handler = nullptr}), "twice");
}

// What is wrong with a query, by name; empty when nothing is.
std::string WrongIn(absl::string_view query) {
  Request request;
  request.query = *ParseForm(query);
  const policy::Zone zone;
  Parameters parameters(request, zone, {"text", "at", "flag", "whole"});
  parameters.Text("text");
  parameters.Instant("at");
  parameters.Flag("flag");
  parameters.Whole("whole", -5, 1000, 7);
  if (!parameters.wrong()) return "";
  EXPECT_EQ(parameters.wrong()->status, 400);
  return nlohmann::json::parse(parameters.wrong()->body)["parameter"];
}

TEST(ParametersTest, AWrongOneIsNamed) {
  for (const char* good :
       {"", "text=", "text=%E8%A1%97", "at=", "at=2021-02-01", "at=2021-02-01T00:00:00Z",
        "at=2021-02-01T00:00:00%2B08:00", "at=2021-02-01T00:00:00+08:00", "flag", "flag=true",
        "flag=false", "whole=-5", "whole=1000", "text=a&at=2021-02-01&flag=true&whole=1"}) {
    EXPECT_EQ(WrongIn(good), "") << good;
  }
  const std::pair<std::string, const char*> rows[] = {
      {absl::StrCat("text=", std::string(257, 'x')), "text"},
      {"text=%ff", "text"},
      {"text=a&text=a", "text"},
      {"at=tomorrow", "at"},
      {"at=2021-02-30", "at"},
      {"at=2021-02-01T25:00:00Z", "at"},
      {"flag=yes", "flag"},
      {"flag=TRUE", "flag"},
      {"whole=", "whole"},
      {"whole=1001", "whole"},
      {"whole=-6", "whole"},
      {"whole=1.5", "whole"},
      {"whole=99999999999999999999", "whole"},
      {"whole=0x10", "whole"},
      {"other=1", "other"},
      {"other=1&whole=x", "other"},
      {absl::StrCat(std::string(70, 'n'), "=1"), ""},
  };
  for (const auto& [query, name] : rows) {
    EXPECT_EQ(WrongIn(query), *name == '\0' ? std::string(64, 'n') : name) << query;
  }
}

TEST(ParametersTest, ValuesAndWhatStandsForThem) {
  Request request;
  request.query = *ParseForm("text=a+b&whole=12&flag=false&at=2021-02-01");
  const policy::Zone zone;
  Parameters parameters(request, zone, {"text", "at", "flag", "whole", "none"});
  EXPECT_EQ(parameters.Text("text"), "a b");
  EXPECT_EQ(parameters.Whole("whole", 0, 20, 7), 12);
  EXPECT_EQ(parameters.Flag("flag"), false);
  EXPECT_EQ(parameters.Instant("at"), absl::FromUnixSeconds(1612137600));
  EXPECT_EQ(parameters.Text("none"), "");
  EXPECT_EQ(parameters.Whole("none", 0, 20, 7), 7);
  EXPECT_EQ(parameters.Flag("none"), std::nullopt);
  EXPECT_EQ(parameters.Instant("none"), std::nullopt);
  EXPECT_FALSE(parameters.wrong());
}

}  // namespace
}  // namespace gridledger::gateway
