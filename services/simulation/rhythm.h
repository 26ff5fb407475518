// When reports come: through the day, the week, the holidays and the year, as whole numbers. The
// instant of a report is a function of its number alone, and rises with it, so nothing is sorted.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <vector>

namespace gridledger::simulation {

// China has had one offset all year since 1992.
inline constexpr int64_t kUtcOffsetMinutes = 480;
inline constexpr int64_t kMinuteMs = 60'000;
inline constexpr int64_t kHourMs = 60 * kMinuteMs;
inline constexpr int64_t kDayMs = 24 * kHourMs;

// Minutes after local midnight, 0 to 1439.
int LocalMinute(int64_t at_ms);

class Rhythm {
 public:
  // `reports` in `days` whole local days from `start` on.
  Rhythm(uint64_t seed, absl::Time start, int days, uint64_t reports);

  // The instant of the report of that number, milliseconds since the epoch. Never falls with the
  // number. REQUIRES: 1 <= number <= reports.
  int64_t AtMs(uint64_t number) const;

 private:
  const uint64_t seed_;
  const int64_t start_ms_;
  const uint64_t reports_;
  std::vector<uint64_t> before_;  // by hour: the weight of all hours before it; the last is the sum
};

}  // namespace gridledger::simulation
