#include "services/answers/members.h"

#include <absl/container/btree_map.h>

#include <algorithm>
#include <utility>

#include "services/base/layout.h"
#include "services/domain/policy/instant_text.h"

namespace gridledger::answers {
namespace {

using incident::Shift;

constexpr absl::Duration kRoundTheClock = absl::Hours(24);

// The first instant after `at` at which the shift is over. REQUIRES: it is on at `at`.
absl::Time EndOf(const Shift& shift, absl::Time at) {
  constexpr int64_t kMinuteMs = 60'000;
  constexpr int64_t kDayMs = 1440 * kMinuteMs;
  const int64_t now_ms = ToMillis(at) + shift.utc_offset_minutes * kMinuteMs;
  const int64_t left_ms = ((shift.end_minute * kMinuteMs - now_ms) % kDayMs + kDayMs) % kDayMs;
  return at + absl::Milliseconds(left_ms == 0 ? kDayMs : left_ms);
}

// Until when somebody is on duty without a gap; nothing when a day does not end it. Each round goes
// on to the end of another shift.
std::optional<absl::Time> DutyEnd(const std::vector<const Shift*>& shifts, absl::Time at) {
  absl::Time until = at;
  while (until - at < kRoundTheClock) {
    absl::Time next = until;
    for (const Shift* shift : shifts) {
      if (dispatch::OnDuty(*shift, until)) next = std::max(next, EndOf(*shift, until));
    }
    if (next == until) return until;
    until = next;
  }
  return std::nullopt;
}

}  // namespace

std::vector<MemberRow> MembersAt(const incident::Registry& registry,
                                 const dispatch::State& dispatch, absl::Time at) {
  absl::btree_map<MemberCode, std::vector<const Shift*>> shifts;
  registry.rosters.ForEach([&](const incident::RosterKey& key, const incident::Roster& roster) {
    for (const Shift& shift : roster.shifts) {
      const incident::Member* member = registry.members.Find(shift.member);
      if (member != nullptr && member->unit == key.unit) shifts[shift.member].push_back(&shift);
    }
  });
  std::vector<MemberRow> rows;
  registry.members.ForEach([&](const MemberCode& code, const incident::Member& member) {
    MemberRow row{.member = code,
                  .unit = member.unit,
                  .active = member.active,
                  .on_duty = false,
                  .open = dispatch::LoadOf(dispatch, code),
                  .until = std::nullopt};
    const auto own = shifts.find(code);
    if (member.active && own != shifts.end()) {
      row.on_duty = std::any_of(own->second.begin(), own->second.end(),
                                [&](const Shift* shift) { return dispatch::OnDuty(*shift, at); });
      if (row.on_duty) row.until = DutyEnd(own->second, at);
    }
    rows.push_back(std::move(row));
  });
  return rows;
}

nlohmann::ordered_json MembersJson(Partition partition, absl::Span<const MemberRow> members,
                                   const policy::Zone& zone) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MemberRow& row : members) {
    json.push_back({{"member", row.member.text()},
                    {"partition", partition.value},
                    {"unit", row.unit.text()},
                    {"active", row.active},
                    {"on_duty", row.on_duty},
                    {"open", row.open},
                    {"until", row.until ? nlohmann::ordered_json(policy::Rfc3339(*row.until, zone))
                                        : nlohmann::ordered_json()}});
  }
  return json;
}

}  // namespace gridledger::answers
