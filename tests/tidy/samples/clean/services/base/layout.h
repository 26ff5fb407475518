// Fixed layouts. Never std::chrono, and "rand(" only in words.
#pragma once

#include <cstdint>

namespace gridledger {
constexpr int64_t kMax = 1'000;
}  // namespace gridledger
