// Open311: paths, the two formats, errors, forms, what the policy becomes, and what an incident
// says in plain words.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "services/gateway/open311/arguments.h"
#include "services/gateway/open311/catalogue.h"
#include "services/gateway/open311/document.h"
#include "services/gateway/open311/service_request.h"

namespace gridledger::gateway::open311 {
namespace {

using incident::Incident;
using incident::Phase;
using nlohmann::ordered_json;

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

TEST(Open311DocumentTest, TheLastDotBeginsTheFormat) {
  const struct {
    const char* segment;
    const char* name;  // null: none
    Format format;
  } rows[] = {{"services.json", "services", Format::kJson},
              {"R.2-1.xml", "R.2-1", Format::kXml},
              {"services", nullptr, {}},
              {"services.yaml", nullptr, {}},
              {"services.JSON", nullptr, {}},
              {".xml", nullptr, {}},
              {"", nullptr, {}}};
  for (const auto& row : rows) {
    const std::optional<Named> named = ParseNamed(row.segment);
    ASSERT_EQ(named.has_value(), row.name != nullptr) << row.segment;
    if (!named) continue;
    EXPECT_EQ(named->name, row.name);
    EXPECT_EQ(named->format, row.format);
  }
}

TEST(Open311DocumentTest, XmlSaysWhatJsonSays) {
  const ordered_json services = {
      {{"service_code", "a<b>&\"c'"}, {"metadata", true}, {"group", nullptr}, {"order", 1}}};
  EXPECT_EQ(XmlText("services", services),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<services>\n"
            "    <service>\n"
            "        <service_code>a&lt;b&gt;&amp;\"c'</service_code>\n"
            "        <metadata>true</metadata>\n"
            "        <group/>\n"
            "        <order>1</order>\n"
            "    </service>\n"
            "</services>\n");
}

TEST(Open311DocumentTest, ItemsOfListsHaveTheStandardsNames) {
  const char* const rows[][2] = {{"services", "service"},
                                 {"service_requests", "request"},
                                 {"service_request_updates", "request_update"},
                                 {"attributes", "attribute"},
                                 {"values", "value"},
                                 {"errors", "error"},
                                 {"endpoints", "endpoint"},
                                 {"formats", "format"},
                                 {"notes", "note"}};
  for (const auto& [list, item] : rows) {
    EXPECT_NE(XmlText(list, ordered_json::array({"x"})).find("<" + std::string(item) + ">x</"),
              std::string::npos)
        << list;
  }
}

TEST(Open311DocumentTest, WhatXmlCannotHoldIsReplaced) {
  const struct {
    const char* why;
    std::string text, written;
  } rows[] = {{"a control code", "a\x01z", "a\xEF\xBF\xBDz"},
              {"a zero byte", std::string("a\0z", 3), "a\xEF\xBF\xBDz"},
              {"a byte that is no text", "a\xFFz", "a\xEF\xBF\xBDz"},
              {"U+FFFF", "a\xEF\xBF\xBFz", "a\xEF\xBF\xBDz"},
              {"a tab stays", "a\tz", "a\tz"},
              {"Chinese stays", "公共环境", "公共环境"}};
  for (const auto& row : rows) {
    EXPECT_NE(XmlText("x", ordered_json(row.text)).find("<x>" + row.written + "</x>"),
              std::string::npos)
        << row.why;
  }
}

TEST(Open311DocumentTest, ErrorsHaveTheStatusOfTheFirst) {
  const std::vector<Error> errors = {{404, "no such \"thing\""}, {400, "b"}};
  const Reply in_json = ErrorsIn(Format::kJson, errors);
  EXPECT_EQ(in_json.status, 404);
  EXPECT_EQ(in_json.type, "application/json; charset=utf-8");
  EXPECT_EQ(
      ordered_json::parse(in_json.body),
      ordered_json::parse(
          R"([{"code":404,"description":"no such \"thing\""},{"code":400,"description":"b"}])"));
  const Reply in_xml = ErrorsIn(Format::kXml, errors);
  EXPECT_EQ(in_xml.status, 404);
  EXPECT_EQ(in_xml.type, "text/xml; charset=utf-8");
  EXPECT_NE(in_xml.body.find("<errors>\n    <error>\n        <code>404</code>"), std::string::npos);
}

TEST(Open311DocumentTest, RefusedQuestionsAreErrors) {
  EXPECT_EQ(ErrorOf(Format::kJson, absl::InvalidArgumentError("x")).status, 400);
  EXPECT_EQ(ErrorOf(Format::kJson, absl::NotFoundError("x")).status, 404);
  EXPECT_EQ(ErrorOf(Format::kJson, absl::UnavailableError("x")).status, 503);
  EXPECT_EQ(ErrorOf(Format::kJson, absl::DeadlineExceededError("x")).status, 503);
  const Reply inside = ErrorOf(Format::kJson, absl::InternalError("secret"));
  EXPECT_EQ(inside.status, 500);
  EXPECT_EQ(inside.body.find("secret"), std::string::npos);
}

TEST(Open311FormTest, Bodies) {
  const std::string part = "--b\r\nContent-Disposition: form-data; name=\"lat\"\r\n\r\n1.5\r\n";
  const std::string file =
      "--b\r\ncontent-disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\n\r\nJ\r\n";
  const struct {
    const char* why;
    std::string type, body;
    bool ok;
    size_t fields;
    bool has_file;
  } rows[] = {
      {"a form", "application/x-www-form-urlencoded; charset=utf-8", "a=1&b=%20", true, 2, false},
      {"without a type it is one", "", "a=1", true, 1, false},
      {"an empty one", "application/x-www-form-urlencoded", "", true, 0, false},
      {"a bad escape", "application/x-www-form-urlencoded", "a=%zz", false, 0, false},
      {"JSON", "application/json", "{}", false, 0, false},
      {"parts", "multipart/form-data; boundary=b", part + file + "--b--\r\n", true, 1, true},
      {"a quoted boundary", "multipart/form-data; boundary=\"b\"", part + "--b--", true, 1, false},
      {"no boundary", "multipart/form-data", part + "--b--", false, 0, false},
      {"another boundary", "multipart/form-data; boundary=c", part + "--b--", false, 0, false},
      {"cut off", "multipart/form-data; boundary=b", part, false, 0, false},
      {"a part without a name", "multipart/form-data; boundary=b", "--b\r\n\r\n\r\n1\r\n--b--",
       false, 0, false},
      {"a part without a header", "multipart/form-data; boundary=b", "--b\r\n1\r\n--b--", false, 0,
       false},
      {"nothing", "multipart/form-data; boundary=b", "", false, 0, false}};
  for (const auto& row : rows) {
    const absl::StatusOr<Form> form = ParseBody(row.type, row.body);
    ASSERT_EQ(form.ok(), row.ok) << row.why;
    if (!form.ok()) continue;
    EXPECT_EQ(form->fields.size(), row.fields) << row.why;
    EXPECT_EQ(form->has_file, row.has_file) << row.why;
  }
}

TEST(Open311FormTest, Arguments) {
  const policy::Zone zone;
  Arguments arguments({{"service_code", ""},
                       {"service_code", "a, b"},
                       {"service_code", "c"},
                       {"attribute[area][]", "g7"},
                       {"start_date", "2021-01-04T17:00:00 08:00"},
                       {"lat", "-22.5"},
                       {"page", "3"},
                       {"extensions", "TRUE"}},
                      zone);
  EXPECT_EQ(arguments.Text("service_code"), "a, b");
  EXPECT_EQ(arguments.List("service_code"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(arguments.Attribute("area"), "g7");
  EXPECT_EQ(arguments.Instant("start_date"), kNine);
  EXPECT_EQ(arguments.Degrees("lat", 90), -22.5);
  EXPECT_EQ(arguments.Whole("page", 1, 9, 1), 3);
  EXPECT_TRUE(arguments.Flag("extensions"));
  EXPECT_FALSE(arguments.Has("none"));
  EXPECT_TRUE(arguments.wrong().empty());
}

TEST(Open311FormTest, WrongArgumentsAreToldAndNotRepeated) {
  const policy::Zone zone;
  const struct {
    const char* value;
    std::function<void(Arguments&)> read;
  } rows[] = {{"secret", [](Arguments& a) { a.Instant("x"); }},
              {"secret", [](Arguments& a) { a.Degrees("x", 90); }},
              {"90.1", [](Arguments& a) { a.Degrees("x", 90); }},
              {"nan", [](Arguments& a) { a.Degrees("x", 90); }},
              {"inf", [](Arguments& a) { a.Degrees("x", 90); }},
              {"0", [](Arguments& a) { a.Whole("x", 1, 9, 1); }},
              {"10", [](Arguments& a) { a.Whole("x", 1, 9, 1); }},
              {"secret", [](Arguments& a) { a.Flag("x"); }}};
  for (const auto& row : rows) {
    Arguments arguments({{"x", row.value}}, zone);
    row.read(arguments);
    ASSERT_EQ(arguments.wrong().size(), 1u) << row.value;
    EXPECT_EQ(arguments.wrong().front().code, 400);
    EXPECT_EQ(arguments.wrong().front().description.find("secret"), std::string::npos);
  }
}

v1::Policy SomePolicy() {
  v1::Policy policy;
  policy.set_version("p1");
  policy.set_default_unit("office");
  for (const auto& [code, name, minutes] :
       {std::tuple("waste", "垃圾", 90), std::tuple("light", "", 0)}) {
    v1::Category& category = *policy.add_categories();
    category.set_code(code);
    category.set_name(name);
    category.set_limit_minutes(static_cast<uint32_t>(minutes));
  }
  v1::Responsibility& here = *policy.add_responsibilities();
  here.set_area("c2");
  here.set_unit("station");
  v1::Responsibility& grid = *policy.add_responsibilities();
  grid.set_area("g1");
  grid.set_unit("station");
  return policy;
}

TEST(Open311CatalogueTest, PlacesAreThoseOfReportsAndOfThePolicy) {
  // A report without an area is counted under its community.
  const Places places = PlacesOf(SomePolicy(), {"c1"}, {"c1", "g1"});
  EXPECT_EQ(places.communities, (std::set<std::string>{"c1", "c2"}));
  EXPECT_EQ(places.areas, (std::set<std::string>{"g1"}));
}

TEST(Open311CatalogueTest, AServiceIsACategory) {
  const ordered_json services = ServicesJson(SomePolicy(), Places{{"c1", "c2"}, {}});
  ASSERT_EQ(services.size(), 2u);
  EXPECT_EQ(services[0], ordered_json::parse(R"({
      "service_code": "waste", "service_name": "垃圾",
      "description": "垃圾. Time limit once filed: 90 min", "metadata": true, "type": "realtime",
      "keywords": "waste", "group": "office"})"));
  EXPECT_EQ(services[1]["service_name"], "light");
  EXPECT_EQ(services[1]["description"], "light");
}

TEST(Open311CatalogueTest, ADefinitionAsksForThePlace) {
  const v1::Policy policy = SomePolicy();
  const struct {
    const char* why;
    Places places;
    size_t attributes;
    const char* datatype;
    bool required;
  } rows[] = {{"one of two", {{"c1", "c2"}, {}}, 2, "singlevaluelist", true},
              {"nothing is known", {{}, {}}, 2, "string", true},
              {"one, with areas", {{"c1"}, {"g1"}}, 2, "singlevaluelist", false},
              {"one alone needs no question", {{"c1"}, {}}, 0, "", false}};
  for (const auto& row : rows) {
    const auto definition = DefinitionJson(policy, row.places, "waste");
    ASSERT_TRUE(definition.has_value());
    ASSERT_EQ((*definition)["attributes"].size(), row.attributes) << row.why;
    EXPECT_EQ(ServicesJson(policy, row.places)[0]["metadata"], row.attributes > 0) << row.why;
    if (row.attributes == 0) continue;
    EXPECT_EQ((*definition)["attributes"][0]["datatype"], row.datatype) << row.why;
    EXPECT_EQ((*definition)["attributes"][0]["required"], row.required) << row.why;
    EXPECT_EQ((*definition)["attributes"][0].contains("values"), !row.places.communities.empty());
  }
  EXPECT_FALSE(DefinitionJson(policy, {}, "none").has_value());
}

ServiceRequest SomeRequest() {
  ServiceRequest request;
  request.id = IncidentId("R1");
  request.partition = Partition{3};
  request.service_name = "垃圾";
  request.is.phase = Phase::kHandling;
  request.is.category = CategoryCode("waste");
  request.is.community = CommunityCode("c1");
  request.is.unit = UnitCode("office");
  request.is.reported_at = kNine;
  request.is.filed_at = kNine + absl::Hours(1);
  request.is.due_at = kNine + absl::Hours(5);
  return request;
}

TEST(Open311RequestTest, Members) {
  ServiceRequest request = SomeRequest();
  EXPECT_EQ(RequestJson(request, false, policy::Zone()), ordered_json::parse(R"({
      "service_request_id": "R1", "status": "open", "status_notes": "Somebody works on it.",
      "service_name": "垃圾", "service_code": "waste", "description": null,
      "agency_responsible": "office", "service_notice": null,
      "requested_datetime": "2021-01-04T09:00:00+00:00",
      "updated_datetime": "2021-01-04T10:00:00+00:00",
      "expected_datetime": "2021-01-04T14:00:00+00:00", "address": null, "address_id": null,
      "zipcode": null, "lat": null, "long": null, "media_url": null})"));
  request.is.unit = UnitCode();
  request.is.due_at.reset();
  const ordered_json bare = RequestJson(request, false, policy::Zone());
  EXPECT_TRUE(bare["agency_responsible"].is_null());
  EXPECT_TRUE(bare["expected_datetime"].is_null());
}

TEST(Open311RequestTest, EveryPhaseHasWordsAndAStatus) {
  for (int phase = 1; phase <= static_cast<int>(Phase::kMerged); ++phase) {
    ServiceRequest request = SomeRequest();
    request.is.phase = static_cast<Phase>(phase);
    const ordered_json json = RequestJson(request, false, policy::Zone());
    EXPECT_NE(json["status_notes"], "") << phase;
    EXPECT_EQ(json["status"], incident::IsOpen(request.is.phase) ? "open" : "closed");
  }
}

TEST(Open311RequestTest, ClosedIsNotSolved) {
  Incident is = SomeRequest().is;
  is.phase = Phase::kClosed;
  is.closed_at = kNine + absl::Hours(2);
  is.handled_at = kNine + absl::Hours(3);  // by a source whose clock is wrong
  EXPECT_EQ(UpdatedAt(is), *is.closed_at);
  is.disposition = v1::DISPOSITION_SOLVED;
  EXPECT_EQ(StatusNotes(is), "Closed: solved, and a check says so.");
  is.disposition = v1::DISPOSITION_UNCHECKED;
  EXPECT_EQ(StatusNotes(is), "Closed; nobody has checked whether it is solved.");
  is.disposition = v1::DISPOSITION_NOT_SOLVED;
  EXPECT_EQ(StatusNotes(is), "Closed: not solved.");
}

TEST(Open311RequestTest, NotesTellWhatElseIsSo) {
  Incident is = SomeRequest().is;
  is.paused_at = kNine + absl::Hours(4);
  is.missed = true;
  is.times_reopened = 1;
  EXPECT_EQ(StatusNotes(is),
            "Somebody works on it. The clock stands. The time limit has passed. It was closed "
            "before, and opened again.");
  EXPECT_EQ(UpdatedAt(is), *is.paused_at);
}

audit::TimelineItem Item(int64_t offset, int kind, int hours) {
  audit::TimelineItem item;
  item.offset = Offset{offset};
  item.line.kind = static_cast<uint32_t>(kind);
  item.line.at = kNine + absl::Hours(hours);
  return item;
}

TEST(Open311RequestTest, UpdatesAreWhatCountedInTheirWindow) {
  ServiceRequest request = SomeRequest();
  request.is.phase = Phase::kClosed;
  request.is.disposition = v1::DISPOSITION_SOLVED;
  request.life = {Item(10, v1::Fact::kReported, 0),        Item(12, v1::Fact::kFiled, 1),
                  Item(12, v1::Fact::kDispatched, 1),      Item(13, v1::Fact::kClosed, 2),
                  Item(14, v1::Fact::kReopened, 3),        Item(15, v1::Fact::kDeadlineMissed, 4),
                  Item(16, v1::Fact::kHandlingStarted, 4), Item(17, v1::Fact::kClosed, 5)};
  request.life[6].line.verdict = incident::Verdict::kVoid;
  const auto told = [&](int from, int until) {
    std::string text;
    for (const Update& one :
         UpdatesOf(request, kNine + absl::Hours(from), kNine + absl::Hours(until))) {
      text += one.id + " " + one.status + ";";
    }
    return text;
  };
  EXPECT_EQ(
      told(0, 9),
      "3-10 open;3-12 investigating;3-12-1 action_scheduled;3-13 closed;3-14 open;3-17 fixed;");
  EXPECT_EQ(told(1, 2), "3-12 investigating;3-12-1 action_scheduled;3-13 closed;");
  EXPECT_EQ(told(6, 9), "");
  const ordered_json json = RequestJson(request, true, policy::Zone());
  EXPECT_EQ(json["notes"].size(), 6u);
  EXPECT_EQ(json["notes"][0], ordered_json::parse(R"({"datetime": "2021-01-04T09:00:00+00:00",
                                    "description": "Reported.", "type": "reported"})"));
  EXPECT_EQ(json["extended_attributes"]["solved"], true);
}

}  // namespace
}  // namespace gridledger::gateway::open311
