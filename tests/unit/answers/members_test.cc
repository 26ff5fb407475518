// Members at an instant: who is on duty, until when, and with how much to do.
#include "services/answers/members.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gridledger::answers {
namespace {

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

struct Duty {
  const char* member;
  uint32_t start_hour, end_hour;
  int32_t utc_offset_minutes = 0;
  const char* unit = "u1";
};

// A registry with the members m1 and m2 of u1, m3 of u2 and m4 of u1 who is out of service, all of
// them on the rosters as told.
class Staff {
 public:
  explicit Staff(const std::vector<Duty>& duties) {
    for (const char* code : {"m1", "m2", "m3", "m4"}) {
      const bool of_other = code == std::string("m3");
      incident::Member& member = registry_.members.At(MemberCode(code));
      member.unit = UnitCode(of_other ? "u2" : "u1");
      member.active = code != std::string("m4");
    }
    for (const Duty& duty : duties) {
      registry_.rosters.At({UnitCode(duty.unit), ""})
          .shifts.push_back({.member = MemberCode(duty.member),
                             .start_minute = duty.start_hour * 60,
                             .end_minute = duty.end_hour * 60,
                             .utc_offset_minutes = duty.utc_offset_minutes});
    }
  }
  void Load(const char* member, uint32_t open) {
    dispatch_.loads.At(MemberCode(member)).open = open;
  }
  std::vector<MemberRow> At(absl::Time at) const { return MembersAt(registry_, dispatch_, at); }
  // "off", "on" for round the clock, or until when, in UTC: how m1 stands.
  std::string First(absl::Time at) const {
    const MemberRow row = At(at)[0];
    if (!row.on_duty) return "off";
    return row.until ? absl::FormatTime("%d %H:%M", *row.until, absl::UTCTimeZone()) : "on";
  }

 private:
  TableSet tables_;
  incident::Registry registry_{tables_};
  dispatch::State dispatch_{tables_};
};

TEST(MembersTest, OnDutyUntilTheShiftEnds) {
  const struct {
    const char* why;
    std::vector<Duty> duties;
    const char* stands;  // at nine
  } rows[] = {
      {"in the middle of it", {{"m1", 8, 16}}, "04 16:00"},
      {"begins now", {{"m1", 9, 17}}, "04 17:00"},
      {"ends now", {{"m1", 1, 9}}, "off"},
      {"later", {{"m1", 10, 18}}, "off"},
      {"on no roster", {{"m2", 8, 16}}, "off"},
      {"passes midnight", {{"m1", 8, 2}}, "05 02:00"},
      {"begun yesterday", {{"m1", 22, 10}}, "04 10:00"},
      {"of a clock in the east: 17:00 there", {{"m1", 16, 20, 480}}, "04 12:00"},
      {"of a clock in the east, where it is later", {{"m1", 8, 16, 480}}, "off"},
      {"to the end of the day", {{"m1", 8, 24}}, "05 00:00"},
      {"the next one follows", {{"m1", 8, 12}, {"m1", 12, 14}, {"m1", 15, 16}}, "04 14:00"},
      {"two overlap", {{"m1", 8, 12}, {"m1", 7, 11}, {"m1", 10, 13}}, "04 13:00"},
      {"round the clock", {{"m1", 0, 24}}, "on"},
      {"round the clock in two shifts", {{"m1", 8, 20}, {"m1", 20, 8}}, "on"},
      {"nobody's duty", {{"m1", 9, 9}}, "off"},
      {"another unit's roster", {{"m1", 8, 16, 0, "u2"}}, "off"},
  };
  for (const auto& row : rows) EXPECT_EQ(Staff(row.duties).First(kNine), row.stands) << row.why;
}

TEST(MembersTest, AllAreListedByCode) {
  Staff staff({{"m1", 8, 16}, {"m4", 8, 16}, {"m3", 8, 16, 0, "u2"}});
  staff.Load("m1", 3);
  staff.Load("m2", 1);
  std::string text;
  for (const MemberRow& row : staff.At(kNine)) {
    absl::StrAppend(&text, row.member.text(), " of ", row.unit.text(), row.active ? "" : " away",
                    row.on_duty ? " on duty" : "", " with ", row.open, "; ");
  }
  EXPECT_EQ(text,
            "m1 of u1 on duty with 3; m2 of u1 with 1; m3 of u2 on duty with 0; "
            "m4 of u1 away with 0; ");
}

TEST(MembersTest, MembersAsJson) {
  Staff staff({{"m1", 8, 16}});
  staff.Load("m1", 3);
  const std::vector<MemberRow> rows = staff.At(kNine);
  const nlohmann::ordered_json json =
      MembersJson(Partition{2}, rows, *policy::Zone::Named("Asia/Shanghai"));
  ASSERT_EQ(json.size(), 4u);
  EXPECT_EQ(json[0].dump(),
            R"({"member":"m1","partition":2,"unit":"u1","active":true,"on_duty":true,"open":3,)"
            R"("until":"2021-01-05T00:00:00+08:00"})");
  EXPECT_TRUE(json[1]["until"].is_null());
}

}  // namespace
}  // namespace gridledger::answers
