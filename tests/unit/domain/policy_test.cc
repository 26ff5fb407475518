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

TEST(PolicyTest, TheClockIsThatOfTheZoneElseUtc) {
  const absl::Time at = absl::FromUnixSeconds(1'320'559'200);  // 2011-11-06 06:00 UTC
  const struct {
    const char* why;
    const char* zone;
    int hour;
  } rows[] = {
      {"China, all year the same", "Asia/Shanghai", 14},
      {"the first hour after summer time", "America/New_York", 1},
      {"no zone is UTC", "", 6},
      {"nor is one that nobody knows", "Mars/Olympus", 6},
  };
  for (const auto& row : rows) {
    v1::Policy policy;
    policy.set_zone(row.zone);
    const Compiled compiled(policy);
    EXPECT_EQ(compiled.local_time().At(at).cs.hour(), row.hour) << row.why;
    EXPECT_EQ(compiled.zone(), row.zone) << row.why;
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
  EXPECT_TRUE(state.IsInForce(first));
  const Digest with_first = tables.digest();

  const v1::Policy second = Named("p2");
  state.Activate(second);
  EXPECT_EQ(state.now().version(), "p2");
  EXPECT_EQ(state.now().Limit(CategoryCode("order")), std::nullopt);
  EXPECT_FALSE(state.IsInForce(first));
  EXPECT_NE(tables.digest(), with_first) << "which policy is in force is part of the state";

  state.Activate(first);
  EXPECT_EQ(tables.digest(), with_first);
}

}  // namespace
}  // namespace gridledger::policy
