// Characters of texts that come from outside: which they are, and which may be shown.
#pragma once

#include <absl/strings/string_view.h>

namespace gridledger {

inline constexpr char32_t kNotUtf8 = 0xFFFFFFFF;

// Takes one character off `text`, one byte when that is no UTF-8. REQUIRES: it is not empty.
char32_t TakeCharacter(absl::string_view* text);

// Moves a terminal, or turns the direction of what stands beside it.
bool IsControl(char32_t code);

// Whether nothing is seen of it, in any script.
bool IsBlank(char32_t code);

// Without blanks at both ends: spreadsheets and web pages leave such as U+00A0 and U+3000.
absl::string_view StripBlanks(absl::string_view text);

}  // namespace gridledger
