// What clients send, as facts; what became of those, as replies; and ids.
#include "services/gateway/api/facts.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

#include "services/gateway/api/incident_ids.h"

namespace gridledger::gateway {
namespace {

using incident::Verdict;
using incident::VoidReason;

std::string Repeated(absl::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) absl::StrAppend(&all, text);
  return all;
}

TEST(ParseReportTest, AllThatAReportSays) {
  const auto fact = ParseReport(
      R"({"id": "A-1", "category": "order", "community": "C1", "area": "G1", "unit": "U1",
          "channel": "app", "due_at": "2024-01-02T00:00:00Z", "happened_at": "2024-01-01",
          "point": {"latitude": -22.7386848, "longitude": 180},
          "actor": {"role": "shift leader", "code": "L1"}})",
      policy::Zone());
  ASSERT_TRUE(fact.ok()) << fact.status();
  EXPECT_EQ(fact->incident_id(), "A-1");
  EXPECT_EQ(fact->happened_at_ms(), 1704067200000);
  EXPECT_EQ(fact->actor().role(), v1::ROLE_SHIFT_LEADER);
  EXPECT_EQ(fact->actor().code(), "L1");
  EXPECT_EQ(fact->reported().category(), "order");
  EXPECT_EQ(fact->reported().area(), "G1");
  EXPECT_EQ(fact->reported().due_at_ms(), 1704153600000);
  EXPECT_EQ(fact->reported().point().latitude_e7(), -227386848);
  EXPECT_EQ(fact->reported().point().longitude_e7(), 1800000000);
  // What is left out, and what is null, is nothing.
  const auto nothing = ParseReport(R"({"unit": null, "point": null, "actor": null})", {});
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->happened_at_ms(), 0);
  EXPECT_FALSE(nothing->reported().has_point());
}

TEST(ParseReportTest, WhatIsNone) {
  struct Row {
    std::string text;
    const char* told;
  };
  const Row rows[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"{} {}", "no JSON"},
      {"[]", "no JSON object"},
      {"null", "no JSON object"},
      {"\"{}\"", "no JSON object"},
      {"{\"id\": \"\xff\"}", "no JSON"},
      {"{\"id\": \"\xed\xa0\x80\"}", "no JSON"},
      {R"({"id": "\ud800"})", "no JSON"},
      {R"({"point": {"latitude": 1e999, "longitude": 0}})", "no JSON"},
      {R"({"point": {"latitude": NaN, "longitude": 0}})", "no JSON"},
      {Repeated("[", 60'000), "nested too deep"},
      {Repeated("{\"a\":", 10'000), "nested too deep"},
      {absl::StrCat(R"({"id": )", Repeated("[", 17), Repeated("]", 17), "}"), "nested too deep"},
      {R"({"id": 7})", "id: it is a text"},
      {R"({"category": ["a"]})", "category: it is a text"},
      {R"({"point": "here"})", "point: it is an object"},
      {R"({"point": {"latitude": 90.1, "longitude": 0}})", "latitude: it is at most 90"},
      {R"({"point": {"latitude": 1, "longitude": -180.1}})", "longitude: it is at most 180"},
      {R"({"point": {"latitude": 1, "longitude": 1e300}})", "longitude: it is at most 180"},
      {R"({"point": {"latitude": "1", "longitude": 1}})", "latitude: it is a number"},
      {R"({"point": {"latitude": 1}})", "longitude: it is a number"},
      {R"({"point": {"latitude": 1, "longitude": 1, "height": 1}})", "unknown member"},
      {R"({"due_at": 1704153600000})", "due_at: it is a text"},
      {R"({"due_at": "soon"})", "due_at: it is an instant"},
      {R"({"happened_at": "2021-02-30"})", "happened_at: it is an instant"},
      {R"({"actor": "me"})", "actor: it is an object"},
      {R"({"actor": {"role": "king"}})", "actor.role: there is no such role"},
      {R"({"actor": {"role": "citizen", "name": "x"}})", "unknown member"},
      {R"({"colour": "red"})", "unknown member; there are id, category"},
      {R"({"Category": "order"})", "unknown member"},
  };
  for (const Row& row : rows) {
    const auto fact = ParseReport(row.text, policy::Zone());
    ASSERT_EQ(fact.status().code(), absl::StatusCode::kInvalidArgument) << row.text.substr(0, 80);
    EXPECT_NE(fact.status().message().find(row.told), absl::string_view::npos)
        << row.text.substr(0, 80) << ": " << fact.status();
    EXPECT_EQ(fact.status().message().find("king"), absl::string_view::npos) << "repeats nothing";
  }
}

TEST(ParseFactTest, AnyFactByEitherName) {
  for (const char* what : {"DispatchDeclined", "dispatch_declined"}) {
    const auto parsed =
        ParseFact(absl::StrCat(R"({"what": ")", what,
                               R"(", "details": {"reason": "DECLINE_REASON_OFF_DUTY"}, "stage": 4,
                       "happened_at": "2024-01-01T08:00:00+08:00", "actor": {"role": "handler"}})"),
                  policy::Zone());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->fact.dispatch_declined().reason(), v1::DECLINE_REASON_OFF_DUTY);
    EXPECT_TRUE(parsed->has_stage);
    EXPECT_EQ(parsed->fact.stage(), 4u);
    EXPECT_EQ(parsed->fact.happened_at_ms(), 1704067200000);
    EXPECT_EQ(parsed->fact.actor().role(), v1::ROLE_HANDLER);
  }
  const auto bare = ParseFact(R"({"what": "accepted", "details": null, "stage": null})", {});
  ASSERT_TRUE(bare.ok());
  EXPECT_TRUE(bare->fact.has_accepted());
  EXPECT_FALSE(bare->has_stage);
}

