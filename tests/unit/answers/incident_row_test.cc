// Rows of a list of incidents: each filter by itself, the order, cursors, and a row as JSON.
#include "services/answers/incident_row.h"

#include <absl/strings/escaping.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace gridledger::answers {
namespace {

using incident::Incident;
using incident::Phase;

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

// A case that somebody handles, due at ten.
Incident SomeCase() {
  Incident is;
  is.phase = Phase::kHandling;
  is.category = CategoryCode("waste");
  is.community = CommunityCode("changzhen");
  is.area = AreaCode("grid-7");
  is.unit = UnitCode("sanitation");
  is.member = MemberCode("m1");
  is.reported_at = kNine - absl::Hours(2);
  is.filed_at = kNine - absl::Hours(1);
  is.due_at = kNine + absl::Hours(1);
  is.level = 1;
  return is;
}
Incident ClosedCase(absl::Time at) {
  Incident is = SomeCase();
  is.phase = Phase::kClosed;
  is.closed_at = at;
  return is;
}
Incident Changed(const std::function<void(Incident&)>& change) {
  Incident is = SomeCase();
  change(is);
  return is;
}

TEST(IncidentRowTest, EachFilterByItself) {
  using Filter = IncidentFilter;
  const Incident closed = ClosedCase(kNine);
  const struct {
    const char* why;
    std::function<void(Filter&)> ask;
    Incident fits, other;
  } rows[] = {
      {"nothing asked for: the open ones", [](Filter&) {}, SomeCase(), closed},
      {"overdue", [](Filter& f) { f.overdue = true; },
       Changed([](Incident& is) { is.due_at = kNine - absl::Milliseconds(1); }),
       Changed([](Incident& is) { is.due_at = kNine; })},
      {"overdue: not while the clock stands", [](Filter& f) { f.overdue = true; },
       Changed([](Incident& is) {
         is.due_at = kNine - absl::Hours(1);
         is.paused_at = kNine - absl::Minutes(30);
       }),
       Changed([](Incident& is) {
         is.due_at = kNine - absl::Hours(1);
         is.paused_at = kNine - absl::Hours(2);
       })},
      {"unit", [](Filter& f) { f.unit = "sanitation"; }, SomeCase(),
       Changed([](Incident& is) { is.unit = UnitCode(); })},
      {"category", [](Filter& f) { f.category = "waste"; }, SomeCase(),
       Changed([](Incident& is) { is.category = CategoryCode("wastes"); })},
      {"area: the grid", [](Filter& f) { f.area = "grid-7"; }, SomeCase(),
       Changed([](Incident& is) { is.area = AreaCode("grid-8"); })},
      {"area: the community", [](Filter& f) { f.area = "changzhen"; }, SomeCase(),
       Changed([](Incident& is) { is.community = CommunityCode("yulv"); })},
      {"community", [](Filter& f) { f.community = "changzhen"; }, SomeCase(),
       Changed([](Incident& is) {
         is.community = CommunityCode("yulv");
         is.area = AreaCode("changzhen");
       })},
      {"member", [](Filter& f) { f.member = "m1"; }, SomeCase(),
       Changed([](Incident& is) { is.member = MemberCode("m2"); })},
      {"phases", [](Filter& f) { f.phases = {Phase::kFiled, Phase::kHandling}; }, SomeCase(),
       Changed([](Incident& is) { is.phase = Phase::kHandled; })},
      {"phases of what is not open", [](Filter& f) { f.phases = {Phase::kClosed}; }, closed,
       SomeCase()},
      {"green", [](Filter& f) { f.light = Light::kGreen; }, SomeCase(),
       Changed([](Incident& is) { is.warned = true; })},
      {"yellow", [](Filter& f) { f.light = Light::kYellow; },
       Changed([](Incident& is) { is.warned = true; }),
       Changed([](Incident& is) { is.warned = is.missed = true; })},
      {"yellow is not green", [](Filter& f) { f.light = Light::kYellow; },
       Changed([](Incident& is) { is.warned = true; }), SomeCase()},
      {"red", [](Filter& f) { f.light = Light::kRed; },
       Changed([](Incident& is) { is.missed = true; }),
       Changed([](Incident& is) { is.warned = true; })},
      {"missed", [](Filter& f) { f.missed = true; },
       Changed([](Incident& is) { is.missed = true; }), SomeCase()},
      {"not missed", [](Filter& f) { f.missed = false; }, SomeCase(),
       Changed([](Incident& is) { is.missed = true; })},
      {"reported from", [](Filter& f) { f.reported_from = kNine; },
       Changed([](Incident& is) { is.reported_at = kNine; }),
       Changed([](Incident& is) { is.reported_at = kNine - absl::Milliseconds(1); })},
      {"reported until", [](Filter& f) { f.reported_until = kNine; },
       Changed([](Incident& is) { is.reported_at = kNine - absl::Milliseconds(1); }),
       Changed([](Incident& is) { is.reported_at = kNine; })},
      {"due from", [](Filter& f) { f.due_from = kNine; },
       Changed([](Incident& is) { is.due_at = kNine; }),
       Changed([](Incident& is) { is.due_at = kNine - absl::Milliseconds(1); })},
      {"due until", [](Filter& f) { f.due_until = kNine; },
       Changed([](Incident& is) { is.due_at = kNine - absl::Milliseconds(1); }),
       Changed([](Incident& is) { is.due_at = kNine; })},
      {"due at all", [](Filter& f) { f.due_until = kNine + absl::Hours(9); }, SomeCase(),
       Changed([](Incident& is) { is.due_at.reset(); })},
      {"closed from", [](Filter& f) { f.closed_from = kNine; }, closed,
       ClosedCase(kNine - absl::Milliseconds(1))},
      {"closed until", [](Filter& f) { f.closed_until = kNine; },
       ClosedCase(kNine - absl::Milliseconds(1)), closed},
      {"closed at all", [](Filter& f) { f.closed_from = kNine - absl::Hours(9); }, closed,
       SomeCase()},
      {"level", [](Filter& f) { f.level_min = 1; }, SomeCase(),
       Changed([](Incident& is) { is.level = 0; })},
  };
  for (const auto& row : rows) {
    IncidentFilter filter;
    row.ask(filter);
    EXPECT_TRUE(filter.Fits(IncidentId("c1"), row.fits, kNine)) << row.why;
    EXPECT_FALSE(filter.Fits(IncidentId("c1"), row.other, kNine)) << row.why;
  }
}

TEST(IncidentRowTest, AllAreThoseThatAreNotOpenToo) {
  IncidentFilter filter;
  filter.all = true;
  EXPECT_TRUE(filter.Fits(IncidentId("c1"), SomeCase(), kNine));
  EXPECT_TRUE(filter.Fits(IncidentId("c1"), ClosedCase(kNine), kNine));
}

TEST(IncidentRowTest, AnIdIsFoundByAnyPartOfIt) {
  IncidentFilter filter;
  filter.id_contains = "0042";
  EXPECT_TRUE(filter.Fits(IncidentId("YT-00000042"), SomeCase(), kNine));
  EXPECT_FALSE(filter.Fits(IncidentId("YT-00000024"), SomeCase(), kNine));
}

TEST(IncidentRowTest, FiltersAddUp) {
  IncidentFilter filter;
  filter.unit = "sanitation";
  filter.category = "order";
  EXPECT_FALSE(filter.Fits(IncidentId("c1"), SomeCase(), kNine));
}

TEST(IncidentRowTest, LightsAndPhasesAreCalledByTheirNames) {
  for (const Light light : {Light::kGreen, Light::kYellow, Light::kRed}) {
    EXPECT_EQ(LightCalled(LightName(light)), light);
  }
  EXPECT_EQ(LightCalled("blue"), std::nullopt);
  for (int i = 1; i <= 13; ++i) {
    const auto phase = static_cast<Phase>(i);
    EXPECT_EQ(PhaseCalled(incident::PhaseName(phase)), phase) << i;
  }
  EXPECT_EQ(PhaseCalled(incident::PhaseName(Phase::kNone)), std::nullopt);
  EXPECT_EQ(PhaseCalled("asleep"), std::nullopt);
}

// In their order.
std::vector<UrgencyKey> Keys() {
  const absl::Time never = absl::InfiniteFuture();
  return {{kNine - absl::Hours(1), kNine, IncidentId("c9"), Partition{7}},
          {kNine, kNine - absl::Hours(3), IncidentId("c8"), Partition{0}},
          {kNine, kNine - absl::Hours(2), IncidentId("c1"), Partition{3}},
          {kNine, kNine - absl::Hours(2), IncidentId("c2"), Partition{1}},
          {kNine, kNine - absl::Hours(2), IncidentId("c2"), Partition{2}},
          {never, kNine - absl::Hours(9), IncidentId("长圳-1"), Partition{0}},
          {never, kNine, IncidentId(std::string("a\0b", 3)), Partition{0}}};
}

TEST(IncidentRowTest, TheMostUrgentComeFirst) {
  std::vector<UrgencyKey> keys = Keys();
  std::reverse(keys.begin(), keys.end());
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, Keys());
  Incident is = SomeCase();
  EXPECT_EQ(UrgencyOf(IncidentId("c1"), Partition{2}, is),
            (UrgencyKey{*is.due_at, is.reported_at, IncidentId("c1"), Partition{2}}));
  is.due_at.reset();
  EXPECT_EQ(UrgencyOf(IncidentId("c1"), Partition{2}, is).due_at, absl::InfiniteFuture());
}

