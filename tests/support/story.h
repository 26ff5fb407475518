// Histories for property tests: what people in a small city might do, right and wrong, drawn by
// RapidCheck so that a failing one is shrunk to what matters.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <iosfwd>
#include <vector>

#include "services/runtime/engine/subject.h"
#include "tests/support/ledger.h"
#include "tests/support/live_simulation.h"

namespace gridledger {

// One thing that somebody does. Most deeds are what the incident's phase allows, on its present
// stage; one in four is any fact on any stage: late, early, about nobody. One in sixteen changes
// what is in force: a policy with another ladder, a member who goes, comes or moves, a roster.
struct Deed {
  uint8_t incident = 0;
  uint8_t kind = 0;
  uint8_t who = 0;
  uint8_t detail = 0;
  uint16_t after_s = 0;
  // What is odd about it: a number at its edge, a text that is too long, a wrong receiver or
  // speaker; 0 for nothing, else below kEdges. What an edge is of hangs on the kind.
  uint8_t edge = 0;
};
constexpr uint8_t kEdges = 16;
std::ostream& operator<<(std::ostream& out, const Deed& deed);

using Deeds = std::vector<Deed>;
// Up to the size of the case.
rc::Gen<Deeds> AnyDeeds();

// The deeds played in lock-step by the services, after an opening with a policy, members and a
// roster, and run on for `rest`. The ledger ends with a tick.
Ledger PlayLockStep(const std::vector<engine::Service>& services, const Deeds& deeds,
                    absl::Duration rest);
// What came from outside in a ledger, with the time between.
std::vector<Input> InputsOf(const Ledger& ledger);

// What a day has come to, whatever was delivered twice on the way: every incident and every figure,
// as text, from a fold by all services from zero.
std::string Outcome(const Ledger& ledger);

}  // namespace gridledger
