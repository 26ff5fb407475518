// The city's figures for Prometheus, under a declared bound of series: each count and each rate's
// two numbers, of all and by category and unit. Labels hold codes of the policy alone.
#pragma once

#include <cstdint>
#include <string>

#include "services/domain/metrics/metrics.h"

namespace gridledger::gateway {

// Of one dimension, those with the most reports; the others are one row of the key "(others)".
// 2 × 101 keys × (12 counts + 2 × 4 numbers of rates) ≈ 4,000 series.
inline constexpr size_t kKeysOfDimension = 100;

struct CityState {
  metrics::Sheet sheet;
  uint64_t dead_letters = 0;  // that wait
  uint64_t voids = 0;
};

// gridledger_city_<count>{by, key}, gridledger_city_rate_numerator{rate, by, key}, …_denominator,
// gridledger_city_dead_letters, gridledger_city_voids_total, gridledger_city_as_of_seconds.
std::string CityFiguresText(const CityState& state);

}  // namespace gridledger::gateway
