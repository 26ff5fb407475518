// The rules of a zone as this machine's time-zone files have them, for the record of a policy.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "gridledger/v1/policy.pb.h"

namespace gridledger::zones {

// 2101-01-01T00:00:00Z, the same in every year in which they are read, so that one tzdata always
// gives the same rules. Asia/Hebron has the most: 302 changes up to there, 1.5 KB.
constexpr int64_t kRulesUntil_s = 4'133'980'800;

// The rules of an IANA name from 1970 up to kRulesUntil_s, and the version of the tzdata. NotFound
// when this machine has no such zone, InvalidArgument for a name that is none of a zone but of a
// file or of the machine's own zone ("localtime").
absl::StatusOr<v1::ZoneRules> ReadZoneRules(absl::string_view name);

}  // namespace gridledger::zones
