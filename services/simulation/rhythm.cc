#include "services/simulation/rhythm.h"

#include <absl/time/civil_time.h>

#include <algorithm>
#include <array>

#include "services/base/invariant.h"
#include "services/simulation/dice.h"

namespace gridledger::simulation {
namespace {

// Reports an hour of a working day, as shares of the busiest hour in percent.
constexpr std::array<uint64_t, 24> kHours = {6,  4,  3,  3,  4,  8,  18, 36, 70, 92, 88, 66,
                                             44, 50, 78, 84, 80, 66, 48, 42, 38, 30, 20, 11};

struct Holiday {
  absl::CivilDay first, last;
};

// 春节 (prolonged in 2020), 国庆 and 元旦 inside the published period: less is reported, and what
// is comes from the public.
bool IsHoliday(absl::CivilDay day) {
  static const auto* const holidays =
      new std::vector<Holiday>{{absl::CivilDay(2020, 1, 24), absl::CivilDay(2020, 2, 2)},
                               {absl::CivilDay(2020, 10, 1), absl::CivilDay(2020, 10, 8)},
                               {absl::CivilDay(2021, 1, 1), absl::CivilDay(2021, 1, 3)}};
  return std::any_of(holidays->begin(), holidays->end(),
                     [&](const Holiday& h) { return h.first <= day && day <= h.last; });
}

uint64_t DayPercent(absl::CivilDay day) {
  if (IsHoliday(day)) return 50;
  switch (absl::GetWeekday(day)) {
    case absl::Weekday::saturday: return 74;
    case absl::Weekday::sunday: return 64;
    default: return 100;
  }
}

// A report's number is spread over its slot in 1/1024.
constexpr uint64_t kSlot = 1024;

}  // namespace

int LocalMinute(int64_t at_ms) {
  const int64_t local = (at_ms + kUtcOffsetMinutes * kMinuteMs) % kDayMs;
  return static_cast<int>((local < 0 ? local + kDayMs : local) / kMinuteMs);
}

Rhythm::Rhythm(uint64_t seed, absl::Time start, int days, uint64_t reports)
    : seed_(seed), start_ms_(absl::ToUnixMillis(start)), reports_(reports) {
  const absl::TimeZone zone = absl::FixedTimeZone(static_cast<int>(kUtcOffsetMinutes) * 60);
  const absl::CivilDay first = absl::ToCivilDay(start, zone);
  before_.reserve(static_cast<size_t>(days) * 24 + 1);
  uint64_t sum = 0;
  for (int day = 0; day < days; ++day) {
    Dice dice(seed, Purpose::kWeather, static_cast<uint64_t>(day));
    // 全科网格治理已全面铺开 (S8): twice as many reports at the end as at the beginning.
    const uint64_t growth = 70 + static_cast<uint64_t>(70) * day / days;
    const uint64_t percent = DayPercent(first + day) * growth * dice.Between(85, 115);
    for (const uint64_t hour : kHours) {
      before_.push_back(sum);
      sum += hour * percent / 100'000;  // 92 × 100 × 139 × 115 / 1e5 = 1470 at most, never 0
    }
  }
  before_.push_back(sum);
}

int64_t Rhythm::AtMs(uint64_t number) const {
  const uint64_t jitter = Draw(seed_, Purpose::kArrival, number) % kSlot;
  // number < 2^30, slot 2^10, and the sum of a year's hours is below 2^23: fits 64 bits.
  const uint64_t weight = ((number - 1) * kSlot + jitter) * before_.back() / reports_;
  const auto after = std::upper_bound(before_.begin(), before_.end(), weight / kSlot);
  INVARIANT(after != before_.begin() && after != before_.end(), "a report outside of the period");
  const uint64_t hour = static_cast<uint64_t>(after - before_.begin()) - 1;
  const uint64_t into = weight - before_[hour] * kSlot;
  const uint64_t whole = (before_[hour + 1] - before_[hour]) * kSlot;
  return start_ms_ + static_cast<int64_t>(hour) * kHourMs +
         static_cast<int64_t>(into * static_cast<uint64_t>(kHourMs) / whole);
}

}  // namespace gridledger::simulation
