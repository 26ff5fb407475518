// Who stands at the door: what a gateway knows of whoever sends a request, once a password or a key
// has been checked. Never checks one itself.
#pragma once

#include <absl/strings/string_view.h>

#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"

namespace gridledger::intake {

struct Principal {
  // Tells principals apart, for rates and sessions. It may be a person's, and is in no fact.
  std::string name;
  // In which they may speak; a fact carries the first one that may say it, unless the request names
  // another of these. Empty for whoever only reads.
  std::vector<v1::Role> roles;
  std::string code;                // that their facts carry: a post, a member or a unit; no name
  std::vector<std::string> areas;  // communities, or areas inside them; empty: everywhere
  std::vector<std::string> units;  // whose cases a handler works on; empty: all units'
  bool anonymous = false;          // the public, who showed neither password nor key
  bool administrator = false;      // looks after the gateway: people, keys, dead letters
  bool viewer = false;             // reads what is not for the public, and says nothing

  bool Has(v1::Role role) const;
  friend bool operator==(const Principal&, const Principal&) = default;
};

// The public: a citizen without a code. The gateway names each apart, e.g. by address, so that one
// does not use up the rate of all.
Principal Anonymous(absl::string_view name);

// ROLE_SHIFT_LEADER is "shift_leader". Empty for ROLE_UNSPECIFIED and for a role of a later build.
std::string RoleName(v1::Role role);
// Nothing for what is no role, and for "service": services speak in decisions alone.
std::optional<v1::Role> ParseRole(absl::string_view name);
// "citizen", "collector" and so on, in the order of the language: all that ParseRole takes.
const std::vector<std::string>& RoleNames();

}  // namespace gridledger::intake
