// The mapping: each rule of a row, each way to be rejected, and each mistake in a mapping.
#include "services/history/mapping/rows/mapper.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::mapping {
namespace {

const std::vector<std::string> kHeader = {"id",   "type", "place", "ward", "unit", "via",
                                          "open", "due",  "done",  "lat",  "long", "state"};

constexpr char kMapping[] = R"(
source: town
policy: town-policy.yaml
zone: America/New_York
time_formats: "%Y-%m-%d %H:%M:%S"
missing: ["?"]
incident:
  id: id
  category: {column: type, trim: true, replace: [{from: Pothole, to: pothole}]}
  community: {column: place, trim: true, default: nowhere}
  area: {column: ward, trim: true, strip_prefixes: [Ward, W], zero_pad: 2, add_prefix: ward-}
  unit: {column: unit, missing: [none]}
  channel: via
  due: due
  latitude: lat
  longitude: long
facts:
  - {fact: reported, at: open}
  - {fact: filed, at: open}
  - fact: closed
    at: done
    when: {column: state, equals: [Closed, Done]}
    disposition: UNCHECKED
)";

v1::Mapping Parsed(const std::string& text) {
  v1::Mapping mapping;
  const absl::Status status = yaml::ParseYaml(text, "mapping.yaml", &mapping);
  EXPECT_TRUE(status.ok()) << status;
  return mapping;
}

// A row of the columns above, one of which has another text.
class Row {
 public:
  Row& With(const char* column, std::string text) {
    for (size_t i = 0; i < kHeader.size(); ++i) {
      if (kHeader[i] == column) texts_[i] = std::move(text);
    }
    return *this;
  }
  std::vector<absl::string_view> fields() const { return {texts_.begin(), texts_.end()}; }

 private:
  std::vector<std::string> texts_ = {"1",
                                     "Light",
                                     "Elm",
                                     "Ward 3",
                                     "parks",
                                     "phone",
                                     "2011-07-01 08:00:00",
                                     "2011-07-03 08:00:00",
                                     "2011-07-02 08:00:00",
                                     "42.5",
                                     "-71.25",
                                     "Closed"};
};

class MapperTest : public testing::Test {
 protected:
  static std::unique_ptr<Mapper> Compile(const std::string& text) {
    auto mapper = Mapper::Compile(Parsed(text), kHeader);
    EXPECT_TRUE(mapper.ok()) << mapper.status();
    return *std::move(mapper);
  }
  // The facts of a row as copies, or "column: reason".
  struct Made {
    std::vector<v1::Fact> facts;
    std::vector<absl::Time> at;
    std::string rejected;
  };
  static Made Apply(Mapper& mapper, const Row& row) {
    Made made;
    const std::vector<absl::string_view> fields = row.fields();
    for (const Mapper::Made& one : mapper.Apply(fields)) {
      made.facts.push_back(*one.fact);
      made.at.push_back(one.at);
    }
    if (made.facts.empty()) {
      made.rejected = absl::StrCat(mapper.rejection().column, ": ", mapper.rejection().reason);
    }
    return made;
  }
  v1::IncidentReported Report(const Row& row) {
    const Made made = Apply(*mapper_, row);
    EXPECT_EQ(made.rejected, "");
    return made.facts.empty() ? v1::IncidentReported() : made.facts[0].reported();
  }
  std::string Rejected(const Row& row) { return Apply(*mapper_, row).rejected; }

  const std::unique_ptr<Mapper> mapper_ = Compile(kMapping);
};

absl::Time Utc(const char* text) {
  absl::Time at;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", text, &at, nullptr)) << text;
  return at;
}

