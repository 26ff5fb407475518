// A zone's clock: its offset from UTC at any instant, by the rules that a policy's record carries.
// It knows nothing else: no time-zone file of the machine is ever read here, so that a ledger folds
// the same on every machine.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/policy.pb.h"

namespace gridledger::policy {

class Zone {
 public:
  Zone() = default;  // UTC

  // InvalidArgument when the rules are none: places that are not there, changes that do not rise,
  // offsets of more than a day, more of them than a zone can have.
  static absl::StatusOr<Zone> Of(absl::string_view name, const v1::ZoneRules& rules);
  // By its name alone, as the policies of older ledgers have it: the rules of tzdata 2025b up to
  // the end of 2037, from named_zones.txt. Nothing for a name that is not there.
  static std::optional<Zone> Named(absl::string_view name);

  const std::string& name() const { return name_; }
  // In seconds east of UTC. After the last instant that the rules tell of, the last offset stays.
  int OffsetAt(absl::Time at) const;
  absl::CivilSecond CivilAt(absl::Time at) const;
  int HourAt(absl::Time at) const;  // 0 to 23
  // The instant at which clocks show `civil`: the first one of two; of an hour that they skip, the
  // one that they would show had they not been changed.
  absl::Time InstantOf(absl::CivilSecond civil) const;

  // Whether the two have the same offset at every instant from `since` on of which the rules of
  // both tell.
  static bool AgreeFrom(const Zone& a, const Zone& b, absl::Time since);

 private:
  struct Change {
    int64_t at_s = 0;
    int offset_s = 0;
  };

  int OffsetAtSecond(int64_t at_s) const;

  std::string name_ = "UTC";
  int first_offset_s_ = 0;
  std::vector<Change> changes_;  // rising
  int64_t until_s_ = std::numeric_limits<int64_t>::max();
};

}  // namespace gridledger::policy
