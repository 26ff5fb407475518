// The registry of a partition: members, rosters, and the units that they are of. Every service
// folds it, so that all agree on whether somebody can be sent. Never decides who is.
//
// State, Evolve, queries.
#pragma once

#include <absl/strings/string_view.h>

#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"

namespace gridledger::incident {

// ---- State --------------------------------------------------------------------------------------

struct Member {
  UnitCode unit;
  bool active = false;
  template <class A>
  void Fields(A& a) {
    a(unit, active);
  }
};

// On duty in the half-open [start, end) of each day of a fixed offset from UTC; end below start
// passes midnight, equal ends are nobody's duty, and 1440 is 24:00.
struct Shift {
  MemberCode member;
  uint32_t start_minute = 0;
  uint32_t end_minute = 0;
  int32_t utc_offset_minutes = 0;
  template <class A>
  void Fields(A& a) {
    a(member, start_minute, end_minute, utc_offset_minutes);
  }
};

// Whose roster it is, and where. The area is a grid or a community; empty for the whole partition.
struct RosterKey {
  UnitCode unit;
  std::string area;

  friend auto operator<=>(const RosterKey&, const RosterKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const RosterKey& key) {
    return H::combine(std::move(h), key.unit, key.area);
  }
  void AppendKey(std::string* out) const;
  bool ParseKey(absl::string_view bytes);
};
struct Roster {
  std::vector<Shift> shifts;
  template <class A>
  void Fields(A& a) {
    a(shifts);
  }
};

// A unit that members or rosters name now. One that none names has no pair.
struct KnownUnit {
  uint32_t members = 0;
  uint32_t rosters = 0;
  template <class A>
  void Fields(A& a) {
    a(members, rosters);
  }
};

struct RegistryCounts {
  uint64_t shifts = 0;  // of all rosters together
  template <class A>
  void Fields(A& a) {
    a(shifts);
  }
};

struct Registry {
  explicit Registry(TableSet& tables)
      : members(tables, 12), rosters(tables, 13), units(tables, 14), counts(tables, 15) {}

  OrderedTable<MemberCode, Member> members;
  OrderedTable<RosterKey, Roster> rosters;
  OrderedTable<UnitCode, KnownUnit> units;  // no more than members and rosters
  Cell<RegistryCounts> counts;
};
// All of it is always in memory, and nothing takes a member or a roster away. Of one partition,
// where codes are usually some 20 B and at most 256:
constexpr size_t kMembersMax = 16'384;  // × (2 codes + ~150 B) ≈ 3 MB, and at most 11 MB
constexpr size_t kRostersMax = 4096;    // × (2 codes + ~200 B) ≈ 1 MB, and at most 3 MB
constexpr size_t kShiftsMax = 65'536;   // × (1 code + ~50 B) ≈ 5 MB, and at most 20 MB

// ---- Evolve -------------------------------------------------------------------------------------

// Members and rosters; a roster replaces what stood for its unit and area. Other entries pass.
// Answers why the entry is not taken, and then nothing has changed; empty when it is.
absl::string_view EvolveRegistry(Registry& registry, const v1::Entry& entry);

// ---- queries ------------------------------------------------------------------------------------

// Whether the unit has any roster here. A city that was imported without rosters has no gaps in
// them.
bool HasRoster(const Registry& registry, const UnitCode& unit);

}  // namespace gridledger::incident