TEST_F(MapperTest, ARowBecomesItsFactsInTheOrderOfItsLife) {
  const Made made = Apply(*mapper_, Row());
  ASSERT_EQ(made.facts.size(), 3u);
  EXPECT_TRUE(made.facts[0].has_reported());
  EXPECT_TRUE(made.facts[1].has_filed());
  EXPECT_EQ(made.facts[2].closed().disposition(), v1::DISPOSITION_UNCHECKED);
  EXPECT_EQ(made.at[0], Utc("2011-07-01 12:00:00"));
  EXPECT_EQ(made.at[2], Utc("2011-07-02 12:00:00"));
  for (size_t i = 0; i < 3; ++i) {
    const v1::Fact& fact = made.facts[i];
    EXPECT_EQ(fact.incident_id(), "1");
    EXPECT_EQ(fact.actor().role(), v1::ROLE_SOURCE);
    EXPECT_EQ(fact.actor().code(), "town");
    EXPECT_EQ(fact.stage(), 0u) << "the ledger knows it";
    EXPECT_EQ(fact.happened_at_ms(), absl::ToUnixMillis(made.at[i]));
  }
  const v1::IncidentReported& reported = made.facts[0].reported();
  EXPECT_EQ(reported.category(), "Light");
  EXPECT_EQ(reported.community(), "Elm");
  EXPECT_EQ(reported.area(), "ward-03");
  EXPECT_EQ(reported.unit(), "parks");
  EXPECT_EQ(reported.channel(), "phone");
  EXPECT_EQ(reported.due_at_ms(), absl::ToUnixMillis(Utc("2011-07-03 12:00:00")));
  EXPECT_EQ(reported.point().latitude_e7(), 425'000'000);
  EXPECT_EQ(reported.point().longitude_e7(), -712'500'000);
  EXPECT_EQ(mapper_->community(), "Elm");
  EXPECT_EQ(mapper_->incident_id(), "1");
}

TEST_F(MapperTest, NothingOfARowIsLeftInTheNext) {
  Apply(*mapper_, Row());
  const v1::IncidentReported reported = Report(Row()
                                                   .With("ward", "")
                                                   .With("unit", "")
                                                   .With("via", "")
                                                   .With("due", "")
                                                   .With("lat", "")
                                                   .With("long", "")
                                                   .With("place", ""));
  EXPECT_EQ(reported.area(), "");
  EXPECT_EQ(reported.unit(), "");
  EXPECT_EQ(reported.channel(), "");
  EXPECT_EQ(reported.due_at_ms(), 0);
  EXPECT_FALSE(reported.has_point());
  EXPECT_EQ(reported.community(), "nowhere");
  EXPECT_FALSE(Rejected(Row().With("open", "soon")).empty());
  EXPECT_EQ(Apply(*mapper_, Row()).facts.size(), 3u);
  EXPECT_TRUE(mapper_->rejection().reason.empty());
}

TEST_F(MapperTest, SpellingsAreFoldedInTheirOrder) {
  struct Case {
    const char* column;
    const char* text;
    const char* expected;
    const char* why;
  };
  for (const Case& c : {
           Case{"ward", "Ward 3", "ward-03", "prefix, blank, padding"},
           Case{"ward", "03", "ward-03", "the other spelling of it"},
           Case{"ward", "003", "ward-03", "zeros beyond the padding go"},
           Case{"ward", "W12", "ward-12", "the second prefix"},
           Case{"ward", "123", "ward-123", "longer than the padding"},
           Case{"ward", "0", "ward-00", "a zero is a number"},
           Case{"ward", "3A", "ward-3A", "only digits are padded"},
           Case{"ward", " Ward 3 ", "ward-03", "blanks"},
           Case{"ward", " ", "", "blanks are no value"},
           Case{"ward", "?", "", "a spelling of the mapping"},
           Case{"ward", "Ward", "", "nothing is left of it"},
           Case{"type", "Pothole", "pothole", "replaced"},
           Case{"type", " Pothole ", "pothole", "trimmed, then replaced"},
           Case{"type", "Potholes", "Potholes", "the whole text or nothing"},
           Case{"place", " ", "nowhere", "the default"},
           Case{"place", "?", "nowhere", "the default"},
           Case{"unit", "none", "", "a spelling of this column"},
           Case{"unit", " parks ", " parks ", "not trimmed unless told"},
           Case{"via", "none", "none", "another column's spelling"},
           Case{"via", "\xe7\x94\xb5\xe8\xaf\x9d", "\xe7\x94\xb5\xe8\xaf\x9d", "any text in UTF-8"},
       }) {
    const v1::IncidentReported reported = Report(Row().With(c.column, c.text));
    const absl::string_view column = c.column;
    const std::string& found = column == "ward"    ? reported.area()
                               : column == "type"  ? reported.category()
                               : column == "place" ? reported.community()
                               : column == "unit"  ? reported.unit()
                                                   : reported.channel();
    EXPECT_EQ(found, c.expected) << c.why;
  }
  const Made made = Apply(*mapper_, Row().With("id", " 7 "));
  EXPECT_EQ(made.facts[0].incident_id(), "7") << "ids are stripped without asking";
}