TEST(ParseFactTest, WhatIsNone) {
  for (const char* text :
       {"{}", R"({"what": 5})", R"({"what": "NoSuchFact"})", R"({"what": "kind"})",
        R"({"what": "Fact"})", R"({"what": "rated", "details": []})",
        R"({"what": "rated", "details": {"moons": 1}})",
        R"({"what": "rated", "details": {"stars": "many"}})",
        R"({"what": "rated", "details": {"stars": -1}})",
        R"({"what": "rated", "details": {"stars": 4294967296}})",
        R"({"what": "rated", "details": {"stars": {"stars": 1}}})",
        R"({"what": "rated", "stage": -1})", R"({"what": "rated", "stage": 1.5})",
        R"({"what": "rated", "stage": "1"})", R"({"what": "rated", "stage": 4294967296})",
        R"({"what": "rated", "happened_at": 0})", R"({"what": "rated", "id": "x"})",
        R"({"what": "rated", "actor": {"role": 1}})"}) {
    EXPECT_EQ(ParseFact(text, policy::Zone()).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(JudgedReplyTest, EachVerdictHasItsStatus) {
  struct Row {
    Judged judged;
    bool is_report;
    int status;
    const char* verdict;
    const char* reason;
  };
  const auto judged = [](Verdict verdict, VoidReason reason = VoidReason::kNone) {
    return Judged{.partition = Partition{3},
                  .offset = Offset{17},
                  .verdict = verdict,
                  .reason = reason,
                  .stage = Stage{4},
                  .at = absl::UnixEpoch()};
  };
  Judged unreadable = judged(Verdict::kApplied);
  unreadable.dead_letter = true;
  const Row rows[] = {
      {judged(Verdict::kApplied), true, 201, "applied", ""},
      {judged(Verdict::kApplied), false, 200, "applied", ""},
      {judged(Verdict::kAwaiting), false, 202, "parked", ""},
      {judged(Verdict::kVoid, VoidReason::kDuplicateReport), true, 409, "void", "duplicate report"},
      {judged(Verdict::kVoid, VoidReason::kPaused), false, 409, "void", "paused"},
      {judged(Verdict::kVoid, VoidReason::kStaleStage), false, 412, "void", "stale stage"},
      {judged(Verdict::kVoid, VoidReason::kFutureStage), false, 412, "void", "future stage"},
      {unreadable, false, 422, "dead letter", ""},
  };
  for (const Row& row : rows) {
    const Reply reply = JudgedReply("a/b", row.judged, row.is_report);
    SCOPED_TRACE(reply.body);
    EXPECT_EQ(reply.status, row.status);
    const auto json = nlohmann::json::parse(reply.body);
    EXPECT_EQ(json["verdict"], row.verdict);
    EXPECT_EQ(json.value("reason", ""), row.reason);
    EXPECT_EQ(json["id"], "a/b");
    EXPECT_EQ(json["offset"], 17);
    std::set<std::string> headers;
    for (const Field& field : reply.headers)
      headers.insert(absl::StrCat(field.name, "=", field.value));
    if (row.status >= 400) {
      EXPECT_EQ(reply.type, "application/problem+json");
      EXPECT_EQ(json["status"], row.status);
      EXPECT_FALSE(json["title"].get<std::string>().empty());
      EXPECT_TRUE(headers.empty());
    } else {
      EXPECT_TRUE(headers.contains("ETag=\"4\""));
      EXPECT_EQ(headers.contains("Location=/api/v1/incidents/a%2Fb"), row.is_report);
    }
  }
}

TEST(IncidentIdsTest, NewOnesDiffer) {
  const absl::Time day = absl::FromUnixSeconds(1796083200);  // 2026-12-01
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = NewIncidentId(day);
    ASSERT_EQ(id.size(), 18u);
    ASSERT_EQ(id.substr(0, 8), "R261201-");
    ASSERT_EQ(id.find_first_of("ILOU", 8), std::string::npos) << "mistaken for 1, 0 and V: " << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 10'000u);
}

TEST(IncidentIdsTest, TheSameSenderAndKeyNameTheSame) {
  EXPECT_EQ(RepeatableIncidentId("1.2.3.4", "k1"), RepeatableIncidentId("1.2.3.4", "k1"));
  EXPECT_NE(RepeatableIncidentId("1.2.3.4", "k1"), RepeatableIncidentId("1.2.3.4", "k2"));
  EXPECT_NE(RepeatableIncidentId("1.2.3.4", "k1"), RepeatableIncidentId("1.2.3.5", "k1"));
  // Where one ends and the other begins counts.
  EXPECT_NE(RepeatableIncidentId("ab", "c"), RepeatableIncidentId("a", "bc"));
  // For good: gateways of two builds answer the same request.
  const std::string id = RepeatableIncidentId("sender", "key");
  EXPECT_EQ(id.size(), 18u);
  EXPECT_EQ(id.substr(0, 2), "K-");
}

}  // namespace
}  // namespace gridledger::gateway
