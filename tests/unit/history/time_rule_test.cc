// Times of a row: what is read by hand agrees with absl, and the hours that local clocks pass twice
// or skip follow the mapping's rules.
#include "services/history/mapping/values/time_rule.h"

#include <absl/strings/str_cat.h>
#include <absl/time/civil_time.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "services/history/mapping/values/local_clock.h"
#include "services/history/mapping/values/time_format.h"

namespace gridledger::mapping {
namespace {

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

// ---- formats

TEST(TimeFormat, AgreesWithAbslWhateverTheText) {
  const std::vector<std::string> formats = {
      "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",    "%F %T",          "%d.%m.%Y %H:%M",
      "%d/%m/%Y %R",       "%m/%d/%Y %I:%M:%S %p", "%E4Y%m%d%H%M%S", "%Y-%m-%d",
      "%p %I %Y/%m/%d",    "%H %p %Y-%m-%d",       "%Y-%m-%d %d"};
  const char* const texts[] = {"2011-07-01 01:32:33",
                               "2011-07-01T01:32:33",
                               "2012-02-29 00:00:00",
                               "2011-02-29 00:00:00",
                               "2000-02-29 23:59:59",
                               "1900-02-29 00:00:00",
                               "2011-04-31 00:00:00",
                               "2011-13-01 00:00:00",
                               "2011-00-10 00:00:00",
                               "2011-01-00 00:00:00",
                               "2011-01-01 24:00:00",
                               "2011-01-01 23:60:00",
                               "2011-01-01 23:59:60",
                               "2011-01-01 23:59:61",
                               "2011-1-1 1:2:3",
                               "2011-01-01  1:02:03",
                               "0000-01-01 00:00:00",
                               "9999-12-31 23:59:59",
                               "-001-01-01 00:00:00",
                               "+2011-01-01 00:00:00",
                               "12011-01-01 00:00:00",
                               "2011-01-01 00:00:00x",
                               "2011-01-01 00:00",
                               "",
                               "1.7.2011 01:32",
                               "01.07.2011 01:32",
                               "07/01/2011 01:32:33 AM",
                               "07/01/2011 12:00:00 AM",
                               "07/01/2011 12:00:00 PM",
                               "07/01/2011 01:00:00 pm",
                               "07/01/2011 13:00:00 PM",
                               "07/01/2011 00:00:00 AM",
                               "07/01/2011 01:00:00 XM",
                               "20110701013233",
                               "2011-07-01",
                               "2011-07-01 2",
                               "2011-07-01 01",
                               "PM 03 2011/07/01",
                               "03 PM 2011-07-01",
                               "infinite-future",
                               "infinite-past",
                               "2011-07-01 01:32:33 ",
                               "2011-07-01\t01:32:33",
                               "2011\xe5\xb9\xb4"};
  for (const std::string& text : formats) {
    const absl::StatusOr<TimeFormat> format = TimeFormat::Compile(text);
    ASSERT_TRUE(format.ok()) << format.status();
    for (const char* sample : texts) {
      absl::Time expected;
      const bool readable =
          absl::ParseTime(text, sample, absl::UTCTimeZone(), &expected, nullptr) &&
          expected != absl::InfiniteFuture() && expected != absl::InfinitePast();
      int64_t ms = -1;
      ASSERT_EQ(format->Read(sample, &ms), readable) << text << " of " << sample;
      if (!readable) continue;
      EXPECT_EQ(ms, absl::ToUnixMillis(expected)) << text << " of " << sample;
    }
  }
}

TEST(TimeFormat, AgreesWithAbslOnManyDays) {
  const absl::StatusOr<TimeFormat> format = TimeFormat::Compile("%Y-%m-%d %H:%M:%S");
  ASSERT_TRUE(format.ok());
  const absl::CivilDay first(1, 1, 1);
  for (int i = 0; i < 3'652'000; i += 97) {  // ten thousand years
    const absl::CivilSecond second = absl::CivilSecond(first + i) + (i * 7919L) % 86'400;
    const std::string text = absl::FormatCivilTime(second);
    const std::string plain =
        absl::StrCat(std::string(text.find('-') < 4 ? 4 - text.find('-') : 0, '0'),
                     text.substr(0, text.find('T')), " ", text.substr(text.find('T') + 1));
    int64_t ms = 0;
    ASSERT_TRUE(format->Read(plain, &ms)) << plain;
    ASSERT_EQ(ms, (second - absl::CivilSecond(1970, 1, 1)) * 1000) << plain;
  }
}

TEST(TimeFormat, PartsOfASecondAndOffsets) {
  struct Case {
    const char* format;
    const char* text;
    const char* instant;  // RFC 3339
    bool has_offset;
  };
  for (const Case& c : {
           Case{"%Y-%m-%d %H:%M:%E*S", "2011-07-01 01:02:03.4567", "2011-07-01T01:02:03.456Z",
                false},
           Case{"%Y-%m-%d %H:%M:%E3S", "2011-07-01 01:02:03.4", "2011-07-01T01:02:03.4Z", false},
           Case{"%Y-%m-%dT%H:%M:%S%Ez", "2011-07-01T01:02:03+08:00", "2011-06-30T17:02:03Z", true},
           Case{"%Y-%m-%dT%H:%M:%S%Ez", "2011-07-01T01:02:03Z", "2011-07-01T01:02:03Z", true},
           Case{"%a %b %d %H:%M:%S %z %Y", "Fri Jul 01 01:02:03 -0400 2011", "2011-07-01T05:02:03Z",
                true},
           Case{"%s", "1309482123", "2011-07-01T01:02:03Z", true},
       }) {
    const absl::StatusOr<TimeFormat> format = TimeFormat::Compile(c.format);
    ASSERT_TRUE(format.ok()) << format.status();
    EXPECT_EQ(format->has_offset(), c.has_offset) << c.format;
    int64_t ms = 0;
    ASSERT_TRUE(format->Read(c.text, &ms)) << c.format;
    absl::Time expected;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, c.instant, &expected, nullptr));
    EXPECT_EQ(absl::FromUnixMillis(ms), expected) << c.format;
  }
}