TEST(IncidentRowTest, ACursorIsReadAsItWasWritten) {
  constexpr absl::string_view kSafe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const UrgencyKey& key : Keys()) {
    const std::string cursor = CursorOf(key);
    EXPECT_EQ(cursor.find_first_not_of(kSafe.data(), 0, kSafe.size()), std::string::npos) << cursor;
    EXPECT_EQ(ParseCursor(cursor), key) << cursor;
  }
}

TEST(IncidentRowTest, WhatIsNoCursorIsNone) {
  const std::string cursor = CursorOf(Keys()[0]);
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(cursor, &bytes));
  for (size_t length = 0; length < cursor.size(); ++length) {
    EXPECT_EQ(ParseCursor(cursor.substr(0, length)), std::nullopt) << "cut at " << length;
  }
  std::string newer = bytes;
  newer[0] = 2;
  const struct {
    const char* why;
    std::string text;
  } rows[] = {{"something behind", absl::WebSafeBase64Escape(bytes + "x")},
              {"of a later version", absl::WebSafeBase64Escape(newer)},
              {"a space before", " " + cursor},
              {"padding", cursor + "="},
              {"no base64", "!" + cursor.substr(1)},
              {"somebody's word", "next"},
              {"a number written longer",
               absl::WebSafeBase64Escape("\x81" + std::string(1, '\0') + bytes.substr(1))}};
  for (const auto& row : rows) EXPECT_EQ(ParseCursor(row.text), std::nullopt) << row.why;
}

TEST(IncidentRowTest, ARowAsJson) {
  EXPECT_EQ(RowJson(IncidentId("c1"), Partition{3}, SomeCase(), kNine + absl::Hours(2),
                    *policy::Zone::Named("Asia/Shanghai"))
                .dump(),
            R"({"id":"c1","partition":3,"phase":"handling","category":"waste",)"
            R"("community":"changzhen","area":"grid-7","unit":"sanitation","member":"m1",)"
            R"("reported_at":"2021-01-04T15:00:00+08:00","filed_at":"2021-01-04T16:00:00+08:00",)"
            R"("due_at":"2021-01-04T18:00:00+08:00","closed_at":null,"paused":false,)"
            R"("overdue":true,"light":"green","level":1})");
}

}  // namespace
}  // namespace gridledger::answers