TEST_F(MapperTest, Coordinates) {
  struct Case {
    const char* latitude;
    int32_t e7;
  };
  for (const Case& c :
       {Case{"0", 0}, Case{"90", 900'000'000}, Case{"-90.0", -900'000'000},
        Case{"+1.5", 15'000'000}, Case{"42.35941234", 423'594'123},
        Case{"42.35941235", 423'594'124}, Case{"42.", 420'000'000}, Case{"-0.00000005", -1},
        Case{".5", 5'000'000}, Case{" 1 ", 10'000'000}, Case{"42.359412349999", 423'594'123}}) {
    EXPECT_EQ(Report(Row().With("lat", c.latitude)).point().latitude_e7(), c.e7) << c.latitude;
  }
  EXPECT_EQ(Report(Row().With("long", "-180")).point().longitude_e7(), -1'800'000'000);
  for (const char* bad : {"90.0000001", "-91", "1e2", "4 2", "42,5", "N42", ".", "-", "nan", "0x10",
                          "99999999999999999999999999"}) {
    EXPECT_EQ(Rejected(Row().With("lat", bad)), "lat: not a decimal number from -90 to 90") << bad;
  }
  EXPECT_EQ(Rejected(Row().With("long", "180.1")), "long: not a decimal number from -180 to 180");
  EXPECT_EQ(Rejected(Row().With("lat", "")), "lat: without a value, though its partner has one");
  EXPECT_EQ(Rejected(Row().With("long", "?")), "long: without a value, though its partner has one");
}

TEST_F(MapperTest, AFileWithoutAHeaderShowsNobodysRow) {
  for (const std::vector<std::string>& row : std::vector<std::vector<std::string>>{
           {"1", "Max Mustermann", "+49 170 1234567", "2020-01-01"},
           {"Erika Mustermann", "erika@example.org"},
           {"A17", "Hole", "Anna Miller", "04-Mar-24"},
           {"Anna Miller", "North", "Hole"}}) {
    const auto mapper = Mapper::Compile(Parsed(kMapping), row, {});
    EXPECT_EQ(mapper.status().message(),
              "csv: the first line has none of the columns that the mapping names, id, type, "
              "place, ward, unit, …: is it a title "
              "(skip_lines) or a row (header names the columns of a file without a header)?");
  }
  // One that has some of them may have a row's texts all the same.
  for (const char* other : {"+49 170 1234567", "erika@example.org",
                            "Erika\xc2\x9b"
                            "31m",
                            "\xe2\x80\xaeY"}) {
    const auto mapper =
        Mapper::Compile(Parsed(kMapping), std::vector<std::string>{"type", other}, {});
    EXPECT_EQ(
        mapper.status().message(),
        "incident.id: there is no column \"id\"; the first line looks like a row, and not like "
        "the names of its columns");
  }
}

TEST_F(MapperTest, ADayByWhichSomethingIsPromisedCountsToItsEnd) {
  std::string text = kMapping;
  text.replace(text.find("  due: due\n"), 11,
               "  due: {column: due, formats: [\"%Y-%m-%d\", \"%Y-%m-%d %H:%M\", \"%Y-%m-%d%Ez\"], "
               "end_of_day: true}\n");
  auto mapper = Mapper::Compile(Parsed(text), kHeader, {});
  ASSERT_TRUE(mapper.ok()) << mapper.status();
  struct Case {
    const char* due;
    const char* last_second;  // UTC
    int ms;
    const char* why;
  };
  for (const Case& c :
       {Case{"2011-07-03", "2011-07-04 03:59:59", 999,
             "the town's day ends four hours after UTC's"},
        Case{"2011-03-13", "2011-03-14 03:59:59", 999, "a day of 23 hours"},
        Case{"2011-11-06", "2011-11-07 04:59:59", 999, "a day of 25 hours"},
        Case{"2011-07-03 12:00", "2011-07-03 16:00:00", 0, "an hour is what it says"},
        Case{"2011-07-03+02:00", "2011-07-03 21:59:59", 999, "a day with an offset"}}) {
    const Made made = Apply(**mapper, Row().With("due", c.due));
    ASSERT_FALSE(made.facts.empty()) << made.rejected;
    EXPECT_EQ(made.facts[0].reported().due_at_ms(), absl::ToUnixMillis(Utc(c.last_second)) + c.ms)
        << c.why;
  }
}

TEST_F(MapperTest, CoordinatesWithACommaWhereTheMappingSaysSo) {
  std::string text = kMapping;
  text.replace(text.find("  longitude: long\n"), 0, "  decimal_comma: true\n");
  auto mapper = Mapper::Compile(Parsed(text), kHeader, {});
  ASSERT_TRUE(mapper.ok()) << mapper.status();
  const auto apply = [&](const char* latitude, const char* longitude) {
    return Apply(**mapper, Row().With("lat", latitude).With("long", longitude));
  };
  const Made made = apply("51,9607", "-7,5");
  EXPECT_EQ(made.facts[0].reported().point().latitude_e7(), 519'607'000);
  EXPECT_EQ(made.facts[0].reported().point().longitude_e7(), -75'000'000);
  EXPECT_EQ(apply("51", "7").facts[0].reported().point().latitude_e7(), 510'000'000);
  for (const char* bad : {"51.9607", "5,1,9", "1.051,9", "90,1"}) {
    EXPECT_TRUE(apply(bad, "7").facts.empty()) << bad;
  }
}

TEST_F(MapperTest, RejectionsNameColumnAndReasonAndNothingElse) {
  struct Case {
    const char* column;
    std::string text;
    const char* rejected;
  };
  for (const Case& c : {
           Case{"id", "", "id: without a value"},
           Case{"id", " ? ", "id: without a value"},
           Case{"type", " ", "type: without a value"},
           Case{"type", std::string(257, 'x'), "type: longer than 256 bytes"},
           Case{"place", "a\nb", "place: with a control character in it"},
           Case{"id", "a\x7f", "id: with a control character in it"},
           Case{"place", "l\xc2\x92\xc3\x89glise", "place: with a control character in it"},
           Case{"unit", "\xc3(", "unit: not text in UTF-8"},
           Case{"open", "", "open: without a value"},
           Case{"open", "secret", "open: not a time of the form %Y-%m-%d %H:%M:%S"},
           Case{"due", "secret", "due: not a time of the form %Y-%m-%d %H:%M:%S"},
           Case{"done", "", "done: without a value"},
           Case{"done", "secret", "done: not a time of the form %Y-%m-%d %H:%M:%S"},
       }) {
    EXPECT_EQ(Rejected(Row().With(c.column, c.text)), c.rejected);
  }
  EXPECT_EQ(Report(Row().With("type", std::string(256, 'x'))).category().size(), 256u);
  for (const char* bad : {"open", "due"}) {
    EXPECT_TRUE(absl::StartsWith(Rejected(Row().With(bad, "1969-07-20 20:17:40")),
                                 absl::StrCat(bad, ": not after the beginning of 1970")));
  }
}

TEST_F(MapperTest, ATextOfTwoColumns) {
  std::string text = kMapping;
  text.replace(text.find("{column: type,"), 14, "{column: type, with: ward,");
  const auto two = Compile(text);
  const auto category = [&](const char* kind, const char* ward) {
    const Made made = Apply(*two, Row().With("type", kind).With("ward", ward));
    return made.facts.empty() ? made.rejected : made.facts[0].reported().category();
  };
  EXPECT_EQ(category("Review ", " complete"), "Review complete");
  EXPECT_EQ(category("Pothole", ""), "pothole");
  EXPECT_EQ(category("", "complete"), "type: without a value");
}

TEST_F(MapperTest, AFactThatComesBeforeTheOneBeforeItStandsRightBehindIt) {
  const Made made = Apply(*mapper_, Row().With("done", "2011-06-30 08:00:00"));
  ASSERT_EQ(made.facts.size(), 3u);
  EXPECT_EQ(made.at[2], made.at[1]) << "its place";
  EXPECT_EQ(made.facts[2].happened_at_ms(), absl::ToUnixMillis(Utc("2011-06-30 12:00:00")))
      << "its word";
}

TEST_F(MapperTest, ADeadlineBeforeTheReportIsKept) {
  EXPECT_EQ(Report(Row().With("due", "2011-07-01 00:00:00")).due_at_ms(),
            absl::ToUnixMillis(Utc("2011-07-01 04:00:00")));
  EXPECT_EQ(Report(Row().With("due", "2059-12-31 19:00:00")).due_at_ms(),
            absl::ToUnixMillis(Utc("2060-01-01 00:00:00")));
}

TEST_F(MapperTest, ConditionsDecideWhichFactsAreMade) {
  EXPECT_EQ(Apply(*mapper_, Row().With("state", "Done")).facts.size(), 3u);
  EXPECT_EQ(Apply(*mapper_, Row().With("state", " Closed ")).facts.size(), 3u);
  EXPECT_EQ(Apply(*mapper_, Row().With("state", "closed")).facts.size(), 2u);
  EXPECT_EQ(Apply(*mapper_, Row().With("state", "Open").With("done", "")).facts.size(), 2u);
  EXPECT_EQ(Apply(*mapper_, Row().With("state", "Open").With("done", "secret")).facts.size(), 2u)
      << "a time that nobody asks for is not read";

  const auto some = Compile(absl::StrCat(
      absl::string_view(kMapping).substr(0, absl::string_view(kMapping).find("  - {fact: filed")),
      R"(  - {fact: accepted, at: done}
  - {fact: refused, at: done, when: state, reason: DUPLICATE}
)"));
  EXPECT_EQ(Apply(*some, Row().With("state", "")).facts.size(), 2u) << "no value, no refusal";
  EXPECT_EQ(Apply(*some, Row().With("state", "?")).facts.size(), 2u);
  const Made made = Apply(*some, Row().With("state", "x"));
  ASSERT_EQ(made.facts.size(), 3u);
  EXPECT_EQ(made.facts[2].refused().reason(), v1::REFUSAL_REASON_DUPLICATE);
  EXPECT_EQ(Apply(*some, Row().With("state", "").With("done", "")).facts.size(), 1u)
      << "without a condition, a fact is made where its time has a value";
  EXPECT_EQ(Apply(*some, Row().With("state", "x").With("done", "")).rejected,
            "done: without a value");
}

std::string WithFacts(const std::string& facts) {
  const absl::string_view mapping = kMapping;
  return absl::StrCat(mapping.substr(0, mapping.find("facts:")),
                      "facts:\n  - {fact: reported, at: open}\n", facts);
}

TEST_F(MapperTest, EveryFactThatARowCanTell) {
  const auto mapper = Compile(WithFacts(R"(
  - {fact: accepted, at: open}
  - {fact: verified, at: open}
  - {fact: filed, at: open}
  - {fact: dispatched, at: open}
  - {fact: dispatch_accepted, at: open}
  - {fact: handling_started, at: open}
  - {fact: handling_finished, at: open}
  - {fact: check_failed, at: open}
  - {fact: check_passed, at: open}
  - {fact: closed, at: done, disposition: solved}
  - {fact: reopened, at: done, reason: RECURRED}
  - {fact: voided, at: done, reason: test}
)"));
  const Made made = Apply(*mapper, Row());
  ASSERT_EQ(made.facts.size(), 13u);
  using Fact = v1::Fact;
  const std::vector<Fact::KindCase> kinds = {
      Fact::kReported,    Fact::kAccepted,         Fact::kVerified,        Fact::kFiled,
      Fact::kDispatched,  Fact::kDispatchAccepted, Fact::kHandlingStarted, Fact::kHandlingFinished,
      Fact::kCheckFailed, Fact::kCheckPassed,      Fact::kClosed,          Fact::kReopened,
      Fact::kVoided};
  for (size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(made.facts[i].kind_case(), kinds[i]);
  }
  EXPECT_TRUE(made.facts[2].verified().confirmed());
  EXPECT_EQ(made.facts[4].dispatched().unit(), "parks");
  EXPECT_EQ(made.facts[4].dispatched().reason(), v1::DISPATCH_REASON_NAMED_BY_SOURCE);
  EXPECT_EQ(made.facts[10].closed().disposition(), v1::DISPOSITION_SOLVED);
  EXPECT_EQ(made.facts[11].reopened().reason(), v1::REOPEN_REASON_RECURRED);
  EXPECT_EQ(made.facts[12].voided().reason(), v1::VOIDING_REASON_TEST);
  EXPECT_EQ(Apply(*mapper, Row().With("unit", "")).rejected,
            "unit: without a value, though it was dispatched");
}

TEST_F(MapperTest, MistakesInAMappingAreNamed) {
  struct Case {
    const char* from;
    const char* to;
    const char* said;
  };
  for (const Case& c : {
           Case{"source: town", "source: Town 1", "source: it names the source"},
           Case{"policy: town-policy.yaml", "", "policy: it names the file"},
           Case{"America/New_York", "America/New_Yrk", "zone: \"America/New_Yrk\" is no zone"},
           Case{"America/New_York", "localtime", "zone: \"localtime\" is no zone"},
           Case{"America/New_York", "/etc/localtime", "zone: \"/etc/localtime\" is no zone"},
           Case{"America/New_York", "../localtime", "zone: \"../localtime\" is no zone"},
           Case{"zone: America/New_York", "",
                "incident.due: \"%Y-%m-%d %H:%M:%S\" tells no offset"},
           Case{"time_formats: \"%Y-%m-%d %H:%M:%S\"", "", "incident.due: no format"},
           Case{"%H:%M:%S", "%H:%M:%Z",
                "incident.due: \"%Y-%m-%d %H:%M:%Z\" is no format of a time"},
           Case{"  id: id", "", "incident.id: it is required"},
           Case{"  id: id", "  id: ident", "incident.id: there is no column \"ident\""},
           Case{"  channel: via", "  channel: wia",
                "incident.channel: there is no column \"wia\"; did you mean via?"},
           Case{"  id: id", "  id: {constant: x}",
                "incident.id: a constant would make one incident"},
           Case{"  channel: via", "  channel: {constant: x, trim: true}",
                "incident.channel: a constant stands by itself"},
           Case{"  channel: via", "  channel: {trim: true}",
                "incident.channel: it names no column"},
           Case{"zero_pad: 2", "zero_pad: 21", "incident.area: zero_pad is at most 20"},
           Case{"[Ward, W]", "[Ward, \"\"]", "incident.area: an empty prefix"},
           Case{"[{from: Pothole, to: pothole}]", "[{from: a, to: b}, {from: a, to: c}]",
                "incident.category: \"a\" is replaced twice"},
           Case{"to: pothole", "to: \"\"", "incident.category: a replacement has no \"to\""},
           Case{"  longitude: long", "", "incident: latitude and longitude stand together"},
           Case{"  latitude: lat\n  longitude: long", "  decimal_comma: true",
                "incident.decimal_comma: it is of latitude and longitude"},
           Case{"  due: due", "  due: {column: due, end_of_day: true}",
                "incident.due: end_of_day: each of its formats tells the hour"},
           Case{"  due: due", "  due: {column: due, formats: [\"%d\"]}",
                "incident.due: \"%d\" is no"},
           Case{"fact: reported", "fact: filed", "facts: the first is \"reported\""},
           Case{"fact: filed", "fact: reported", "facts[2]: \"reported\" comes once"},
           Case{"{fact: reported, at: open}", "{fact: reported, at: open, when: state}",
                "facts[1]: \"reported\" has no condition"},
           Case{"fact: closed", "fact: clsed", "there is no fact \"clsed\"; did you mean closed?"},
           Case{"fact: closed", "fact: merged", "facts[3].fact: there is no fact \"merged\""},
           Case{"    at: done\n", "", "facts[3]: it has no time"},
           Case{"    at: done", "    at: dane", "facts[3].at: there is no column \"dane\""},
           Case{"column: state", "column: stat", "facts[3].when: there is no column \"stat\""},
           Case{"    disposition: UNCHECKED\n", "", "facts[3].disposition: nothing is told"},
           Case{"UNCHECKED", "UNCHEKED", "there is no UNCHEKED; did you mean UNCHECKED"},
           Case{"disposition: UNCHECKED", "disposition: SOLVED",
                "facts[3]: what nobody has checked is not SOLVED"},
           Case{"disposition: UNCHECKED", "reason: TEST", "facts[3].disposition: nothing is told"},
           Case{"{fact: filed, at: open}", "{fact: filed, at: open, reason: TEST}",
                "facts[2].reason: \"filed\" has none"},
           Case{"{fact: filed, at: open}", "{fact: filed, at: open, disposition: SOLVED}",
                "facts[2].disposition: \"filed\" has none"},
           Case{"{fact: filed, at: open}", "{fact: refused, at: open}",
                "facts[2].reason: nothing is told; expected NOT_OURS, "},
           Case{"zone: ", "csv: {delimiter: \",,\"}\nzone: ", "csv.delimiter: it has to be one"},
           Case{"zone: ", "csv: {delimiter: \"\\n\"}\nzone: ", "csv.delimiter: it has to be one"},
       }) {
    std::string text = kMapping;
    const size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.from;
    text.replace(at, std::string(c.from).size(), c.to);
    const auto mapper = Mapper::Compile(Parsed(text), kHeader);
    EXPECT_EQ(mapper.status().code(), absl::StatusCode::kInvalidArgument) << c.to;
    EXPECT_TRUE(absl::StrContains(mapper.status().message(), c.said)) << mapper.status();
  }
  std::string without_unit = WithFacts("  - {fact: dispatched, at: open}\n");
  const size_t at = without_unit.find("  unit:");
  without_unit.erase(at, without_unit.find('\n', at) - at);
  EXPECT_TRUE(absl::StrContains(Mapper::Compile(Parsed(without_unit), kHeader).status().message(),
                                "facts[2]: \"dispatched\" needs a unit"));
}

TEST(Delimiter, ACommaUnlessTold) {
  v1::Mapping mapping;
  EXPECT_EQ(*DelimiterOf(mapping), '\0') << "the header decides";
  mapping.mutable_csv()->set_delimiter("\t");
  EXPECT_EQ(*DelimiterOf(mapping), '\t');
  mapping.mutable_csv()->set_delimiter("\"");
  EXPECT_FALSE(DelimiterOf(mapping).ok());
}

}  // namespace
}  // namespace gridledger::mapping
