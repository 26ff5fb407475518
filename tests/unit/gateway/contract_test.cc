// openapi.yaml says what the program does: the same paths and methods, the same parameters.
#include "services/gateway/api/contract.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include <exception>
#include <optional>
#include <set>
#include <string>

#include "services/gateway/api/api.h"
#include "services/gateway/api/identity.h"
#include "services/gateway/bulk/bulk.h"
#include "services/gateway/stream/stream.h"

namespace gridledger::gateway {
namespace {

class ContractTest : public ::testing::Test {
 protected:
  ContractTest()
      : api_(Options()),
        identity_(IdentityOptions{}),
        stream_({.zone = [] { return policy::Zone(); }}),
        bulk_(BulkOptions{}) {
    api_.AddTo(&router_);
    stream_.AddTo(&router_);
    bulk_.AddTo(&router_);
    identity_.AddTo(&router_);
    AddContract(&router_);
  }
  static ApiOptions Options() {
    ApiOptions options;
    options.zone = [] { return policy::Zone(); };
    return options;
  }
  // What the route answers, without a city.
  Reply Answer(const Route& route, Request request) {
    boost::asio::io_context context;
    Reply reply;
    boost::asio::co_spawn(context, route.handler(request),
                          [&](const std::exception_ptr& failed, Reply one) {
                            ASSERT_FALSE(failed);
                            reply = std::move(one);
                          });
    context.run();
    return reply;
  }

  Router router_;
  Api api_;
  Identity identity_;
  Stream stream_;
  Bulk bulk_;
  const YAML::Node file_ = YAML::Load(std::string(OpenApi()));
};

TEST_F(ContractTest, EveryRouteIsDescribedAndNoOther) {
  // The program's own state is added where all is put together.
  std::set<std::string> routes = {"get /live", "get /ready", "get /metrics"};
  for (const Route& route : router_.routes()) {
    if (!absl::StartsWith(route.path, "/api/v1/")) continue;
    std::string method = route.method;
    for (char& c : method) c = absl::ascii_tolower(static_cast<unsigned char>(c));
    routes.insert(absl::StrCat(method, " ", route.path));
  }
  std::set<std::string> described;
  for (const auto& path : file_["paths"]) {
    for (const auto& operation : path.second) {
      described.insert(absl::StrCat(operation.first.Scalar(), " ", path.first.Scalar()));
    }
  }
  EXPECT_EQ(described, routes);
}

TEST_F(ContractTest, ParametersAreThoseThatTheProgramTakes) {
  int compared = 0;
  for (const Route& route : router_.routes()) {
    if (!absl::StartsWith(route.path, "/api/v1/") || route.method != "GET" ||
        route.path == "/api/v1/session") {
      continue;
    }
    // One that nobody knows is answered with those that there are.
    Request request;
    request.method = route.method;
    request.query = {{"no_such_parameter", "1"}};
    request.captures = {{"id", "A-1"}};
    const Reply reply = Answer(route, request);
    ASSERT_EQ(reply.status, 400) << route.path;
    const std::string said = nlohmann::json::parse(reply.body)["detail"];
    absl::string_view names = said;
    std::set<std::string> taken;
    if (absl::ConsumePrefix(&names, "a parameter is wrong: unknown; there are ")) {
      taken = absl::StrSplit(names, ", ");
    }
    std::set<std::string> described;
    const YAML::Node file = file_;
    for (const YAML::Node& one : file["paths"][route.path]["get"]["parameters"]) {
      if (one["in"].Scalar() == "query") described.insert(one["name"].Scalar());
      if (one["in"].Scalar() == "path") {
        EXPECT_TRUE(absl::StrContains(route.path, absl::StrCat("{", one["name"].Scalar(), "}")));
      }
    }
    EXPECT_EQ(described, taken) << route.path;
    ++compared;
  }
  EXPECT_GE(compared, 7);
}

TEST_F(ContractTest, EveryReferenceStandsForSomething) {
  int references = 0;
  const auto look = [&](const auto& self, const YAML::Node& node) -> void {
    if (node.IsSequence()) {
      for (const YAML::Node& one : node) self(self, one);
    }
    if (!node.IsMap()) return;
    for (const auto& member : node) {
      self(self, member.second);
      if (member.first.Scalar() != "$ref") continue;
      ++references;
      YAML::Node at = file_;
      absl::string_view path = member.second.Scalar();
      ASSERT_TRUE(absl::ConsumePrefix(&path, "#/")) << path;
      for (const absl::string_view part : absl::StrSplit(path, '/')) {
        const YAML::Node here = at;
        at.reset(here[std::string(part)]);
        ASSERT_TRUE(at.IsDefined()) << path;
      }
    }
  };
  look(look, file_);
  EXPECT_GT(references, 50);
}

TEST_F(ContractTest, ThePageShowsAllOfItAndNoScript) {
  const std::string page = ContractPage(OpenApi());
  for (const auto& path : file_["paths"]) {
    EXPECT_TRUE(absl::StrContains(page, absl::StrCat("<code>", path.first.Scalar(), "</code>")));
  }
  EXPECT_TRUE(absl::StrContains(page, "one of green, yellow, red"));
  EXPECT_TRUE(absl::StrContains(page, "integer, 1 to 1000, else 100"));
  EXPECT_FALSE(absl::StrContains(page, "<script"));
  EXPECT_FALSE(absl::StrContains(page, "style=")) << "the policy of content forbids it";
  EXPECT_FALSE(absl::StrContains(page, "http")) << "nothing comes from another host";
  for (const Route& route : router_.routes()) {
    if (route.path != "/api") continue;
    EXPECT_EQ(Answer(route, Request{}).Body(), page);
  }
}

}  // namespace
}  // namespace gridledger::gateway
