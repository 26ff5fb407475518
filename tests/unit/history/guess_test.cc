// Drafts of mappings: what is seen in the rows decides, what they do not tell is asked, and the
// draft is a mapping.
#include "services/history/mapping/guess/guess.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "services/history/mapping/guess/guess_draft.h"
#include "services/history/mapping/guess/state_words.h"
#include "services/history/mapping/guess/time_guess.h"
#include "services/history/mapping/rows/event_mapper.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/history/mapping/rows/named_columns.h"
#include "services/history/mapping/values/text_shape.h"
#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::mapping {
namespace {

// Lines of texts between bars, the header first.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  explicit Table(absl::string_view text) {
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      std::vector<std::string> fields = absl::StrSplit(line, '|');
      if (header.empty()) {
        header = std::move(fields);
      } else {
        rows.push_back(std::move(fields));
      }
    }
  }
  Guess Guessed() const {
    Guesser guesser(header);
    for (const std::vector<std::string>& row : rows) {
      guesser.Add(std::vector<absl::string_view>(row.begin(), row.end()));
    }
    return guesser.Finish();
  }
};

std::string NameOf(const Guess& guess, const Guess::Column& column) {
  return column ? guess.columns[*column].name : "";
}

std::string DraftFor(const Guess& guess) {
  return DraftOf(guess, {.name = "data/Rows 2024.csv",
                         .format = "CSV",
                         .delimiter = ",",
                         .encoding = "UTF-8",
                         .whole = true});
}

v1::Mapping Parsed(const std::string& draft) {
  v1::Mapping mapping;
  const absl::Status status = yaml::ParseYaml(draft, "draft.yaml", &mapping);
  EXPECT_TRUE(status.ok()) << status << "\n" << draft;
  return mapping;
}

constexpr absl::string_view kIncidents =
    "case_id|category|neighborhood|status|opened|due_date|closed|dept|lat|lon|source\n"
    "101|Pothole|North|Closed|2024-03-01 08:00:00|2024-03-03 08:00:00|2024-03-02 "
    "10:00:00|Works|51.5|-0.12|Phone\n"
    "102|Pothole|North|Open|2024-03-01 09:00:00|N/A||Works|51.6|-0.13|App\n"
    "103|Lamp|South|Closed|2024-03-02 08:00:00||2024-03-09 10:00:00|Light|||Phone\n"
    "104|Lamp||Closed|2024-03-02 08:30:00||2024-03-09 10:00:00|Light|51.7|-0.14|Phone\n";

TEST(Guess, ARowAnIncident) {
  const Guess guess = Table(kIncidents).Guessed();
  EXPECT_FALSE(guess.events);
  EXPECT_EQ(guess.incidents, 4);
  EXPECT_EQ(NameOf(guess, guess.id), "case_id");
  EXPECT_EQ(NameOf(guess, guess.category), "category");
  EXPECT_EQ(NameOf(guess, guess.community), "neighborhood");
  EXPECT_EQ(NameOf(guess, guess.state), "status");
  EXPECT_EQ(NameOf(guess, guess.at), "opened");
  EXPECT_EQ(NameOf(guess, guess.due), "due_date");
  EXPECT_EQ(NameOf(guess, guess.closed_at), "closed");
  EXPECT_EQ(NameOf(guess, guess.latitude), "lat");
  EXPECT_EQ(NameOf(guess, guess.longitude), "lon");
  EXPECT_EQ(NameOf(guess, guess.channel), "source");
  EXPECT_EQ(guess.missing, std::vector<std::string>{"N/A"});
  EXPECT_TRUE(guess.leaks.empty());
}

TEST(Guess, DegreesWithAComma) {
  const Table table(
      "Nummer|Eingang am|Kategorie|Breite|Länge|Tiefe\n"
      "1|13.03.2024 08:00|Schlagloch|51,9607|7,6261|0,2\n"
      "2|14.03.2024 09:00|Graffiti|51,9613|7,6302|\n"
      "3|15.03.2024 10:00|Schlagloch|51,9598|-0,5|0,3\n");
  Guess guess = table.Guessed();
  EXPECT_EQ(NameOf(guess, guess.latitude), "Breite");
  EXPECT_EQ(NameOf(guess, guess.longitude), "Länge");
  EXPECT_TRUE(guess.decimal_comma);
  EXPECT_TRUE(absl::StrContains(DraftFor(guess), "\n  decimal_comma: true"));
  // One with a point among them: whoever wrote it has two ways, and no guess fits both.
  Table mixed = table;
  mixed.rows[0][3] = "51.9607";
  guess = mixed.Guessed();
  EXPECT_FALSE(guess.latitude);
  EXPECT_FALSE(absl::StrContains(DraftFor(guess), "decimal_comma"));
}

