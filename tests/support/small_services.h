// Services small enough to reason about, for tests of the engine: what a law needs and no more.
#pragma once

#include <absl/strings/string_view.h>

#include <functional>
#include <string>
#include <vector>

#include "services/runtime/engine/subject.h"

namespace gridledger {

// Sends each case that waits for a dispatch to `unit`. Called "dispatch", whatever the unit is, so
// that two of them are two builds of one service.
engine::Service SendAllTo(absl::string_view unit);

// Sets a timer for each report that names a deadline, and on each tick fires up to `fired_max` of
// those due, in (due, incident) order, with one void fact for each. Keeps the order of all firings
// in its state.
engine::Service Alarms(int fired_max = 1000);

// Decides nothing and keeps nothing: the shared incident fold alone.
engine::Service Onlooker();

// As an onlooker, and tells `told` of every change.
engine::Service Observer(std::function<void(const incident::Change&)> told);

// Answers each report that counts with one decision of two facts about it, void both. So what it
// has to decide can be said without asking it.
engine::Service Echoes();

// Firings of an Alarms task so far, as "incident@milliseconds since TestTime(0)/offset of the
// tick".
std::vector<std::string> Fired(const engine::Subject& alarms);

}  // namespace gridledger
