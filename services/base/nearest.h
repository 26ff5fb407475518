// Names that may have been meant: for errors that a person reads and mends. Never decides anything.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <string>

namespace gridledger {

// "; did you mean a or b?" where names are near to `found` in either case, else nothing.
std::string DidYouMean(absl::string_view found, absl::Span<const std::string> names);

// What to say behind "unknown field": the same, else "; expected a, b, c, …".
std::string Instead(absl::string_view found, absl::Span<const std::string> names);

// Whether a text may be shown as the name of something, and is not rather a value, which might be
// somebody's: short, without control or direction characters, '@' or three digits in a row.
bool ReadsAsName(absl::string_view text);

}  // namespace gridledger