TEST(TimeFormat, RefusesWhatCannotBeReadWithoutDoubt) {
  struct Case {
    const char* format;
    const char* said;
  };
  for (const Case& c : {
           Case{"", "needs a year"},
           Case{"yyyy-MM-dd", "needs a year"},
           Case{"%H:%M:%S", "needs a year"},
           Case{"%Y-%m", "needs a year"},
           Case{"%Y-%m-%d %I:%M", "%p"},
           Case{"%Y%m%d", "%E4Y"},
           Case{"%Y-%m-%d %Z", "\"%Z\" is not known"},
           Case{"%Y-%m-%d %", "\"%\" is not known"},
           Case{"%Y-%m-%d %Q", "\"%Q\" is not known"},
           Case{"%Y-%m-%d %E", "\"%E\" is not known"},
           Case{"%c", "not known"},
       }) {
    const absl::Status status = TimeFormat::Compile(c.format).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.format;
    EXPECT_NE(status.message().find(c.said), absl::string_view::npos) << status;
  }
  EXPECT_FALSE(TimeFormat::Compile("%Y-%m-%d" + std::string(200, ' ')).ok());
}

// ---- zones

int64_t LocalMs(const absl::CivilSecond& second) {
  return (second - absl::CivilSecond(1970, 1, 1)) * 1000;
}

