// Checks of option values beyond what CLI11 has: texts that are there, numbers that are whole and
// fit. A wrong value is refused with what was found and what would be right.
#pragma once

#include <CLI/CLI.hpp>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cstdint>
#include <string>

namespace gridledger::cli {

// An empty value is mostly a shell variable that is not set; it never stands for "none given".
inline CLI::Validator NotEmpty() {
  return CLI::Validator(
      [](std::string& text) {
        return text.empty() ? std::string("is empty: give a value, or leave the option out")
                            : std::string();
      },
      "");
}

// A number of decimal digits, without a sign, up to `max`.
inline CLI::Validator WholeNumber(uint64_t max) {
  return CLI::Validator(
      [max](std::string& text) {
        uint64_t value = 0;
        const bool digits = !text.empty() &&
                            text.find_first_not_of("0123456789") == std::string::npos &&
                            absl::SimpleAtoi(text, &value);
        return digits && value <= max
                   ? std::string()
                   : absl::StrCat("\"", text, "\" is no whole number from 0 to ", max);
      },
      "");
}

constexpr uint64_t kOffsetMax = INT64_MAX;

}  // namespace gridledger::cli
