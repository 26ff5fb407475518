// The members of a partition at an instant, as rows and as JSON: of which unit they are, whether
// they are on duty and until when, and how much they have to do. Sends nobody.
#pragma once

#include <absl/time/time.h>
#include <absl/types/span.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "services/base/ids.h"
#include "services/domain/dispatch/dispatch.h"
#include "services/domain/incident/registry.h"
#include "services/domain/policy/zone.h"

namespace gridledger::answers {

struct MemberRow {
  MemberCode member;
  UnitCode unit;
  bool active = false;   // not out of service
  bool on_duty = false;  // active, and in a shift of a roster of the own unit
  uint32_t open = 0;     // incidents that they have
  // When the shift ends, with those that follow it without a gap. Nothing for who is not on duty,
  // and for who is round the clock.
  std::optional<absl::Time> until;
};

// All that are registered, by code.
std::vector<MemberRow> MembersAt(const incident::Registry& registry,
                                 const dispatch::State& dispatch, absl::Time at);

// [{"member", "partition", "unit", "active", "on_duty", "open", "until"}, …]
nlohmann::ordered_json MembersJson(Partition partition, absl::Span<const MemberRow> members,
                                   const policy::Zone& zone);

}  // namespace gridledger::answers
