// The policy in force in a partition, as the last PolicyActivated says. Pure lookups; the rules
// that use them live with their subjects.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/policy.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/policy/zone.h"

namespace gridledger::policy {

// Who is responsible, and by which rule.
struct Responsible {
  UnitCode unit;
  bool by_list = false;  // false: the list has a gap, and the default unit stands in
};

struct Rung {
  absl::Duration after;  // the missed deadline
  std::string post;
};

// The clock of the policy's zone. Nothing when the policy names a zone without its rules that is
// none of those that are known by their names.
std::optional<Zone> FindZone(const v1::Policy& policy);
// InvalidArgument when the policy carries rules that are none: its record is a dead letter.
absl::Status CheckZoneRules(const v1::Policy& policy);
constexpr size_t kLevelsMax =
    16;  // of a ladder; a city has five or six ranks. Further ones are not climbed.

// A policy made ready for lookups.
class Compiled {
 public:
  Compiled() = default;
  explicit Compiled(const v1::Policy& policy);

  const std::string& version() const { return version_; }
  // UTC when the policy names none, or one that FindZone does not find: `doctor` then says so.
  const Zone& zone() const { return zone_; }
  // Nothing when the catalogue gives the category no limit or does not know it.
  std::optional<absl::Duration> Limit(const CategoryCode& category) const;
  // Whether a report may name it: the catalogue has it, or the policy has no catalogue.
  bool TakesCategory(const CategoryCode& category) const {
    return categories_.empty() || categories_.contains(category.text());
  }
  // 权责清单 (S13): the first entry in the list that fits the category and the area or community.
  Responsible ResponsibleFor(const CategoryCode& category, const CommunityCode& community,
                             const AreaCode& area) const;
  // Whom a case goes to that the list does not place; empty when the policy names nobody.
  const UnitCode& default_unit() const { return default_unit_; }
  // Whether the responsibility list or the default names it.
  bool Knows(const UnitCode& unit) const { return units_.contains(unit.text()); }
  int warn_percent() const { return warn_percent_; }
  // At most kLevelsMax levels, the lowest ones.
  const std::vector<Rung>& ladder() const { return ladder_; }

 private:
  struct Entry {
    std::string category;  // empty fits all
    std::string place;     // empty fits everywhere
    UnitCode unit;
  };

  std::string version_;
  Zone zone_;
  UnitCode default_unit_;
  absl::flat_hash_set<std::string> units_;                   // lookups only
  absl::flat_hash_set<std::string> categories_;              // lookups only
  absl::flat_hash_map<std::string, absl::Duration> limits_;  // lookups only
  std::vector<Entry> list_;
  absl::flat_hash_map<std::string, std::vector<int>> by_category_;  // indexes into list_, rising
  std::vector<int> any_category_;
  int warn_percent_ = 0;
  std::vector<Rung> ladder_;
};

// ---- State --------------------------------------------------------------------------------------

struct InForce {
  std::string bytes;  // the v1.Policy, as serialised when it was activated
  template <class A>
  void Fields(A& a) {
    a(bytes);
  }
};

class State {
 public:
  explicit State(TableSet& tables) : in_force_(tables, 2) {}

  // ---- Evolve
  void Activate(const v1::Policy& policy);

  // ---- queries
  // The empty policy before the first activation.
  const Compiled& now() const;
  // The same as it was activated, for who tells it.
  v1::Policy Activated() const;
  // Whether this policy was the last one to be activated. Of the rules of its zone only what they
  // say from `since` on counts: what is past has been counted by those in force, and from which
  // tzdata another machine has the same ones does not make another policy.
  bool IsInForce(const v1::Policy& policy, absl::Time since) const;

 private:
  Cell<InForce> in_force_;
  mutable Compiled compiled_;
  mutable bool is_compiled_ = false;
};

}  // namespace gridledger::policy