TEST(Guess, AFileOfOnePlaceAndOneKindSaysWhich) {
  const Guess guess = Table(
                          "id|opened|category|district|note\n"
                          "1|2024-03-13 08:00|Pothole|North|same\n"
                          "2|2024-03-14 09:00|Pothole|North|same\n")
                          .Guessed();
  EXPECT_EQ(NameOf(guess, guess.category), "category");
  EXPECT_EQ(NameOf(guess, guess.community), "district");
}

TEST(Guess, APromisedDayCountsToItsEnd) {
  const auto draft = [](const char* due) {
    return DraftFor(Table(absl::StrCat("id|opened|type|due_date\n1|2024-03-13 08:00|Pothole|", due,
                                       "\n2|2024-03-14 09:00|Lamp|", due, "\n"))
                        .Guessed());
  };
  EXPECT_TRUE(
      absl::StrContains(draft("2024-03-20"),
                        "  due: {column: due_date, formats: [\"%Y-%m-%d\"], end_of_day: true}\n"))
      << draft("2024-03-20");
  EXPECT_FALSE(absl::StrContains(draft("2024-03-20 08:00"), "end_of_day"));
}

TEST(Guess, ItsDraftMakesFactsOnceItsZoneIsTold) {
  const Table table(kIncidents);
  std::string draft = DraftFor(table.Guessed());
  EXPECT_TRUE(absl::StrContains(draft, "# ASK: whose clock wrote the times?")) << draft;
  EXPECT_FALSE(Mapper::Compile(Parsed(draft), table.header).ok()) << "nobody has answered";
  draft = absl::StrReplaceAll(draft, {{"zone: FILL-IN", "zone: Europe/London"}});
  const v1::Mapping mapping = Parsed(draft);
  EXPECT_EQ(mapping.source(), "rows-2024");
  EXPECT_EQ(mapping.format(), v1::FORMAT_CSV);
  const auto mapper = Mapper::Compile(mapping, table.header);
  ASSERT_TRUE(mapper.ok()) << mapper.status() << "\n" << draft;
  std::vector<size_t> facts;
  for (const std::vector<std::string>& row : table.rows) {
    const auto made = (*mapper)->Apply(std::vector<absl::string_view>(row.begin(), row.end()));
    EXPECT_FALSE(made.empty()) << (*mapper)->rejection().column << (*mapper)->rejection().reason;
    facts.push_back(made.size());
  }
  EXPECT_EQ(facts, (std::vector<size_t>{3, 2, 3, 3}));
}

TEST(Guess, NothingIsClosedByAStateWithoutATime) {
  std::string text(kIncidents);
  text += "105|Lamp|South|Closed|2024-03-02 09:30:00|||Light|||Phone\n";
  const Guess guess = Table(text).Guessed();
  EXPECT_EQ(guess.closed_without_time, 1);
  EXPECT_FALSE(absl::StrContains(DraftFor(guess), "when:"));
  EXPECT_TRUE(absl::StrContains(DraftFor(Table(kIncidents).Guessed()),
                                "when: {column: status, equals: [Closed]}"));
}

