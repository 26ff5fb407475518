// The life of one incident, planned at its report: what people will do, and how long after one
// another. What the services decide (派遣, 预警, 超期, 督办) is not planned here, only provoked.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <array>
#include <cstdint>

#include "gridledger/v1/fact.pb.h"
#include "services/simulation/dice.h"

namespace gridledger::simulation {

// S18's four categories, and how long people usually take; the limits are the policy's.
struct Category {
  absl::string_view code;
  uint32_t usual_minutes;
  uint32_t percent;                    // of all incidents
  std::array<uint32_t, 4> by_channel;  // percent, in the order of kChannels
};
enum class Channel : uint8_t { kPatrol, kApp, kPhone, kSensor };
absl::Span<const Category> Categories();
absl::string_view ChannelName(Channel channel);

// What an incident is.
struct Traits {
  uint8_t category = 0;  // index into Categories()
  Channel channel = Channel::kPatrol;
  uint8_t grid = 0;        // index into the community's grids
  bool knows_grid = true;  // false: the report names the community alone
  uint32_t draw = 0;       // for whatever hangs on nothing else
};
// `grids` of its community. The same for the same seed and number.
Traits DrawTraits(uint64_t seed, uint64_t number, int grids);

struct Step {
  uint32_t after_ms = 0;  // the step before; at least 1
  uint8_t number = 0;     // of the fact's kind, all of which are below 256
  uint8_t detail = 0;     // what the kind needs: stars, a reason, hours of an extension

  v1::Fact::KindCase kind() const { return static_cast<v1::Fact::KindCase>(number); }
};

// The longest life: 3 facts before 派遣; decline, return (2), acknowledge, start, pause (2),
// extend, finish (9 in all); rework twice (6); pass, close, rate; and reopening with 8 more. 29,
// and spare.
constexpr int kStepsMax = 36;

struct Life {
  uint8_t count = 0;
  std::array<Step, kStepsMax> steps;

  void Add(v1::Fact::KindCase kind, uint64_t after_ms, uint8_t detail = 0);
};

// What became of it at the cut-off.
struct Fate {
  bool stays_open = false;
  uint64_t time_ms = 0;  // from the report to the cut-off
};

// The steps behind the report. A life that does not stay open ends closed as solved, within its
// time, however short: it is lived faster if need be. REQUIRES: then time_ms > kStepsMax.
// Between filing (declining, returning, reopening) and finishing there is always an acknowledgement
// or a start, so that nothing is lost when one of them must be spent on dispatching by hand.
Life PlanLife(uint64_t seed, uint64_t number, const Traits& traits, const Fate& fate);

}  // namespace gridledger::simulation
