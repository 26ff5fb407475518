// The indexes: formulas as bulletins print them, the rules of "due" and "on time", and the hour.
#include "services/domain/metrics/metrics.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>

namespace gridledger::metrics {
namespace {

TEST(MetricsTest, RatesAreAsThePublishedOnes) {
  const struct {
    const char* why;
    int64_t numerator, denominator;
    int decimals;
    const char* printed;
  } rows[] = {
      {"Yutang, January 2021: 已整治 / 累计发布", 50'879, 52'297, 2, "97.29 %"},
      {"a bulletin's 立案率", 996, 1054, 2, "94.50 %"},
      {"a bulletin's 结案率", 911, 972, 2, "93.72 %"},
      {"a bulletin's 按期结案率", 737, 972, 2, "75.82 %"},
      {"half is rounded up", 1, 800, 2, "0.13 %"},
      {"below half is not", 1, 801, 2, "0.12 %"},
      {"all of it", 7, 7, 2, "100.00 %"},
      {"without decimals", 1, 3, 0, "33 %"},
      {"nothing of nothing is no rate", 0, 0, 2, "—"},
      {"large counts do not overflow", 4'000'000'000'000'000'000, 8'000'000'000'000'000'000, 2,
       "50.00 %"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(PrintedRate(row.numerator, row.denominator, row.decimals), row.printed) << row.why;
  }
}

TEST(MetricsTest, FormulasDivideTheRowsTheyName) {
  Row row;
  row[Count::kReported] = 1054;
  row[Count::kFiled] = 996;
  row[Count::kClosed] = 960;
  row[Count::kSolved] = 950;
  row[Count::kDueToClose] = 972;
  row[Count::kClosedOfDue] = 911;
  row[Count::kClosedOnTime] = 737;
  const struct {
    const char* name;
    int64_t numerator, denominator;
    const char* text;
  } rows[] = {{"filing", 996, 1054, "filed / reported"},
              {"closing", 911, 972, "closed_of_due / due_to_close"},
              {"on_time", 737, 972, "closed_on_time / due_to_close"},
              {"rectification", 950, 996, "solved / filed"}};
  for (const auto& expected : rows) {
    const Formula* formula = FindFormula(expected.name);
    ASSERT_NE(formula, nullptr) << expected.name;
    EXPECT_EQ(formula->Of(row).numerator, expected.numerator) << expected.name;
    EXPECT_EQ(formula->Of(row).denominator, expected.denominator) << expected.name;
    EXPECT_EQ(formula->Text(), expected.text);
  }
  EXPECT_EQ(FindFormula("mood"), nullptr);
  EXPECT_EQ(row.DeadlineMissed(), 972 - 737);
}

TEST(MetricsTest, CountsAreListedByNameInTheirOrder) {
  Row row;
  for (size_t i = 0; i < row.counts.size(); ++i) row.counts[i] = static_cast<int64_t>(100 + i * i);
  std::string listed;
  for (const NamedCount& count : NamedCounts()) {
    absl::StrAppend(&listed, count.name, "=", count.Of(row), " ");
  }
  EXPECT_EQ(listed,
            "reported=100 filed=101 open=104 closed=109 solved=116 due_to_close=125 "
            "closed_of_due=136 closed_on_time=149 deadline_missed=-24 voided=164 reopened=181 "
            "reworked=200 ");
  ASSERT_NE(FindCount("closed_of_due"), nullptr);
  EXPECT_EQ(FindCount("closed_of_due")->Of(row), 136);
  EXPECT_EQ(FindCount("mood"), nullptr);
}

// A partition of incidents, folded as the metrics service folds it.
class Sheets {
 public:
  explicit Sheets(const std::string& zone = "UTC") {
    v1::Policy policy;
    policy.set_zone(zone);
    for (const char* code : {"order", "waste"}) {
      v1::Category& category = *policy.add_categories();
      category.set_code(code);
      category.set_limit_minutes(60);
    }
    incidents_.policy.Activate(policy);
  }

  void Tell(absl::Time at, const std::string& id, const std::string& name,
            const std::string& category = "order", const std::string& unit = "u1") {
    v1::Fact fact;
    fact.set_incident_id(id);
    fact.set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
    fact.mutable_actor()->set_code("x1");
    fact.GetReflection()->MutableMessage(&fact, v1::Fact::descriptor()->FindFieldByName(name));
    if (fact.has_reported()) {
      fact.mutable_reported()->set_category(category);
      fact.mutable_reported()->set_community("changzhen");
    }
    if (fact.has_dispatched()) {
      fact.mutable_actor()->set_role(v1::ROLE_SOURCE);  // to whatever unit
      fact.mutable_dispatched()->set_unit(unit);
    }
    if (fact.has_closed()) fact.mutable_closed()->set_disposition(v1::DISPOSITION_UNCHECKED);
    now_ = at;
    EvolveTime(state_, at);
    incident::Evolve(incidents_, incident::Moment{Offset{++offset_}, at}, fact,
                     [&](const incident::Change& change) {
                       ASSERT_EQ(change.verdict, incident::Verdict::kApplied) << name;
                       EvolveChange(state_, change);
                     });
  }
  Row Of(absl::Time at, Dimension dimension = Dimension::kTotal, const std::string& key = "") {
    const Sheet sheet = AsOf(state_, at);
    EXPECT_TRUE(AsOf(Take(state_, now_, at), at).rows == sheet.rows) << "nor does a copy differ";
    const auto found = sheet.rows.find(RowKey{dimension, key});
    return found == sheet.rows.end() ? Row{} : found->second;
  }

 private:
  TableSet tables_;
  incident::State incidents_{tables_};
  State state_{tables_};
  absl::Time now_ = absl::InfinitePast();
  int64_t offset_ = -1;
};

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

TEST(MetricsTest, DueFromTheDeadlineOnAndOnTimeUpToIt) {
  Sheets sheets;
  for (const char* id : {"early", "sharp", "late", "open"}) {
    sheets.Tell(kNine, id, "reported");
    sheets.Tell(kNine, id, "filed");
  }
  const absl::Time due = kNine + absl::Hours(1);
  sheets.Tell(kNine + absl::Minutes(10), "early", "closed");
  EXPECT_EQ(sheets.Of(due - absl::Milliseconds(1))[Count::kDueToClose], 0) << "not due before it";
  EXPECT_EQ(sheets.Of(due)[Count::kDueToClose], 4) << "at the deadline it is";
  EXPECT_EQ(sheets.Of(due)[Count::kClosedOnTime], 1);
  sheets.Tell(due, "sharp", "closed");
  sheets.Tell(due + absl::Milliseconds(1), "late", "closed");
  const Row row = sheets.Of(due + absl::Hours(1));
  EXPECT_EQ(row[Count::kDueToClose], 4);
  EXPECT_EQ(row[Count::kClosedOfDue], 3);
  EXPECT_EQ(row[Count::kClosedOnTime], 2)
      << "closing in the very instant of the deadline is on time";
  EXPECT_EQ(row.DeadlineMissed(), 2);
  EXPECT_EQ(row[Count::kOpen], 1);
}

TEST(MetricsTest, WhatIsVoidedOrPausedIsNotDue) {
  Sheets sheets;
  for (const char* id : {"voided", "paused"}) {
    sheets.Tell(kNine, id, "reported");
    sheets.Tell(kNine, id, "filed");
  }
  sheets.Tell(kNine, "voided", "voided");
  sheets.Tell(kNine, "paused", "handling_paused");
  EXPECT_EQ(sheets.Of(kNine + absl::Hours(9))[Count::kDueToClose], 0);
  sheets.Tell(kNine + absl::Hours(9), "paused", "handling_resumed");
  EXPECT_EQ(sheets.Of(kNine + absl::Hours(9))[Count::kDueToClose], 0) << "an hour is left to it";
  EXPECT_EQ(sheets.Of(kNine + absl::Hours(10))[Count::kDueToClose], 1);
}

TEST(MetricsTest, ReopeningTakesTheClosingBack) {
  Sheets sheets;
  for (const char* name : {"reported", "filed", "closed"}) sheets.Tell(kNine, "c1", name);
  EXPECT_EQ(sheets.Of(kNine)[Count::kClosed], 1);
  sheets.Tell(kNine + absl::Hours(2), "c1", "reopened");
  const Row row = sheets.Of(kNine + absl::Hours(2));
  EXPECT_EQ(row[Count::kClosed], 0);
  EXPECT_EQ(row[Count::kOpen], 1);
  EXPECT_EQ(row[Count::kReopened], 1);
  EXPECT_EQ(row[Count::kReported], 1);
}

TEST(MetricsTest, EachDimensionSumsUpToTheTotal) {
  Sheets sheets;
  sheets.Tell(kNine, "c1", "reported", "order");
  sheets.Tell(kNine, "c2", "reported", "waste");
  sheets.Tell(kNine, "c2", "filed");
  sheets.Tell(kNine, "c2", "dispatched");
  EXPECT_EQ(sheets.Of(kNine)[Count::kReported], 2);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, "order")[Count::kReported], 1);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, "waste")[Count::kFiled], 1);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, "u1")[Count::kReported], 1)
      << "it moved with the dispatch";
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, "")[Count::kReported], 1) << "nobody's yet";
  EXPECT_EQ(sheets.Of(kNine, Dimension::kArea, "changzhen")[Count::kReported], 2);
}

