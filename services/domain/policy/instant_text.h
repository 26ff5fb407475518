// Instants as text, by a zone's clock. Pure: the zone's rules are its policy's own.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>

#include "services/domain/policy/zone.h"

namespace gridledger::policy {

// As absl::FormatTime does.
std::string FormatInstant(absl::string_view format, absl::Time at, const Zone& zone);
// "2021-02-01T00:00:00+08:00", with milliseconds where there are any: for JSON.
std::string Rfc3339(absl::Time at, const Zone& zone);

}  // namespace gridledger::policy
