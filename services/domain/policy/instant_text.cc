#include "services/domain/policy/instant_text.h"

namespace gridledger::policy {

std::string FormatInstant(absl::string_view format, absl::Time at, const Zone& zone) {
  return absl::FormatTime(format, at, absl::FixedTimeZone(zone.OffsetAt(at)));
}

std::string Rfc3339(absl::Time at, const Zone& zone) {
  return FormatInstant("%Y-%m-%dT%H:%M:%E*S%Ez", at, zone);
}

}  // namespace gridledger::policy