TEST(MetricsTest, NamesWithoutEndAreCountedTogether) {
  Sheets sheets;
  for (size_t i = 0; i < kRowsMax; ++i) {
    sheets.Tell(kNine, absl::StrCat("c", i), "reported", absl::StrCat("k", i));
  }
  // The last of them came when the table was full, and one of those before is named once more.
  sheets.Tell(kNine, "late", "reported", "one-more");
  sheets.Tell(kNine, "old", "reported", "k7");
  const std::string others(kOtherNames);
  const int64_t before = sheets.Of(kNine, Dimension::kCategory, others)[Count::kOpen];
  EXPECT_GT(before, 1);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, "k7")[Count::kReported], 2);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, "one-more"), Row{});
  EXPECT_EQ(sheets.Of(kNine)[Count::kReported], static_cast<int64_t>(kRowsMax) + 2) << "all count";
  // What was counted there is taken off there.
  sheets.Tell(kNine, "late", "filed");
  sheets.Tell(kNine, "late", "closed");
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, others)[Count::kOpen], before - 1);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kCategory, "one-more"), Row{});
  EXPECT_EQ(ShownKey(RowKey{Dimension::kCategory, others}), "(other names)");
}

TEST(MetricsTest, AFullTableTakesNoNewNamesEvenWhenARowIsGone) {
  Sheets sheets;
  const auto send = [&](size_t incident, const std::string& unit) {
    sheets.Tell(kNine, absl::StrCat("c", incident), "dispatched", "", unit);
  };
  for (size_t i = 0; i < kRowsMax; ++i) {
    sheets.Tell(kNine, absl::StrCat("c", i), "reported");
    sheets.Tell(kNine, absl::StrCat("c", i), "filed");
    send(i, absl::StrCat("u", i));
  }
  const std::string others(kOtherNames);
  const Row before = sheets.Of(kNine, Dimension::kUnit, others);
  send(0, "u1");
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, "u0"), Row{}) << "its row is gone";
  send(2, "u0");
  send(3, "u0");
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, others)[Count::kOpen], before[Count::kOpen] + 2);
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, "u0"), Row{});
  send(2, "u1");
  send(3, "u1");
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, others), before) << "and taken off where it was";
  EXPECT_EQ(sheets.Of(kNine, Dimension::kUnit, "u1")[Count::kOpen], 4);
}

TEST(MetricsTest, TheHourIsThatOfTheLocalClockAlsoWhenItChanges) {
  Sheets boston("America/New_York");
  const absl::Time winter = absl::FromUnixSeconds(1'320'559'200);  // 2011-11-06 06:00 UTC
  boston.Tell(winter - absl::Hours(1), "summer", "reported");      // 01:00 EDT
  boston.Tell(winter, "winter", "reported");                       // 01:00 EST, an hour later
  boston.Tell(winter + absl::Hours(1), "later", "reported");
  EXPECT_EQ(boston.Of(winter + absl::Hours(2), Dimension::kHour, "01")[Count::kReported], 2);
  EXPECT_EQ(boston.Of(winter + absl::Hours(2), Dimension::kHour, "02")[Count::kReported], 1);
  Sheets india("Asia/Kolkata");  // half an hour off everybody else
  india.Tell(kNine, "c1", "reported");
  EXPECT_EQ(india.Of(kNine, Dimension::kHour, "14")[Count::kReported], 1);
}

}  // namespace
}  // namespace gridledger::metrics
