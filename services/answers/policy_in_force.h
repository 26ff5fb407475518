// The policy in force as JSON: its catalogue, units, responsibility list and ladder, as a screen or
// another program shows them. Says what the policy says; looks nothing up in it.
#pragma once

#include <nlohmann/json.hpp>

#include "gridledger/v1/policy.pb.h"

namespace gridledger::answers {

// {"version", "zone", "categories": [{"code", "name", "limit_minutes"}], "units": […],
// "default_unit", "responsibilities": [{"category", "area", "unit"}], "warn_percent",
// "ladder": [{"level", "after_minutes", "post"}]}. A limit is null for none; a category or an area
// is empty where all fit; units are those that the list or the default names, by code; the ladder
// is as it is climbed, from level 1.
nlohmann::ordered_json PolicyJson(const v1::Policy& policy);

}  // namespace gridledger::answers
