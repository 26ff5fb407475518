// The facts that a mapping may name, and what each needs besides a time.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "gridledger/v1/fact.pb.h"
#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

// Gives `fact` the kind that the rule names, with its disposition or reason. InvalidArgument names
// `where` when there is no such fact, or when it lacks or does not take a disposition or a reason.
absl::Status SetKind(absl::string_view where, const v1::FactRule& rule, v1::Fact* fact);

}  // namespace gridledger::mapping
