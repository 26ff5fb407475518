// Degrees as people write them, in units of 1e-7: whole numbers, that compare and sum exactly.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>

namespace gridledger::mapping {

inline constexpr int32_t kLatitudeMaxE7 = 900'000'000;     // 90 degrees
inline constexpr int32_t kLongitudeMaxE7 = 1'800'000'000;  // 180 degrees

// "42.3594" in units of 1e-7, half a unit away from zero. False for anything else than a decimal,
// and beyond `limit` in either direction. `sign` stands before the decimals.
bool ParseDegrees(absl::string_view text, int32_t limit, int32_t* degrees_e7, char sign = '.');

// 1139232392 → "113.9232392"
std::string PrintDegrees(int32_t degrees_e7);

}  // namespace gridledger::mapping
