// A policy made ready for look-ups: limits, the responsibility list, the ladder, the clock.
#include "services/domain/policy/policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gridledger::policy {
namespace {

v1::Policy Named(const std::string& version) {
  v1::Policy policy;
  policy.set_version(version);
  policy.set_default_unit("office");
  return policy;
}

// ---- 权责清单 -----------------------------------------------------------------------------------

TEST(PolicyTest, TheFirstEntryThatFitsIsResponsible) {
  v1::Policy policy = Named("p1");
  const auto list = [&](const char* category, const char* area, const char* unit) {
    v1::Responsibility& item = *policy.add_responsibilities();
    item.set_category(category);
    item.set_area(area);
    item.set_unit(unit);
  };
  list("order", "grid-7", "grid-team");
  list("order", "changzhen", "order-changzhen");
  list("", "tangwei", "tangwei-team");
  list("order", "", "order-team");
  list("order", "grid-9", "never");  // everything of its category was placed before it
  list("waste", "grid-7", "waste-7");
  list("", "grid-7", "all-7");
  const Compiled compiled(policy);
  const struct {
    const char* why;
    const char* category;
    const char* community;
    const char* area;
    const char* unit;
    bool by_list;
  } rows[] = {
      {"category and grid", "order", "changzhen", "grid-7", "grid-team", true},
      {"category and community", "order", "changzhen", "grid-1", "order-changzhen", true},
      {"category and community, the grid unknown", "order", "changzhen", "", "order-changzhen",
       true},
      {"any category of a place, as it stands before the category's own", "order", "tangwei", "",
       "tangwei-team", true},
      {"the category everywhere", "order", "yutang", "", "order-team", true},
      {"an earlier entry wins, also over a more specific one", "order", "yutang", "grid-9",
       "order-team", true},
      {"the category's own entry, as it stands before the one for any", "waste", "yutang", "grid-7",
       "waste-7", true},
      {"an unknown category falls to the place", "noise", "yutang", "grid-7", "all-7", true},
      {"no category at all, too", "", "yutang", "grid-7", "all-7", true},
      {"a gap: the default unit, and that it is one", "noise", "yutang", "", "office", false},
      {"a known category outside its place is a gap", "waste", "yutang", "grid-1", "office", false},
      {"nowhere is a gap", "noise", "", "", "office", false},
  };
  for (const auto& row : rows) {
    const Responsible found = compiled.ResponsibleFor(
        CategoryCode(row.category), CommunityCode(row.community), AreaCode(row.area));
    EXPECT_EQ(found.unit.text(), row.unit) << row.why;
    EXPECT_EQ(found.by_list, row.by_list) << row.why;
  }
}

TEST(PolicyTest, NobodyIsResponsibleWhereNobodyIsNamed) {
  const Responsible found =
      Compiled().ResponsibleFor(CategoryCode("order"), CommunityCode("changzhen"), AreaCode());
  EXPECT_TRUE(found.unit.empty());
  EXPECT_FALSE(found.by_list);
}

// ---- limits, ladder, clock ----------------------------------------------------------------------

TEST(PolicyTest, ACategoryHasItsLimitOrNone) {
  v1::Policy policy;
  for (const auto& [code, minutes] : std::vector<std::pair<const char*, uint32_t>>{
           {"order", 120}, {"park", 60'480}, {"publicity", 0}}) {
    v1::Category& category = *policy.add_categories();
    category.set_code(code);
    category.set_limit_minutes(minutes);
  }
  const Compiled compiled(policy);
  EXPECT_EQ(compiled.Limit(CategoryCode("order")), absl::Hours(2));
  EXPECT_EQ(compiled.Limit(CategoryCode("park")), absl::Hours(42 * 24)) << "six weeks";
  EXPECT_EQ(compiled.Limit(CategoryCode("publicity")), std::nullopt) << "counted, never due";
  EXPECT_EQ(compiled.Limit(CategoryCode("ORDER")), std::nullopt) << "codes are compared by byte";
  EXPECT_EQ(compiled.Limit(CategoryCode("")), std::nullopt);
}

TEST(PolicyTest, TheLadderIsClimbedInTheOrderOfItsDelays) {
  v1::Policy policy;
  policy.mutable_escalation()->set_warn_percent(80);
  const auto level = [&](uint32_t after_minutes, const char* post) {
    v1::Level& added = *policy.mutable_escalation()->add_levels();
    added.set_after_minutes(after_minutes);
    added.set_post(post);
  };
  level(480, "community-head");
  level(30, "grid-chief");
  level(30, "deputy");  // as soon as the chief: after him, as written
  level(0, "shift-leader");
  const Compiled compiled(policy);
  EXPECT_EQ(compiled.warn_percent(), 80);
  std::string climbed;
  for (const Rung& rung : compiled.ladder()) {
    climbed += absl::FormatDuration(rung.after) + " " + rung.post + "; ";
  }
  EXPECT_EQ(climbed, "0 shift-leader; 30m grid-chief; 30m deputy; 8h community-head; ");
}

TEST(PolicyTest, TheClockIsThatOfItsRulesElseOfTheNameElseUtc) {
  const absl::Time at = absl::FromUnixSeconds(1'320'559'200);  // 2011-11-06 06:00 UTC
  v1::ZoneRules three_hours;
  three_hours.add_offsets_s(3 * 3600);
  v1::ZoneRules none;
  const struct {
    const char* why;
    const char* zone;
    const v1::ZoneRules* rules;
    int hour;
    bool known;
  } rows[] = {
      {"the rules, and not what the name would be", "Asia/Shanghai", &three_hours, 9, true},
      {"of a zone that nobody else knows", "Mars/Olympus", &three_hours, 9, true},
      {"an older ledger names it only", "Asia/Shanghai", nullptr, 14, true},
      {"the first hour after summer time", "America/New_York", nullptr, 1, true},
      {"no zone is UTC", "", nullptr, 6, true},
      {"so is one that nobody knows", "Mars/Olympus", nullptr, 6, false},
      {"and one whose rules are none", "Asia/Shanghai", &none, 6, false},
  };
  for (const auto& row : rows) {
    v1::Policy policy;
    policy.set_zone(row.zone);
    if (row.rules != nullptr) *policy.mutable_zone_rules() = *row.rules;
    EXPECT_EQ(Compiled(policy).zone().HourAt(at), row.hour) << row.why;
    EXPECT_EQ(FindZone(policy).has_value(), row.known) << row.why;
    EXPECT_EQ(CheckZoneRules(policy).ok(), row.rules != &none) << row.why;
  }
}

// ---- which one is in force ----------------------------------------------------------------------

TEST(PolicyTest, TheLastOneActivatedIsInForceAndNothingOfTheOneBefore) {
  TableSet tables;
  State state(tables);
  EXPECT_EQ(state.now().version(), "") << "before the first one: the empty policy";
  EXPECT_TRUE(state.now().default_unit().empty());

  v1::Policy first = Named("p1");
  first.add_categories()->set_code("order");
  first.mutable_categories(0)->set_limit_minutes(120);
  state.Activate(first);
  EXPECT_EQ(state.now().version(), "p1");
  EXPECT_EQ(state.now().Limit(CategoryCode("order")), absl::Hours(2));
  EXPECT_TRUE(state.IsInForce(first, absl::UnixEpoch()));
  const Digest with_first = tables.digest();

  const v1::Policy second = Named("p2");
  state.Activate(second);
  EXPECT_EQ(state.now().version(), "p2");
  EXPECT_EQ(state.now().Limit(CategoryCode("order")), std::nullopt);
  EXPECT_FALSE(state.IsInForce(first, absl::UnixEpoch()));
  EXPECT_NE(tables.digest(), with_first) << "which policy is in force is part of the state";

  state.Activate(first);
  EXPECT_EQ(tables.digest(), with_first);
}

TEST(PolicyTest, TheSamePolicyByAnotherTzdataIsInForceUntilItsHoursDiffer) {
  const absl::Time now = absl::FromUnixSeconds(5000);
  v1::Policy here = Named("p1");
  here.set_zone("Europe/Amsterdam");
  v1::ZoneRules& rules = *here.mutable_zone_rules();
  rules.set_source("tzdata 2025b");
  rules.set_until_s(100'000);
  rules.add_offsets_s(3600);
  rules.add_offsets_s(7200);
  rules.add_changes_after_s(1000);
  rules.add_changes_to(1);
  TableSet tables;
  State state(tables);
  state.Activate(here);

  v1::Policy there = here;
  there.mutable_zone_rules()->set_source("tzdata 2026a");
  EXPECT_TRUE(state.IsInForce(there, now)) << "only whose rules they are";
  there.mutable_zone_rules()->set_changes_after_s(0, 4000);
  EXPECT_TRUE(state.IsInForce(there, now)) << "the past has been counted";
  EXPECT_FALSE(state.IsInForce(there, absl::UnixEpoch()));
  there.mutable_zone_rules()->set_changes_after_s(0, 6000);
  EXPECT_FALSE(state.IsInForce(there, now)) << "the city's clocks will change at another time";
  there = here;
  there.set_default_unit("other");
  EXPECT_FALSE(state.IsInForce(there, now));

  // A ledger of an earlier build has the name alone.
  v1::Policy old = Named("p1");
  old.set_zone("Asia/Shanghai");
  state.Activate(old);
  v1::Policy fresh = old;
  fresh.mutable_zone_rules()->set_until_s(100'000);
  fresh.mutable_zone_rules()->add_offsets_s(8 * 3600);
  EXPECT_TRUE(state.IsInForce(fresh, now));
  fresh.mutable_zone_rules()->set_offsets_s(0, 9 * 3600);
  EXPECT_FALSE(state.IsInForce(fresh, now));
}

}  // namespace
}  // namespace gridledger::policy
