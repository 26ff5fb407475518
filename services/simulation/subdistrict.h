// Yutang Subdistrict (玉塘街道) as far as a simulation needs it: communities, grids, posts,
// members, rosters. Codes of the communities are those of the National Bureau of Statistics; grids,
// members and points are made up, and no code stands for a person.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "gridledger/v1/policy.pb.h"
#include "services/base/ids.h"

namespace gridledger::simulation {

// 全科网格
struct Grid {
  std::string code;  // 15 digits: community, then a serial number of three
  v1::Point centre;
  // 昼夜班轮值: two members by day, two by night.
  std::array<std::string, 2> by_day, by_night;
  std::string sensor;
};

// 社区
struct Community {
  std::string code;  // 12 digits
  std::string name;
  uint32_t per_mille = 0;  // of all incidents
  std::string station;     // 网格站: the unit of the grid members
  std::vector<Grid> grids;
  // Who may be responsible for something here: the units of the policy that fit, then the station.
  std::vector<std::string> units;
};

struct Opening {
  std::string key;
  v1::Entry entry;
};

class Subdistrict {
 public:
  // The policy says which units there are; each gets members and a roster without a gap (S25).
  explicit Subdistrict(const v1::Policy& policy);

  absl::Span<const Community> communities() const { return communities_; }
  // Which community the incident of that number is in, as an index into communities().
  int CommunityOf(uint64_t seed, uint64_t number) const;

  // What opens a community's partition behind the policy: areas (those above it only if `first` in
  // its partition), grids, members, rosters. Members and grids stand before what names them.
  void AppendOpening(const Community& community, bool first, std::deque<Opening>* out) const;

 private:
  std::vector<Community> communities_;
};

// Day shift from 08:00, night shift from 20:00, half-open, no gap.
inline constexpr int kDayShiftMinute = 8 * 60;
inline constexpr int kNightShiftMinute = 20 * 60;
bool IsDayShift(int64_t at_ms);

// The member of the grid on duty at that instant; `draw` chooses among them.
const std::string& OnDuty(const Grid& grid, int64_t at_ms, uint64_t draw);

}  // namespace gridledger::simulation
