#include "services/domain/incident/registry.h"

namespace gridledger::incident {
namespace {

// A member is of another unit from now on; either may be none.
void MoveMember(Registry& registry, const UnitCode& from, const UnitCode& to) {
  if (from == to) return;
  if (const KnownUnit* found = registry.units.Find(from)) {
    KnownUnit& known = registry.units.Change(found);
    --known.members;
    if (known.members == 0 && known.rosters == 0) registry.units.Erase(from);
  }
  if (!to.empty()) ++registry.units.At(to).members;
}

absl::string_view Register(Registry& registry, const v1::MemberRegistered& registered) {
  if (registered.member().empty()) return "a member without a code";
  const MemberCode code(registered.member());
  const Member* found = registry.members.Find(code);
  if (found == nullptr && registry.members.size() >= kMembersMax) {
    return "the partition has as many members as it can";
  }
  Member& member = registry.members.At(code);
  MoveMember(registry, member.unit, UnitCode(registered.unit()));
  member.unit = UnitCode(registered.unit());
  member.active = registered.active();
  return "";
}

absl::string_view Publish(Registry& registry, const v1::RosterPublished& published) {
  if (published.unit().empty()) return "a roster without a unit";
  const RosterKey key{UnitCode(published.unit()), published.area()};
  const Roster* found = registry.rosters.Find(key);
  if (found == nullptr && registry.rosters.size() >= kRostersMax) {
    return "the partition has as many rosters as it can";
  }
  const uint64_t before = found == nullptr ? 0 : found->shifts.size();
  const uint64_t others = registry.counts.Get().shifts - before;
  const auto shifts = static_cast<uint64_t>(published.shifts_size());
  if (shifts > kShiftsMax - others) return "the partition has as many shifts as it can";
  if (shifts != before) registry.counts.Change().shifts = others + shifts;
  if (found == nullptr) ++registry.units.At(key.unit).rosters;
  Roster& roster = registry.rosters.At(key);
  roster.shifts.clear();
  for (const v1::Shift& shift : published.shifts()) {
    roster.shifts.push_back(Shift{.member = MemberCode(shift.member()),
                                  .start_minute = shift.start_minute(),
                                  .end_minute = shift.end_minute(),
                                  .utc_offset_minutes = shift.utc_offset_minutes()});
  }
  return "";
}

}  // namespace

void RosterKey::AppendKey(std::string* out) const {
  AppendVarint(out, unit.text().size());
  out->append(unit.text());
  out->append(area);
}

bool RosterKey::ParseKey(absl::string_view bytes) {
  uint64_t size = 0;
  if (!TakeVarint(&bytes, &size) || size > bytes.size()) return false;
  unit = UnitCode(bytes.substr(0, size));
  area = std::string(bytes.substr(size));
  return true;
}

absl::string_view EvolveRegistry(Registry& registry, const v1::Entry& entry) {
  if (entry.has_member_registered()) return Register(registry, entry.member_registered());
  if (entry.has_roster_published()) return Publish(registry, entry.roster_published());
  return "";
}

bool HasRoster(const Registry& registry, const UnitCode& unit) {
  bool found = false;
  registry.rosters.Scan(RosterKey{unit, ""}, [&](const RosterKey& key, const Roster&) {
    found = key.unit == unit;
    return false;
  });
  return found;
}

}  // namespace gridledger::incident
