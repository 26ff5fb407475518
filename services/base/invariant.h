// INVARIANT: we were wrong. Always on, ends the program with the place and the words. Never used on
// input from outside.
#pragma once

#include <absl/strings/string_view.h>

namespace gridledger {

[[noreturn]] void InvariantFailed(const char* file, int line, const char* condition,
                                  absl::string_view words);

}  // namespace gridledger

#define INVARIANT(condition, words)                                           \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::gridledger::InvariantFailed(__FILE__, __LINE__, #condition, (words)); \
  } while (false)