constexpr absl::string_view kEvents =
    "number|state|caller_id|opened_at|updated_at|mod_count|closed_at|closed_code|planned_end|"
    "group\n"
    "INC1|New|c1|1/2/2016 01:10|1/2/2016 01:10|0|20/2/2016 10:00|x|28/2/2016 10:00|?\n"
    "INC1|Active|c1|1/2/2016 01:10|13/2/2016 02:00|1|20/2/2016 10:00|x|28/2/2016 10:00|g1\n"
    "INC1|Closed|c1|1/2/2016 01:10|20/2/2016 10:00|2|20/2/2016 10:00|x|28/2/2016 10:00|g2\n"
    "INC2|New|c2|2/2/2016 01:10|2/2/2016 01:10|0|25/2/2016 10:00|y|28/2/2016 10:00|g1\n"
    "INC2|Awaiting User|c2|2/2/2016 01:10|3/2/2016 01:10|1|25/2/2016 10:00|y|28/2/2016 10:00|g1\n"
    "INC2|-100|c2|2/2/2016 01:10|4/2/2016 01:10|2|25/2/2016 10:00|y|28/2/2016 10:00|g1\n"
    "INC3|New|c1|3/2/2016 01:10|3/2/2016 01:10|0|26/2/2016 10:00|x|28/2/2016 10:00|g2\n"
    "INC3|Resolved|c1|3/2/2016 01:10|26/2/2016 09:00|1|26/2/2016 10:00|x|28/2/2016 10:00|g2\n";

TEST(Guess, ARowAnEvent) {
  const Guess guess = Table(kEvents).Guessed();
  ASSERT_TRUE(guess.events);
  EXPECT_EQ(guess.incidents, 3);
  EXPECT_EQ(NameOf(guess, guess.id), "number");
  EXPECT_EQ(NameOf(guess, guess.at), "updated_at");
  EXPECT_EQ(NameOf(guess, guess.reported_at), "opened_at");
  EXPECT_EQ(NameOf(guess, guess.version), "mod_count");
  EXPECT_EQ(NameOf(guess, guess.state), "state");
  EXPECT_EQ(NameOf(guess, guess.unit), "group");
  std::vector<std::string> leaks;
  for (const size_t column : guess.leaks) leaks.push_back(guess.columns[column].name);
  EXPECT_EQ(leaks, (std::vector<std::string>{"closed_at", "closed_code"}))
      << "a plan is known beforehand, and no leak";

  const v1::Mapping mapping = Parsed(DraftFor(guess));
  EXPECT_EQ(mapping.leaks_size(), 2);
  EXPECT_EQ(mapping.events().at().column(), "updated_at");
  ASSERT_EQ(mapping.events().states_size(), 6);
  EXPECT_EQ(mapping.events().states(0).names(0), "New");
  EXPECT_EQ(mapping.events().states(0).fact(), "reported");
  EXPECT_EQ(mapping.events().states(3).pause(), "AWAITING");
  EXPECT_EQ(mapping.events().states(4).names(0), "-100");
  EXPECT_EQ(mapping.events().states(4).fact(), "") << "nothing is known of it";
  EXPECT_EQ(absl::StrJoin(ColumnsOf(mapping), " "),
            "number group planned_end updated_at mod_count state opened_at");
}

// An event log of activities: no state closes a case, an attribute of it does.
constexpr absl::string_view kSteps =
    "case:concept:name|concept:name|time:timestamp|case:startdate|case:enddate|case:deadline|"
    "case:enddate_planned|case:verdict|org:group\n"
    "c1|Receipt|2011-10-01T08:00:00+02:00|2011-10-01T00:00:00+02:00|2011-10-09T08:00:00+02:00|"
    "2011-11-05T00:00:00+02:00|2011-11-01T00:00:00+02:00|granted|g1\n"
    "c1|Look at the papers|2011-10-02T08:00:00+02:00|2011-10-01T00:00:00+02:00|"
    "2011-10-09T08:00:00+02:00|2011-11-05T00:00:00+02:00|2011-11-01T00:00:00+02:00|granted|g1\n"
    "c1|Print|2011-10-03T08:00:00+02:00|2011-10-01T00:00:00+02:00|2011-10-09T08:00:00+02:00|"
    "2011-11-05T00:00:00+02:00|2011-11-01T00:00:00+02:00|granted|g2\n"
    "c2|Print|2011-10-05T08:00:00+02:00|2011-10-02T00:00:00+02:00||2011-11-06T00:00:00+02:00|"
    "2011-11-02T00:00:00+02:00|denied|g1\n"
    "c2|Receipt|2011-10-04T08:00:00+02:00|2011-10-02T00:00:00+02:00||2011-11-06T00:00:00+02:00|"
    "2011-11-02T00:00:00+02:00|denied|g1\n";

