// The policy in force in a partition, as the last PolicyActivated says. Pure lookups; the rules
// that use them live with their subjects.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/policy.pb.h"
#include "services/base/ids.h"
#include "services/base/table.h"

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

constexpr size_t kLevelsMax =
    16;  // of a ladder; a city has five or six ranks. Further ones are not climbed.

// A policy made ready for lookups.
class Compiled {
 public:
  Compiled() = default;
  explicit Compiled(const v1::Policy& policy);

  const std::string& version() const { return version_; }
  const std::string& zone() const { return zone_; }
  // The clock of the zone; UTC when the policy names none, or one that this machine does not know.
  absl::TimeZone local_time() const { return local_time_; }
  // Nothing when the catalogue gives the category no limit or does not know it.
  std::optional<absl::Duration> Limit(const CategoryCode& category) const;
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
  std::string zone_;
  absl::TimeZone local_time_ = absl::UTCTimeZone();
  UnitCode default_unit_;
  absl::flat_hash_set<std::string> units_;                   // lookups only
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
  // Whether this very policy was the last one to be activated.
  bool IsInForce(const v1::Policy& policy) const {
    return in_force_.Get().bytes == policy.SerializeAsString();
  }

 private:
  Cell<InForce> in_force_;
  mutable Compiled compiled_;
  mutable bool is_compiled_ = false;
};

}  // namespace gridledger::policy
