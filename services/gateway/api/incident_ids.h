// Ids of incidents that are reported here: short enough to be read out on a phone.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>

namespace gridledger::gateway {

// "R261201-7K3QM9XW2C": the day, and 50 random bits in letters and digits that are not mistaken for
// one another. A city of a million reports a day has the same one twice in some thousand years.
std::string NewIncidentId(absl::Time now);
// Whether a request may be told from another by that key, and what is said where it may not.
bool IsRepeatKey(absl::string_view key);
inline constexpr char kRepeatKeyForm[] =
    "an Idempotency-Key has 1 to 256 printable characters of ASCII";
// The same for the same sender and key, on every machine: 80 bits of a hash of both.
std::string RepeatableIncidentId(absl::string_view sender, absl::string_view key);

}  // namespace gridledger::gateway
