#include "services/history/mapping/values/degrees.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <cstdlib>

namespace gridledger::mapping {

bool ParseDegrees(absl::string_view text, int32_t limit, int32_t* degrees_e7, char sign) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  int64_t value = 0;
  int digits = 0;
  int decimals = -1;  // before the point
  bool round_up = false;
  for (const char c : text) {
    if (c == sign && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (!absl::ascii_isdigit(c)) return false;
    ++digits;
    if (decimals >= 7) {
      if (decimals == 7) round_up = c >= '5';
      ++decimals;
      continue;
    }
    if (decimals >= 0) ++decimals;
    value = std::min<int64_t>(value * 10 + (c - '0'), int64_t{1} << 55);
  }
  if (digits == 0) return false;
  for (int i = std::max(decimals, 0); i < 7; ++i)
    value = std::min<int64_t>(value * 10, int64_t{1} << 55);
  if (round_up) ++value;
  if (value > int64_t{limit}) return false;
  *degrees_e7 = static_cast<int32_t>(negative ? -value : value);
  return true;
}

std::string PrintDegrees(int32_t degrees_e7) {
  const int64_t size = std::abs(int64_t{degrees_e7});
  return absl::StrFormat("%s%d.%07d", degrees_e7 < 0 ? "-" : "", size / 10'000'000,
                         size % 10'000'000);
}

}  // namespace gridledger::mapping