TEST(Guess, StepsOfWorkAndAnEndOfTheWhole) {
  const Guess guess = Table(kSteps).Guessed();
  ASSERT_TRUE(guess.events);
  EXPECT_TRUE(guess.steps);
  EXPECT_EQ(NameOf(guess, guess.due), "case:enddate_planned") << "the planned end";
  EXPECT_EQ(NameOf(guess, guess.closed_at), "case:enddate");
  EXPECT_TRUE(guess.leaks.empty()) << "what closes an incident is used";
  const std::string draft = DraftFor(guess);
  const v1::Mapping mapping = Parsed(draft);
  ASSERT_EQ(mapping.facts_size(), 1) << draft;
  EXPECT_EQ(mapping.facts(0).fact(), "closed");
  EXPECT_EQ(mapping.facts(0).at().column(), "case:enddate");
  EXPECT_EQ(mapping.events().after_closing(), v1::AFTER_CLOSING_VOID);
  ASSERT_EQ(mapping.events().states_size(), 2) << draft;
  EXPECT_EQ(mapping.events().states(0).names(0), "Receipt") << "the earliest, wherever it stands";
  EXPECT_EQ(mapping.events().states(0).fact(), "filed");
  EXPECT_EQ(absl::StrJoin(mapping.events().states(1).names(), " "), "Look at the papers Print");
  EXPECT_EQ(mapping.events().states(1).fact(), "handling_started");
  EXPECT_TRUE(EventMapper::Compile(mapping, Table(kSteps).header).ok()) << draft;
}

TEST(Guess, WarnsOfWhatIsTheSameFromTheFirstRowOn) {
  const auto doubtful = [](const Guess& guess) {
    std::vector<std::string> names;
    for (const size_t column : guess.doubtful) names.push_back(guess.columns[column].name);
    return absl::StrJoin(names, " ");
  };
  EXPECT_EQ(doubtful(Table(kSteps).Guessed()), "case:verdict");
  const Guess guess = Table(
                          "case_id|event_time|activity|outcome|hours|caller|status_now|town\n"
                          "c1|2020-03-01 08:00|Open|Granted|46|x|Closed|a\n"
                          "c1|2020-03-02 08:00|Closed|Granted|46|x|Closed|a\n"
                          "c2|2020-03-01 09:00|Open|Denied|12|y|Void|a\n"
                          "c2|2020-03-13 08:00|Closed|Denied|12|y|Void|a\n")
                          .Guessed();
  EXPECT_EQ(doubtful(guess), "outcome hours status_now") << "a caller is known, a town alike";
  const std::string draft = DraftFor(guess);
  EXPECT_TRUE(absl::StrContains(draft, "# leaks: [outcome, hours, status_now]")) << draft;
  EXPECT_EQ(Parsed(draft).leaks_size(), 0) << "a warning, and no more";
  EXPECT_TRUE(doubtful(Table(kIncidents).Guessed()).empty());
}

TEST(Guess, NoReportOfAnEventSaysWhatOnlyItsEndTells) {
  const Guess guess = Table(
                          "case_id|event_time|activity|result_type|closed_group\n"
                          "c1|2020-03-01 08:00|Open|A|g\n"
                          "c1|2020-03-02 08:00|Active|A|g\n"
                          "c1|2020-03-04 08:00|Closed|A|g\n"
                          "c2|2020-03-01 09:00|Open|B|h\n"
                          "c2|2020-03-13 08:00|Closed|B|h\n"
                          "c3|2020-03-01 09:00|Open|B|h\n"
                          "c3|2020-03-13 08:00|Closed|B|h\n")
                          .Guessed();
  EXPECT_EQ(NameOf(guess, guess.category), "");
  EXPECT_EQ(NameOf(guess, guess.unit), "");
  EXPECT_EQ(guess.doubtful.size(), 2U);
}

