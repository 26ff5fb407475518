// Instants as people write and read them, in the ledger's own zone.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>

#include "services/domain/policy/instant_text.h"
#include "services/domain/policy/zone.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

// The zone that the ledger's first policy names, by the rules that its record carries; UTC when
// none does. Later policies do not count: what an instant without a zone means must not change
// while a ledger grows. A zone that is named without its rules, and that no program knows, is UTC
// as in the fold: `unknown` then is its name.
struct LedgerZone {
  policy::Zone zone;
  std::string unknown;
};
absl::StatusOr<LedgerZone> FindLedgerZone(host::Folder& folder);
// The same; says on standard error what is unknown.
absl::StatusOr<policy::Zone> ZoneOf(host::Folder& folder);

// RFC 3339 with a zone, or without one and then in `zone`: 2021-02-01, 2021-02-01 08:30,
// 2021-02-01T08:30:15. A date alone is its first instant. Whole milliseconds; InvalidArgument for
// anything else.
absl::StatusOr<absl::Time> ParseInstant(absl::string_view text, const policy::Zone& zone);

// The value of an option: an error names the option too.
absl::StatusOr<absl::Time> ParseInstantOf(absl::string_view option, absl::string_view text,
                                          const policy::Zone& zone);

// For --help of commands that take an instant.
inline constexpr absl::string_view kInstantForms =
    "An INSTANT is RFC 3339 with a zone (2021-02-01T00:00:00+08:00), or without one and then\n"
    "read in the zone of the ledger's policy: 2021-02-01 (that day's first instant, so all\n"
    "before February), \"2021-01-31 18:30\", 2021-01-31T18:30:15.\n";

using policy::FormatInstant;
using policy::Rfc3339;
// "2021-02-01 00:00:00": for people.
std::string ShownInstant(absl::Time at, const policy::Zone& zone);

}  // namespace gridledger::cli
