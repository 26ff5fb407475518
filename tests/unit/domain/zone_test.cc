// A zone's clock by the rules that a policy carries: it must say what Abseil says of the machine's
// files when they were read, and what nobody could change since.
#include "services/domain/policy/zone.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "services/runtime/adapters/zones/zone_rules.h"

namespace gridledger::policy {
namespace {

using ::testing::HasSubstr;

const absl::CivilSecond kEpoch(1970, 1, 1);
constexpr int64_t kNamedUntil_s = 2'145'916'800;  // 2038-01-01

// Each of them has something that a rule of thumb misses; then whatever the machine lists.
std::set<std::string> ManyZones() {
  std::set<std::string> names = {
      "UTC",
      "Asia/Shanghai",         // summer time from 1986 to 1991
      "Europe/Amsterdam",      //
      "America/New_York",      //
      "Australia/Lord_Howe",   // half an hour of summer time
      "Africa/Casablanca",     // four changes a year, back in Ramadan
      "Europe/Dublin",         // its winter time is the negative one
      "Pacific/Apia",          // skipped a whole day
      "Pacific/Kwajalein",     // likewise
      "Africa/Monrovia",       // 44 minutes and a half until 1972
      "America/Caracas",       // half an hour and back, no summer time
      "Asia/Kathmandu",        // quarters of an hour
      "Asia/Pyongyang",        //
      "America/Sao_Paulo",     // southern, given up
      "America/Havana",        // changes at midnight
      "Antarctica/Troll",      // two hours of summer time
      "America/Scoresbysund",  //
  };
  std::ifstream table("/usr/share/zoneinfo/zone1970.tab");
  for (std::string line; std::getline(table, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() >= 3 && !absl::StartsWith(line, "#")) names.insert(fields[2]);
  }
  return names;
}

absl::TimeZone OfTheMachine(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

// Up to the first instant where the two differ.
void ExpectSame(const Zone& zone, const absl::TimeZone& machine, int64_t until_s) {
  const auto expect_at = [&](absl::Time at) {
    const absl::TimeZone::CivilInfo info = machine.At(at);
    ASSERT_EQ(zone.OffsetAt(at), info.offset) << zone.name() << " at " << at;
    ASSERT_EQ(zone.HourAt(at), info.cs.hour()) << zone.name() << " at " << at;
    ASSERT_EQ(zone.CivilAt(at), info.cs) << zone.name() << " at " << at;
    // What was just shown, and what is an hour and a second around it: gaps and overlaps too.
    for (const int64_t beside_s : {0, -3601, -1800, -1, 1, 1800, 3601}) {
      const absl::CivilSecond civil = info.cs + beside_s;
      const absl::Time back = machine.At(civil).pre;
      if (back < absl::FromUnixSeconds(86'400) || back >= absl::FromUnixSeconds(until_s)) continue;
      ASSERT_EQ(zone.InstantOf(civil), back)
          << zone.name() << " at " << absl::FormatCivilTime(civil);
    }
  };
  absl::TimeZone::CivilTransition change;
  for (absl::Time at = absl::FromUnixSeconds(86'400); machine.NextTransition(at, &change);) {
    at = machine.At(change.from).pre;
    if (at >= absl::FromUnixSeconds(until_s - 86'400)) break;
    for (const int64_t beside_ms : {-3'600'000, -1, 0, 1, 3'600'000}) {
      expect_at(at + absl::Milliseconds(beside_ms));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  // 97 days and some hours: every time of the day and of the year comes by.
  for (int64_t at_s = 0; at_s < until_s; at_s += 8'390'021) {
    expect_at(absl::FromUnixSeconds(at_s));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(ZoneTest, TheRulesOfARecordSayWhatTheMachineSaidWhenTheyWereRead) {
  for (const std::string& name : ManyZones()) {
    const absl::StatusOr<v1::ZoneRules> rules = zones::ReadZoneRules(name);
    ASSERT_TRUE(rules.ok()) << rules.status();
    EXPECT_EQ(rules->until_s(), zones::kRulesUntil_s);
    EXPECT_LE(rules->ByteSizeLong(), 2048u) << name;
    const absl::StatusOr<Zone> zone = Zone::Of(name, *rules);
    ASSERT_TRUE(zone.ok()) << name << ": " << zone.status();
    EXPECT_EQ(zone->name(), name);
    ExpectSame(*zone, OfTheMachine(name), zones::kRulesUntil_s);
    if (HasFatalFailure()) return;
  }
}

TEST(ZoneTest, ANameAloneHasTheRulesThatTheLedgersOfEarlierBuildsWereFoldedBy) {
  const absl::StatusOr<v1::ZoneRules> rules = zones::ReadZoneRules("America/New_York");
  ASSERT_TRUE(rules.ok()) << rules.status();
  if (rules->source() != "tzdata 2025b") {
    GTEST_SKIP() << "the machine has " << rules->source() << ", the table is of tzdata 2025b";
  }
  for (const std::string& name : ManyZones()) {
    const std::optional<Zone> zone = Zone::Named(name);
    ASSERT_TRUE(zone.has_value()) << name;
    EXPECT_EQ(zone->name(), name);
    ExpectSame(*zone, OfTheMachine(name), kNamedUntil_s);
    if (HasFatalFailure()) return;
  }
}

TEST(ZoneTest, ANameAloneNeedsNoMachine) {
  const struct {
    const char* why;
    const char* zone;
    const char* at;
    int offset_min;
  } rows[] = {
      {"China, all year the same", "Asia/Shanghai", "2021-07-01T00:00:00Z", 480},
      {"but for some summers", "Asia/Shanghai", "1990-07-01T00:00:00Z", 540},
      {"by an older name", "PRC", "1990-07-01T00:00:00Z", 540},
      {"the last second before summer time", "America/New_York", "2011-03-13T06:59:59Z", -300},
      {"its first", "America/New_York", "2011-03-13T07:00:00Z", -240},
      {"its last", "America/New_York", "2011-11-06T05:59:59Z", -240},
      {"the first after it", "America/New_York", "2011-11-06T06:00:00Z", -300},
      {"before the table begins", "Europe/Amsterdam", "1970-01-01T00:00:00Z", 60},
      {"its last summer", "Europe/Amsterdam", "2037-07-01T00:00:00Z", 120},
      {"beyond it the last offset stays", "Europe/Amsterdam", "2038-07-01T00:00:00Z", 60},
      {"half an hour of summer time", "Australia/Lord_Howe", "2021-01-01T00:00:00Z", 660},
      {"no rules are needed", "UTC", "2021-01-01T00:00:00Z", 0},
      {"nor here", "Fixed/UTC-03:30:00", "2021-01-01T00:00:00Z", -210},
  };
  for (const auto& row : rows) {
    absl::Time at;
    std::string error;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_sec, row.at, &at, &error)) << error;
    const std::optional<Zone> zone = Zone::Named(row.zone);
    ASSERT_TRUE(zone.has_value()) << row.zone;
    EXPECT_EQ(zone->OffsetAt(at), row.offset_min * 60) << row.why;
  }
  for (const char* name : {"", "Mars/Olympus", "Shanghai", "Asia/Shangha", "America/New_York ", "|",
                           "\n", "Fixed/UTC+8", "Fixed/UTC+08:60:00", "Fixed/UTC*08:00:00",
                           "Fixed/UTC+99:00:00", "America/New_York Europe/Paris", "28800"}) {
    EXPECT_EQ(Zone::Named(name), std::nullopt) << name;
  }
}

TEST(ZoneTest, WhatThisMachineDoesNotKnowHasNoRules) {
  const struct {
    const char* name;
    const char* why;
  } rows[] = {
      {"Mars/Olympus", "is no zone that this machine knows"},
      {"localtime", "is no zone's name"},  // another one on every machine
      {"posixrules", "is no zone's name"},
      {"/usr/share/zoneinfo/Asia/Tokyo", "is no zone's name"},
      {"file:/etc/localtime", "is no zone's name"},
      {"Asia/../Asia/Tokyo", "is no zone's name"},
      {"", "is no zone's name"},
  };
  for (const auto& row : rows) {
    const absl::Status status = zones::ReadZoneRules(row.name).status();
    EXPECT_THAT(status.message(), HasSubstr(row.why)) << row.name;
  }
}

// ---- whatever a record says ---------------------------------------------------------------------

v1::ZoneRules TwoOffsets() {
  v1::ZoneRules rules;
  rules.set_until_s(zones::kRulesUntil_s);
  rules.add_offsets_s(3600);
  rules.add_offsets_s(7200);
  rules.add_changes_after_s(1000);
  rules.add_changes_to(1);
  return rules;
}

TEST(ZoneTest, RulesThatAreNoneAreRefused) {
  EXPECT_TRUE(Zone::Of("X", TwoOffsets()).ok());
  const struct {
    const char* why;
    void (*spoil)(v1::ZoneRules&);
  } rows[] = {
      {"0 offsets", [](v1::ZoneRules& r) { r.clear_offsets_s(); }},
      {"offsets, where",
       [](v1::ZoneRules& r) {
         for (int i = 0; i < 64; ++i) r.add_offsets_s(i);
       }},
      {"more than a day", [](v1::ZoneRules& r) { r.set_offsets_s(1, 86'401); }},
      {"more than a day", [](v1::ZoneRules& r) { r.set_offsets_s(0, INT32_MIN); }},
      {"as many changes", [](v1::ZoneRules& r) { r.add_changes_after_s(5); }},
      {"as many changes", [](v1::ZoneRules& r) { r.add_changes_to(0); }},
      {"not there", [](v1::ZoneRules& r) { r.set_changes_to(0, 2); }},
      {"not there", [](v1::ZoneRules& r) { r.set_changes_to(0, UINT32_MAX); }},
      {"at one instant", [](v1::ZoneRules& r) { r.set_changes_after_s(0, 0); }},
      {"after their end", [](v1::ZoneRules& r) { r.set_until_s(999); }},
      {"after their end", [](v1::ZoneRules& r) { r.set_changes_after_s(0, UINT32_MAX); }},
      {"before 1970", [](v1::ZoneRules& r) { r.set_until_s(-1); }},
      {"after 9999", [](v1::ZoneRules& r) { r.set_until_s(INT64_MAX); }},
      {"1025 changes",
       [](v1::ZoneRules& r) {
         for (int i = 0; i < 1024; ++i) {
           r.add_changes_after_s(1);
           r.add_changes_to(0);
         }
       }},
  };
  for (const auto& row : rows) {
    v1::ZoneRules rules = TwoOffsets();
    row.spoil(rules);
    const absl::Status status = Zone::Of("X", rules).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.why;
    EXPECT_THAT(status.message(), HasSubstr(row.why));
  }
}

TEST(ZoneTest, EveryInstantHasAnOffset) {
  const absl::StatusOr<Zone> zone = Zone::Of("X", TwoOffsets());
  ASSERT_TRUE(zone.ok());
  EXPECT_EQ(zone->OffsetAt(absl::InfinitePast()), 3600);
  EXPECT_EQ(zone->OffsetAt(absl::FromUnixMillis(999'999)), 3600);
  EXPECT_EQ(zone->OffsetAt(absl::FromUnixMillis(1'000'000)), 7200);
  EXPECT_EQ(zone->OffsetAt(absl::InfiniteFuture()), 7200) << "beyond the rules the last one stays";
  EXPECT_EQ(zone->HourAt(absl::FromUnixSeconds(-3601)), 23) << "hours before 1970 too";
  for (const absl::Time at : {absl::InfinitePast(), absl::InfiniteFuture()}) {
    EXPECT_GE(zone->HourAt(at), 0);
    EXPECT_LT(zone->HourAt(at), 24);
  }
}

TEST(ZoneTest, TwoAgreeWhereBothTellOfTheSameOffsets) {
  const auto zone = [](void (*change)(v1::ZoneRules&)) {
    v1::ZoneRules rules = TwoOffsets();
    change(rules);
    return *Zone::Of("X", rules);
  };
  const Zone first = zone([](v1::ZoneRules&) {});
  const struct {
    const char* why;
    void (*change)(v1::ZoneRules&);
    int64_t since_s;
    bool agree;
  } rows[] = {
      {"the same", [](v1::ZoneRules&) {}, 0, true},
      {"from another tzdata", [](v1::ZoneRules& r) { r.set_source("tzdata 2099z"); }, 0, true},
      {"another past", [](v1::ZoneRules& r) { r.set_changes_after_s(0, 500); }, 0, false},
      {"which is over", [](v1::ZoneRules& r) { r.set_changes_after_s(0, 500); }, 1000, true},
      {"and is not yet", [](v1::ZoneRules& r) { r.set_changes_after_s(0, 500); }, 999, false},
      {"one more change",
       [](v1::ZoneRules& r) {
         r.add_changes_after_s(9000);
         r.add_changes_to(0);
       },
       2000, false},
      {"of which the shorter one does not tell",
       [](v1::ZoneRules& r) { r.set_until_s(1000), r.set_offsets_s(1, 0); }, 500, true},
  };
  for (const auto& row : rows) {
    const Zone other = zone(row.change);
    const absl::Time since = absl::FromUnixSeconds(row.since_s);
    EXPECT_EQ(Zone::AgreeFrom(first, other, since), row.agree) << row.why;
    EXPECT_EQ(Zone::AgreeFrom(other, first, since), row.agree) << row.why;
  }
}

}  // namespace
}  // namespace gridledger::policy