TEST(Guess, OnlyHanCharactersAreChinese) {
  for (const auto& [names, zone] : std::vector<std::pair<const char*, const char*>>{
           {"Vorgang|Straße|Eröffnet am|Status", "FILL-IN"},
           {"dossier|catégorie|opened|état", "FILL-IN"},
           {"Номер|Улица|opened|Статус", "FILL-IN"},
           {"编号|类别|上报时间|状态", "Asia/Shanghai"},
           {"id|类别|opened|status", "Asia/Shanghai"},
       }) {
    const Guess guess = Table(absl::StrCat(names, "\n1|Weg|2024-01-13 08:00|offen\n",
                                           "2|Weg|2024-01-14 08:00|erledigt\n"))
                            .Guessed();
    EXPECT_EQ(Parsed(DraftFor(guess)).zone(), zone) << names;
  }
  EXPECT_TRUE(Table("id|opened|status\n1|2024-01-13|待办\n2|2024-01-14|办结\n").Guessed().chinese);
  EXPECT_FALSE(
      Table("id|opened|status\n1|2024-01-13|reçu\n2|2024-01-14|clôturé\n").Guessed().chinese);
}

TEST(Guess, AsksWhereNothingTells) {
  const std::string draft = DraftFor(Table("a|b\nx|1.5\nx|2.5\ny|1.5\n").Guessed());
  for (const char* asked :
       {"no column looks like a number of the incident", "no column looks like a time",
        "no column looks like it", "no time looks like the one of the report"}) {
    EXPECT_TRUE(absl::StrContains(draft, absl::StrCat("ASK: ", asked))) << asked << "\n" << draft;
  }
  Parsed(draft);
}

TEST(Guess, ADraftIsYamlWhateverTheNamesAre) {
  for (const char* name : {"a: b", "\"", "#", "-", "true", "null", "[x", "{", "a\\b", "编号", "'",
                           "%", "&a", "*a", "!t", "a\x07", " b", "@", "123"}) {
    const Guess guess =
        Table(absl::StrCat(name, "|opened\n1|2024-01-13\n2|2024-01-14\n")).Guessed();
    const v1::Mapping mapping = Parsed(DraftFor(guess));
    EXPECT_EQ(mapping.incident().id().column(), name);
  }
}

TEST(Guess, TimesByTheirTexts) {
  struct Case {
    const char* why;
    std::vector<absl::string_view> texts;
    std::string formats;
    std::string other = "";
  };
  for (const Case& c : std::vector<Case>{
           {"ISO", {"2024-01-02 03:04:05"}, "%Y-%m-%d %H:%M:%S"},
           {"with an offset", {"2011-10-11T13:45:40.276+02:00"}, "%Y-%m-%dT%H:%M:%E*S%Ez"},
           {"UTC by its letter", {"2011-10-11T13:45:40Z"}, "%Y-%m-%dT%H:%M:%E*S%Ez"},
           {"day first, as the 13th says", {"1/2/2016 01:16", "13/2/2016 01:16"}, "%d/%m/%Y %H:%M"},
           {"month first, likewise", {"1/2/2016 01:16", "2/13/2016 01:16"}, "%m/%d/%Y %H:%M"},
           {"nobody can say",
            {"1/2/2016 01:16", "2/3/2016 01:16"},
            "%d/%m/%Y %H:%M",
            "%m/%d/%Y %H:%M"},
           {"with dots", {"31.12.2023"}, "%d.%m.%Y"},
           {"likewise, with the year's last two digits", {"31.12.23 08:00"}, "%d.%m.%y %H:%M"},
           {"half days", {"12/31/2023 11:59:00 PM"}, "%m/%d/%Y %I:%M:%S %p"},
           {"Chinese", {"2024年3月5日 08:30", "2024年12月15日 18:30"}, "%Y年%m月%d日 %H:%M"},
           {"digits only", {"20240305"}, "%E4Y%m%d"},
           {"two forms", {"2024-01-02 03:04:05", "2024-01-02"}, "%Y-%m-%d %H:%M:%S %Y-%m-%d"},
           {"numbers", {"17", "18"}, ""},
           {"words", {"soon", "later"}, ""},
           {"ids that look alike", {"101000304444", "101000304447"}, ""},
           {"nothing", {}, ""},
       }) {
    const TimeGuess guess = GuessTimes(c.texts);
    EXPECT_EQ(absl::StrJoin(guess.formats, " "), c.formats) << c.why;
    EXPECT_EQ(guess.other_order, c.other) << c.why;
  }
  EXPECT_TRUE(GuessTimes({"2011-10-11T13:45:40.276+02:00"}).has_offset);
  EXPECT_FALSE(GuessTimes({"2011-10-11"}).has_offset);
  std::vector<absl::string_view> most(40, "2024-01-02");
  most.push_back("someday, 1 2 3");
  EXPECT_EQ(GuessTimes(most).unreadable, 1);
  EXPECT_TRUE(absl::StrContains(DraftFor(Table("id|opened\n1|1/2/2016\n2|2/2/2016\n").Guessed()),
                                "# ASK: is the day before the month?"));
}

