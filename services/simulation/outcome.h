// Which incidents are rectified by the cut-off and which stay open: exactly as many as published
// (S19: 50,879 of 52,297), told for each number alone, without a list.
#pragma once

#include <array>
#include <cstdint>

namespace gridledger::simulation {

inline constexpr uint64_t kPublished = 52'297;  // 累计发布
inline constexpr uint64_t kRectified = 50'879;  // 已整治

// The same share of another number of incidents, rounded half up.
constexpr uint64_t Rectified(uint64_t incidents) {
  return (2 * incidents * kRectified + kPublished) / (2 * kPublished);
}

class Outcome {
 public:
  Outcome(uint64_t seed, uint64_t incidents);

  // True for incidents − Rectified(incidents) of the numbers 1 … incidents: few of the early ones,
  // and all of the last ones, for which no time is left.
  bool StaysOpen(uint64_t number) const;

 private:
  struct Stretch {
    uint64_t begin = 0;  // of the numbers from 0
    uint64_t length = 0;
    uint64_t open = 0;
  };
  static constexpr int kStretches = 5;

  const uint64_t seed_;
  std::array<Stretch, kStretches> stretches_;
};

}  // namespace gridledger::simulation
