// What a text looks like, without what it says: for reports on rows that hold people's words.
#pragma once

#include <absl/strings/string_view.h>

#include <string>

namespace gridledger::mapping {

// "nothing", "blanks", "5 letters", "3 digits", "bytes that are no text"; else digits as 9, letters
// as a, other scripts as 字, and the signs between them as they are: "9999-99-99 99:99". What is
// longer than 24 characters is "120 characters".
std::string ShapeOf(absl::string_view text);

}  // namespace gridledger::mapping