TEST(Guess, StatesByTheirWords) {
  for (const auto& [word, fact] : std::vector<std::pair<const char*, const char*>>{
           {"New", "reported"},
           {"OPEN", "reported"},
           {"unassigned", "reported"},
           {"In Progress", "handling_started"},
           {"Active", "handling_started"},
           {"Awaiting User Info", "handling_paused"},
           {"Pending - parts", "handling_paused"},
           {"Assigned", "dispatched"},
           {"Resolved", "handling_finished"},
           {"Unresolved", ""},
           {"Closed (no action)", "closed"},
           {"Closed as duplicate", "refused"},
           {"Cancelled", "voided"},
           {"-100", ""},
           {"Report reasons to hold the request", ""},
           {"Not closed", ""},
           {"offen", "reported"},
           {"In Bearbeitung", "handling_started"},
           {"nicht erledigt", ""},
           {"zurückgestellt", "handling_paused"},
           {"Erledigt", "handling_finished"},
           {"Abgeschlossen", "closed"},
           {"En cours", "handling_started"},
           {"clôturé", "closed"},
           {"en attente", "handling_paused"},
           {"Pendiente", "handling_paused"},
           {"Cerrada", "closed"},
           {"in behandeling", "handling_started"},
           {"Afgesloten", "closed"},
           {"Closed已结案", "closed"},
           {"待办", "reported"},
           {"待结案", "handling_finished"},
           {"未办结", "handling_started"},
           {"处理中", "handling_started"},
           {"挂账", "handling_paused"},
           {"已派遣", "dispatched"},
           {"办结", "closed"},
           {"已结案", "closed"},
           {"作废", "voided"},
       }) {
    EXPECT_EQ(MeaningOf(word).fact, fact) << word;
  }
}

TEST(Guess, ShapesSayNothingOfATextsWords) {
  for (const auto& [text, shape] : std::vector<std::pair<std::string, std::string>>{
           {"", "nothing"},
           {"  ", "blanks"},
           {"hello", "5 letters"},
           {"x", "1 letter"},
           {"2024", "4 digits"},
           {"2024-13", "9999-99"},
           {"1/2/2016 01:16", "9/9/9999 99:99"},
           {"soon, 5", "aaaa, 9"},
           {"待办", "2 letters"},
           {"待办7", "字字9"},
           {"a\x1b[1m", "a?[9a"},
           {std::string(30, '.'), "30 characters"},
           {"\xff", "bytes that are no text"},
       }) {
    EXPECT_EQ(ShapeOf(text), shape);
  }
}

// A draft with its questions answered, as far as these ask.
v1::Mapping Answered(const std::string& draft) {
  return Parsed(absl::StrReplaceAll(draft, {{"FILL-IN", "UTC"}}));
}

TEST(Guess, DatesAndHoursBesideThemAreTimes) {
  const Table table(
      "id|kind|open_date|open_time|close_date|close_time\n"
      "r-1|lamp|03/25/2024|08:15|03/26/2024|10:00\n"
      "r-2|lamp|03/26/2024|9:15|03/28/2024|\n"
      "r-3|tree|03/27/2024|21:15||\n");
  const Guess guess = table.Guessed();
  const std::string draft = DraftFor(guess);
  EXPECT_TRUE(absl::StrContains(
      draft, "at: {column: open_date, with: open_time, formats: [\"%m/%d/%Y %H:%M\"]}"))
      << draft;
  EXPECT_TRUE(absl::StrContains(draft,
                                "{column: close_date, with: close_time, formats: [\"%m/%d/%Y "
                                "%H:%M\", \"%m/%d/%Y\"]}"))
      << draft;
  EXPECT_FALSE(absl::StrContains(draft, "#   open_time")) << "it is used";
  const auto mapper = Mapper::Compile(Answered(draft), table.header);
  ASSERT_TRUE(mapper.ok()) << mapper.status() << draft;
  const auto& row = table.rows[1];
  const auto made = (*mapper)->Apply(std::vector<absl::string_view>(row.begin(), row.end()));
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(absl::FormatTime("%m-%dT%H:%M", made[0].at, absl::UTCTimeZone()), "03-26T09:15");
}

