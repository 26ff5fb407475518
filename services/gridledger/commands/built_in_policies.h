// What the program carries with it: the policies of its simulated periods, from deploy/policies, so
// that `simulate` needs no file beside the program.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "gridledger/v1/policy.pb.h"

namespace gridledger::cli {

// NotFound for a pack that is not there.
absl::StatusOr<v1::Policy> PackPolicy(absl::string_view pack);

}  // namespace gridledger::cli