TEST(LocalClock, AgreesWithAbslNearEveryChangeOfTheClocks) {
  for (const char* name :
       {"America/New_York", "Europe/London", "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Apia",
        "Africa/Monrovia", "UTC", "Asia/Kathmandu"}) {
    const absl::TimeZone zone = Zone(name);
    LocalClock clock(zone, v1::AMBIGUOUS_HOUR_UNSPECIFIED, v1::SKIPPED_HOUR_UNSPECIFIED);
    LocalClock later(zone, v1::AMBIGUOUS_HOUR_LATER, v1::SKIPPED_HOUR_BEFORE);
    std::vector<absl::CivilSecond> seconds;
    absl::Time at = absl::FromCivil(absl::CivilDay(1965, 1, 1), zone);
    absl::TimeZone::CivilTransition change;
    while (zone.NextTransition(at, &change) && change.from.year() < 2075) {
      for (const absl::CivilSecond& edge : {change.from, change.to}) {
        for (const int step :
             {-3601, -3600, -1801, -1, 0, 1, 899, 1799, 1800, 3599, 3600, 90'000}) {
          seconds.push_back(edge + step);
        }
      }
      const absl::Time next = zone.At(change.to).trans;
      at = next > at ? next : at + absl::Hours(24);
    }
    std::mt19937 dice(7);
    for (int i = 0; i < 20'000; ++i) {
      seconds.push_back(absl::CivilSecond(1970, 1, 1) + static_cast<int64_t>(dice()));
    }
    for (const absl::CivilSecond& second : seconds) {
      const absl::TimeZone::TimeInfo info = zone.At(second);
      const int64_t pre = absl::ToUnixMillis(info.pre) + 7;
      const int64_t post = absl::ToUnixMillis(info.post) + 7;
      int64_t ms = 0;
      ASSERT_EQ(clock.At(LocalMs(second) + 7, &ms), LocalClock::Answer::kInstant);
      ASSERT_EQ(ms, pre) << name << " " << absl::FormatCivilTime(second);
      ASSERT_EQ(later.At(LocalMs(second) + 7, &ms), LocalClock::Answer::kInstant);
      ASSERT_EQ(ms, post) << name << " " << absl::FormatCivilTime(second);
    }
  }
}

TEST(LocalClock, TheHourThatComesTwiceAndTheOneThatDoesNotCome) {
  const absl::TimeZone zone = Zone("America/New_York");
  const int64_t twice = LocalMs(absl::CivilSecond(2011, 11, 6, 1, 30, 0));
  const int64_t never = LocalMs(absl::CivilSecond(2011, 3, 13, 2, 30, 0));
  const auto at = [&](v1::AmbiguousHour ambiguous, v1::SkippedHour skipped, int64_t local) {
    LocalClock clock(zone, ambiguous, skipped);
    int64_t ms = 0;
    switch (clock.At(local, &ms)) {
      case LocalClock::Answer::kInstant: break;
      case LocalClock::Answer::kAmbiguous: return std::string("ambiguous");
      case LocalClock::Answer::kSkipped: return std::string("skipped");
    }
    return absl::FormatTime("%m-%dT%H:%M%Ez", absl::FromUnixMillis(ms), zone);
  };
  const auto any = v1::SKIPPED_HOUR_UNSPECIFIED;
  EXPECT_EQ(at(v1::AMBIGUOUS_HOUR_UNSPECIFIED, any, twice), "11-06T01:30-04:00") << "first pass";
  EXPECT_EQ(at(v1::AMBIGUOUS_HOUR_EARLIER, any, twice), "11-06T01:30-04:00");
  EXPECT_EQ(at(v1::AMBIGUOUS_HOUR_LATER, any, twice), "11-06T01:30-05:00");
  EXPECT_EQ(at(v1::AMBIGUOUS_HOUR_REJECT, any, twice), "ambiguous");
  EXPECT_EQ(at(v1::AMBIGUOUS_HOUR_REJECT, any, twice + 3'600'000), "11-06T02:30-05:00");
  const auto first = v1::AMBIGUOUS_HOUR_UNSPECIFIED;
  EXPECT_EQ(at(first, v1::SKIPPED_HOUR_UNSPECIFIED, never), "03-13T03:30-04:00") << "as far behind";
  EXPECT_EQ(at(first, v1::SKIPPED_HOUR_AFTER, never), "03-13T03:30-04:00");
  EXPECT_EQ(at(first, v1::SKIPPED_HOUR_BEFORE, never), "03-13T01:30-05:00");
  EXPECT_EQ(at(first, v1::SKIPPED_HOUR_REJECT, never), "skipped");
}

// ---- rules

class TimeRuleTest : public testing::Test {
 protected:
  absl::StatusOr<TimeRule> Compile(std::vector<std::string> formats, const LocalClock* clock) {
    v1::TimeValue value;
    value.set_column("at");
    for (const std::string& format : formats) value.add_formats(format);
    return TimeRule::Compile("incident.due", value, {columns_, none_, clock, months_});
  }

  const std::vector<std::string> header_ = {"id", "at", "hour"};
  const Columns columns_{header_, {"?"}};
  const std::vector<std::string> none_;
  MonthNames months_;
  const LocalClock clock_{Zone("America/New_York"), v1::AMBIGUOUS_HOUR_REJECT,
                          v1::SKIPPED_HOUR_REJECT};
};

TEST_F(TimeRuleTest, EveryAnswer) {
  absl::StatusOr<TimeRule> rule = Compile({"%Y-%m-%d %H:%M:%S", "%m/%d/%Y"}, &clock_);
  ASSERT_TRUE(rule.ok()) << rule.status();
  using Answer = TimeRule::Answer;
  struct Case {
    const char* text;
    Answer answer;
    const char* why;
  };
  for (const Case& c : {
           Case{"2011-07-01 01:02:03", Answer::kInstant, "the first format"},
           Case{" 2011-07-01 01:02:03 ", Answer::kInstant, "blanks at both ends"},
           Case{"7/1/2011", Answer::kInstant, "the second format"},
           Case{"", Answer::kMissing, "nothing"},
           Case{" ", Answer::kMissing, "blanks"},
           Case{" ? ", Answer::kMissing, "a spelling of the mapping"},
           Case{"soon", Answer::kUnreadable, "no time"},
           Case{"2011-11-06 01:30:00", Answer::kAmbiguous, "comes twice"},
           Case{"2011-03-13 02:30:00", Answer::kSkipped, "does not come"},
           Case{"1969-12-31 00:00:00", Answer::kOutOfRange, "before the ledger's beginning"},
           Case{"1900-01-01 00:00:00", Answer::kOutOfRange, "what some systems write for nothing"},
           Case{"1969-12-31 19:00:00", Answer::kOutOfRange, "0 in UTC"},
           Case{"1969-12-31 19:00:01", Answer::kInstant, "the first second in UTC"},
           Case{"9999-12-31 12:00:00", Answer::kInstant, "far off"},
           Case{"9999-12-31 23:59:59", Answer::kOutOfRange, "the year 10000 in UTC"},
           Case{"12011-07-01 01:02:03", Answer::kOutOfRange, "a slip of the key"},
       }) {
    const std::vector<absl::string_view> row = {"1", c.text, ""};
    int64_t ms = 0;
    EXPECT_EQ(rule->Read(row, &ms), c.answer) << c.why;
  }
  EXPECT_EQ(rule->WhyNot(Answer::kUnreadable),
            "not a time of the form %Y-%m-%d %H:%M:%S or %m/%d/%Y");
  for (const Answer answer :
       {Answer::kMissing, Answer::kAmbiguous, Answer::kSkipped, Answer::kOutOfRange}) {
    EXPECT_FALSE(rule->WhyNot(answer).empty());
  }
}

TEST_F(TimeRuleTest, WhatIsLaterThanMayBeIsNoInstant) {
  v1::TimeValue value;
  value.set_column("at");
  value.add_formats("%Y-%m-%d");
  auto rule = TimeRule::Compile(
      "facts[1].at", value,
      {columns_, none_, &clock_, months_,
       absl::FromCivil(absl::CivilHour(2026, 11, 29, 0), Zone("America/New_York"))});
  ASSERT_TRUE(rule.ok()) << rule.status();
  int64_t ms = 0;
  const auto read = [&](absl::string_view at) {
    return rule->Read(std::vector<absl::string_view>{"1", at, ""}, &ms);
  };
  EXPECT_EQ(read("2026-11-29"), TimeRule::Answer::kInstant);
  EXPECT_EQ(read("2026-11-30"), TimeRule::Answer::kTooLate);
  EXPECT_EQ(read("9999-12-31"), TimeRule::Answer::kTooLate);
  EXPECT_EQ(rule->WhyNot(TimeRule::Answer::kTooLate),
            "later than the present; if it stands for no value, list it as missing");
}

TEST_F(TimeRuleTest, ADateAndAnHourInTwoColumns) {
  v1::Mapping mapping;
  v1::TimeValue value;
  value.set_column("at");
  value.set_with("hour");
  value.add_formats("%d.%m.%Y %H:%M");
  value.add_formats("%d.%m.%Y");
  auto rule = TimeRule::Compile("facts[1].at", value, {columns_, none_, &clock_, months_});
  ASSERT_TRUE(rule.ok()) << rule.status();
  int64_t ms = 0;
  const auto read = [&](absl::string_view at, absl::string_view hour) {
    const std::vector<absl::string_view> row = {"1", at, hour};
    return rule->Read(row, &ms) == TimeRule::Answer::kInstant
               ? absl::FormatTime("%m-%dT%H:%M", absl::FromUnixMillis(ms), Zone("America/New_York"))
               : "none";
  };
  EXPECT_EQ(read("1.7.2011", "08:05"), "07-01T08:05");
  EXPECT_EQ(read(" 01.07.2011 ", " 8:05 "), "07-01T08:05");
  EXPECT_EQ(read("1.7.2011", "?"), "07-01T00:00") << "the date alone";
  EXPECT_EQ(read("", "08:05"), "none");
  EXPECT_EQ(read("1.7.2011", "soon"), "none");
  value.set_with("our");
  EXPECT_EQ(TimeRule::Compile("facts[1].at", value, {columns_, none_, &clock_, months_})
                .status()
                .message(),
            "facts[1].at.with: there is no column \"our\"; did you mean hour?");
}

TEST_F(TimeRuleTest, CountsSince1970) {
  auto seconds = Compile({"seconds"}, nullptr);
  auto milliseconds = Compile({"milliseconds", "%Y-%m-%dT%H:%M:%SZ%z"}, nullptr);
  ASSERT_TRUE(seconds.ok() && milliseconds.ok()) << "they tell the instant: no zone is needed";
  const auto read = [&](TimeRule& rule, absl::string_view text) {
    int64_t ms = 0;
    const std::vector<absl::string_view> row = {"1", text, ""};
    return rule.Read(row, &ms) == TimeRule::Answer::kInstant ? ms : -1;
  };
  EXPECT_EQ(read(*seconds, "1579872000"), 1579872000000);
  EXPECT_EQ(read(*seconds, "1579872000.5"), 1579872000500);
  EXPECT_EQ(read(*seconds, "1579872000.123987"), 1579872000123) << "cut off";
  EXPECT_EQ(read(*milliseconds, "1579872000123"), 1579872000123);
  EXPECT_EQ(read(*milliseconds, "1579872000123.9"), 1579872000123);
  for (const char* bad :
       {"", "-5", "1.", ".5", "1,5", "1e12", "0", "1579872000x", "9999999999999999"}) {
    EXPECT_EQ(read(*seconds, bad), -1) << bad;
    EXPECT_EQ(read(*milliseconds, bad), -1) << bad;
  }
}

TEST_F(TimeRuleTest, MonthsInAnotherLanguage) {
  v1::Mapping mapping;
  for (const char* name : {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août",
                           "sept.", "oct.", "nov.", "déc."}) {
    mapping.add_month_names(name);
  }
  auto months = MonthNames::Compile(mapping);
  ASSERT_TRUE(months.ok()) << months.status();
  months_ = *months;
  auto rule = Compile({"%d %b %Y"}, &clock_);
  ASSERT_TRUE(rule.ok()) << rule.status();
  int64_t ms = 0;
  const auto read = [&](absl::string_view text) {
    const std::vector<absl::string_view> row = {"1", text, ""};
    return rule->Read(row, &ms) == TimeRule::Answer::kInstant
               ? absl::FormatTime("%Y-%m-%d", absl::FromUnixMillis(ms), Zone("America/New_York"))
               : "none";
  };
  EXPECT_EQ(read("5 févr. 2024"), "2024-02-05");
  EXPECT_EQ(read("31 Mars 2024"), "2024-03-31");
  EXPECT_EQ(read("1 août 2024"), "2024-08-01");
  EXPECT_EQ(read("1 Aug 2024"), "2024-08-01") << "English is known all the same";
  EXPECT_EQ(read("1 brumaire 2024"), "none");
  mapping.mutable_month_names()->RemoveLast();
  EXPECT_EQ(MonthNames::Compile(mapping).status().message(),
            "month_names: twelve names, January first, and not 11");
  mapping.add_month_names("MAI");
  EXPECT_EQ(MonthNames::Compile(mapping).status().message(),
            "month_names: \"mai\" stands there twice");
}

TEST_F(TimeRuleTest, RefusesWhatTheMappingLeavesOpen) {
  EXPECT_EQ(Compile({}, &clock_).status().message(),
            "incident.due: no format: name time_formats, e.g. \"%Y-%m-%d %H:%M:%S\"");
  EXPECT_NE(Compile({"%Y-%m-%d"}, nullptr).status().message().find("names no zone"),
            absl::string_view::npos);
  EXPECT_TRUE(Compile({"%Y-%m-%dT%H:%M:%S%Ez"}, nullptr).ok()) << "an offset needs no zone";
  EXPECT_FALSE(Compile(std::vector<std::string>(17, "%Y-%m-%d"), &clock_).ok());
  EXPECT_NE(Compile({"%Y"}, &clock_).status().message().find("incident.due: \"%Y\" is no format"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace gridledger::mapping