TEST(Guess, CountsAreTimesWhereTheirNamesAre) {
  const Table table(
      "id|kind|phone|created_at|closed_at\n"
      "r-1|lamp|2025550123|1709500000000|1709600000123\n"
      "r-2|lamp|2025550124|1709500100000|\n"
      "r-3|tree|2025550125|1709500200000|1709600000999\n");
  const Guess guess = table.Guessed();
  EXPECT_EQ(NameOf(guess, guess.at), "created_at");
  EXPECT_EQ(NameOf(guess, guess.closed_at), "closed_at");
  EXPECT_FALSE(guess.columns[2].is_time()) << "a phone number is none";
  EXPECT_EQ(guess.columns[3].time.formats, std::vector<std::string>{"milliseconds"});
  EXPECT_TRUE(absl::StrContains(DraftFor(guess), "All times have an offset"));
}

TEST(Guess, MonthsMayHaveTheirNamesInAnotherLanguage) {
  const Table table(
      "Nr|Art|Eingang|Uhrzeit|Erledigt\n"
      "1|Licht|3. März 2024|08:15|4. Mai 2024\n"
      "2|Licht|14. Dezember 2024|9:15|\n"
      "3|Baum|1. Januar 2025|21:15|2. Januar 2025\n");
  const Guess guess = table.Guessed();
  EXPECT_EQ(NameOf(guess, guess.at), "Eingang");
  EXPECT_EQ(NameOf(guess, guess.closed_at), "Erledigt");
  const std::string draft = DraftFor(guess);
  EXPECT_TRUE(absl::StrContains(draft, "month_names: [Januar, Februar, \"März\", April")) << draft;
  const auto mapper = Mapper::Compile(Answered(draft), table.header);
  ASSERT_TRUE(mapper.ok()) << mapper.status() << draft;
  const auto& row = table.rows[0];
  const auto made = (*mapper)->Apply(std::vector<absl::string_view>(row.begin(), row.end()));
  ASSERT_EQ(made.size(), 3u) << draft;
  EXPECT_EQ(absl::FormatTime("%m-%dT%H:%M", made[0].at, absl::UTCTimeZone()), "03-03T08:15");
  EXPECT_EQ(absl::FormatTime("%m-%d", made[2].at, absl::UTCTimeZone()), "05-04");
}

TEST(Guess, StepsBetweenReportAndEndAreOffered) {
  const Table table(
      "id|kind|opened|assigned|arrived|completed|closed\n"
      "r-1|lamp|2024-03-01 08:00|2024-03-01 09:00|2024-03-01 10:00|2024-03-01 11:00|2024-03-01 "
      "12:00\n"
      "r-2|lamp|2024-03-02 08:00|2024-03-02 09:00|2024-03-02 10:00|2024-03-02 11:00|2024-03-02 "
      "12:00\n");
  const std::string draft = DraftFor(table.Guessed());
  EXPECT_TRUE(absl::StrContains(draft,
                                "  # - {fact: dispatched, at: assigned}  # needs a unit\n"
                                "  # - {fact: handling_started, at: arrived}\n"
                                "  # - {fact: handling_finished, at: completed}\n"
                                "  # Nobody but the source says so: UNCHECKED.\n"
                                "  - {fact: closed, at: closed"))
      << draft;
}

TEST(Guess, AnIdThatFewRowsRepeatIsOneAllTheSame) {
  std::string text = "incident_id|state|changed\n";
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&text, "inc-", i, "|New|2024-03-01 08:", 10 + i % 50, "\n");
    if (i % 40 == 0) absl::StrAppend(&text, "inc-", i, "|Closed|2024-03-02 08:", 10 + i % 50, "\n");
  }
  const Guess guess = Table(text).Guessed();
  EXPECT_TRUE(guess.events);
  EXPECT_EQ(NameOf(guess, guess.id), "incident_id");
}

