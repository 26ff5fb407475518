#include "services/simulation/subdistrict.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>

#include "services/simulation/dice.h"
#include "services/simulation/rhythm.h"

namespace gridledger::simulation {
namespace {

// Names as in the division codes of 2023; shares and centres are made up. The shares keep the
// partitions apart that the communities fall into (8 partitions: 47 %, 28 %, 25 %).
struct Plan {
  absl::string_view code, name;
  uint32_t per_mille;
  int grids;
  int32_t latitude_e7, longitude_e7;
};
constexpr std::array<Plan, 4> kPlans = {{
    {"440311005001", "田寮社区", 240, 16, 227'630'000, 1'139'050'000},
    {"440311005002", "玉律社区", 230, 13, 227'480'000, 1'138'920'000},
    {"440311005003", "长圳社区", 280, 15, 227'520'000, 1'139'230'000},
    {"440311005004", "红星社区", 250, 12, 227'410'000, 1'139'080'000},
}};

struct Above {
  absl::string_view code, name, parent;
  v1::AreaLevel level;
};
constexpr std::array<Above, 3> kAbove = {{
    {"4403", "深圳市", "", v1::AREA_LEVEL_CITY},
    {"440311", "光明区", "4403", v1::AREA_LEVEL_DISTRICT},
    {"440311005", "玉塘街道", "440311", v1::AREA_LEVEL_SUBDISTRICT},
}};

constexpr int kGridsARow = 4;
constexpr int32_t kGridStepE7 = 25'000;  // 0.0025 degrees, about 270 m

// Members of a unit that covers the whole community: three by day, two by night.
constexpr int kUnitByDay = 3;
constexpr int kUnitByNight = 2;

Grid MakeGrid(const Plan& plan, int index) {
  Grid grid;
  grid.code = absl::StrFormat("%s%03d", plan.code, index + 1);
  grid.centre.set_latitude_e7(plan.latitude_e7 + (index / kGridsARow - 1) * kGridStepE7);
  grid.centre.set_longitude_e7(plan.longitude_e7 + (index % kGridsARow - 1) * kGridStepE7);
  const std::string stem = absl::StrFormat("YT%s-G%02d-", plan.code.substr(9), index + 1);
  for (int i = 0; i < 2; ++i) {
    grid.by_day[i] = absl::StrCat(stem, "D", i + 1);
    grid.by_night[i] = absl::StrCat(stem, "N", i + 1);
  }
  grid.sensor = absl::StrCat(stem, "S1");
  return grid;
}

void AddOnce(const std::string& unit, std::vector<std::string>* units) {
  if (unit.empty() || std::find(units->begin(), units->end(), unit) != units->end()) return;
  units->push_back(unit);
}

// Member codes of unit number `unit` of the community, e.g. "YT003-U2-D1".
std::string UnitMember(const Community& community, size_t unit, char shift, int number) {
  return absl::StrFormat("YT%s-U%d-%c%d", community.code.substr(9), static_cast<int>(unit) + 1,
                         shift, number + 1);
}

void AddShift(absl::string_view member, bool by_day, v1::RosterPublished* roster) {
  v1::Shift& shift = *roster->add_shifts();
  shift.set_member(member.data(), member.size());
  shift.set_start_minute(by_day ? kDayShiftMinute : kNightShiftMinute);
  shift.set_end_minute(by_day ? kNightShiftMinute : kDayShiftMinute);
  shift.set_utc_offset_minutes(static_cast<int32_t>(kUtcOffsetMinutes));
}

// Writes the entries of one community, all keyed by it.
class OpeningWriter {
 public:
  OpeningWriter(const Community& community, std::deque<Opening>* out)
      : community_(community), out_(out) {}

  void Area(absl::string_view code, absl::string_view name, absl::string_view parent,
            v1::AreaLevel level) {
    v1::AreaDefined& area = *Add()->mutable_area_defined();
    area.set_code(code.data(), code.size());
    area.set_name(name.data(), name.size());
    area.set_parent(parent.data(), parent.size());
    area.set_level(level);
  }
  void Grid(const std::string& code) {
    v1::GridDefined& grid = *Add()->mutable_grid_defined();
    grid.set_code(code);
    grid.set_community(community_.code);
  }
  void Member(const std::string& code, const std::string& unit) {
    v1::MemberRegistered& member = *Add()->mutable_member_registered();
    member.set_member(code);
    member.set_unit(unit);
    member.set_active(true);
  }
  v1::RosterPublished* Roster(const std::string& unit, const std::string& area) {
    v1::RosterPublished* roster = Add()->mutable_roster_published();
    roster->set_unit(unit);
    roster->set_area(area);
    return roster;
  }

 private:
  v1::Entry* Add() {
    out_->emplace_back().key = community_.code;
    return &out_->back().entry;
  }

  const Community& community_;
  std::deque<Opening>* const out_;
};

}  // namespace

Subdistrict::Subdistrict(const v1::Policy& policy) {
  for (const Plan& plan : kPlans) {
    Community& community = communities_.emplace_back();
    community.code = std::string(plan.code);
    community.name = std::string(plan.name);
    community.per_mille = plan.per_mille;
    community.station = absl::StrCat("station-", plan.code.substr(9));
    for (int i = 0; i < plan.grids; ++i) community.grids.push_back(MakeGrid(plan, i));
    for (const v1::Responsibility& item : policy.responsibilities()) {
      // Everywhere, here, or in one of the grids.
      if (absl::StartsWith(item.area(), community.code) || item.area().empty()) {
        AddOnce(item.unit(), &community.units);
      }
    }
    AddOnce(policy.default_unit(), &community.units);
    AddOnce(community.station, &community.units);
  }
}

int Subdistrict::CommunityOf(uint64_t seed, uint64_t number) const {
  const uint64_t per_mille = (Draw(seed, Purpose::kPlace, number) >> 32) * 1000 >> 32;
  int index = 0;
  for (uint64_t sum = communities_[0].per_mille; per_mille >= sum;) {
    sum += communities_[++index].per_mille;
  }
  return index;
}

void Subdistrict::AppendOpening(const Community& community, bool first,
                                std::deque<Opening>* out) const {
  OpeningWriter write(community, out);
  if (first) {
    for (const Above& above : kAbove) write.Area(above.code, above.name, above.parent, above.level);
  }
  write.Area(community.code, community.name, kAbove.back().code, v1::AREA_LEVEL_COMMUNITY);
  for (const Grid& grid : community.grids) write.Grid(grid.code);
  for (const Grid& grid : community.grids) {
    for (const auto* shift : {&grid.by_day, &grid.by_night}) {
      for (const std::string& member : *shift) write.Member(member, community.station);
    }
  }
  for (const Grid& grid : community.grids) {
    v1::RosterPublished* roster = write.Roster(community.station, grid.code);
    for (const std::string& member : grid.by_day) AddShift(member, true, roster);
    for (const std::string& member : grid.by_night) AddShift(member, false, roster);
  }
  // Every unit, the station too, has people for the whole community: a place without a known grid
  // finds somebody as well (S25).
  for (size_t unit = 0; unit < community.units.size(); ++unit) {
    std::vector<std::pair<std::string, bool>> members;
    for (int i = 0; i < kUnitByDay; ++i) {
      members.emplace_back(UnitMember(community, unit, 'D', i), true);
    }
    for (int i = 0; i < kUnitByNight; ++i) {
      members.emplace_back(UnitMember(community, unit, 'N', i), false);
    }
    for (const auto& [member, by_day] : members) write.Member(member, community.units[unit]);
    v1::RosterPublished* roster = write.Roster(community.units[unit], community.code);
    for (const auto& [member, by_day] : members) AddShift(member, by_day, roster);
  }
}

bool IsDayShift(int64_t at_ms) {
  const int minute = LocalMinute(at_ms);
  return minute >= kDayShiftMinute && minute < kNightShiftMinute;
}

const std::string& OnDuty(const Grid& grid, int64_t at_ms, uint64_t draw) {
  return (IsDayShift(at_ms) ? grid.by_day : grid.by_night)[draw % 2];
}

}  // namespace gridledger::simulation