TEST(Guess, AnIdThatStandsTwiceOnceIsOneAllTheSame) {
  std::string text = "id|kind|place|opened\n";
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&text, i == 499 ? 0 : i, "|lamp|p", i % 7, "|2024-03-0", 1 + i % 9, "\n");
  }
  absl::StrAppend(&text, " | | | \n|||\n|||\n|||\n|||\n|||\n|||\n");  // as spreadsheets end
  const Guess guess = Table(text).Guessed();
  EXPECT_FALSE(guess.events);
  EXPECT_EQ(guess.rows, 500);
  EXPECT_EQ(NameOf(guess, guess.id), "id");
  EXPECT_EQ(NameOf(guess, guess.at), "opened");
  EXPECT_TRUE(absl::StrContains(DraftFor(guess), "though 1 id stands in several rows"));
}

TEST(Guess, WhatHasNoNameIsNothing) {
  std::string text = "|Aktenzeichen|type|opened||state\n";
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&text, i, "|A", 1000 + i, "|lamp|2024-03-0", 1 + i % 9, "|2024-03-10|",
                    i % 2 == 0 ? "open" : "closed", "\n");
  }
  const Table table(text);
  const Guess guess = table.Guessed();
  EXPECT_EQ(NameOf(guess, guess.id), "Aktenzeichen");
  EXPECT_FALSE(absl::StrContains(DraftFor(guess), ": \"\""));
}

TEST(Guess, AsksWhetherARowIsAnEventWhereANumberRepeats) {
  std::string text = "id|ticket_number|changed_at|status|kind|place|lat\n";
  for (int n = 0; n < 90; ++n) {
    absl::StrAppend(&text, n + 1, "|2024/", 1000 + n / 3, "|2024-03-", 10 + n % 17, " 08:00|s",
                    n % 3, "|k", n % 7, "|p", n % 5, "|51.", 1000 + n, "\n");
  }
  const Table table(text);
  const Guess guess = table.Guessed();
  EXPECT_EQ(NameOf(guess, guess.id), "id");
  EXPECT_EQ(NameOf(guess, guess.or_id), "ticket_number");
  EXPECT_TRUE(absl::StrContains(DraftFor(guess), "# ASK: ticket_number stands in several rows"));
}

TEST(Guess, TheZoneIsShanghaiOnlyWhereNothingSpeaksOfAnotherLand) {
  const auto zone = [](const char* header, const char* kind, const char* encoding) {
    const Table table(absl::StrCat(header, "\nR1|2023-01-13 14:05:00|", kind,
                                   "\nR2|2023-02-13 14:05:00|", kind, "\n"));
    DraftInput input;
    input.name = "x.csv";
    input.format = "CSV";
    input.encoding = encoding;
    return absl::StrContains(DraftOf(table.Guessed(), input), "zone: Asia/Shanghai");
  };
  EXPECT_TRUE(zone("编号|上报时间|小类", "路灯", "GB18030"));
  EXPECT_FALSE(zone("受付番号|受付日時|区分", "ごみ", "UTF-8"));
  EXPECT_FALSE(zone("受付番号|受付日時|区分", "道路", "SHIFT_JIS"));
}

TEST(Guess, ADraftSaysWhatWasFoundOutAboutTheFile) {
  const Guess guess = Table("id|kind|opened\n1|a|2024-03-01\n2|a|2024-03-02\n").Guessed();
  const std::string draft = DraftOf(guess, {.name = "rows.csv",
                                            .format = "CSV",
                                            .delimiter = ";",
                                            .skip_lines = 2,
                                            .header = {"column 1", "column 2", "column 3"},
                                            .encoding = "WINDOWS-1251",
                                            .encoding_guessed = true,
                                            .repeated_later = 1200});
  for (const char* line :
       {"csv: {delimiter: \";\", skip_lines: 2, header: [column 1, column 2, column 3]}",
        "# ASK: it has no header", "# ASK: guessed from the bytes", "encoding: WINDOWS-1251",
        "# ASK: further down 1,200 rows have an id that was there before"}) {
    EXPECT_TRUE(absl::StrContains(draft, line)) << line << "\n" << draft;
  }
}

}  // namespace
}  // namespace gridledger::mapping
