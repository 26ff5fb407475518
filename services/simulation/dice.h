// Chance that is the same on every machine: SplitMix64, drawn by counter, integers only. Each
// incident has its own stream, so that what happens to one never hangs on another.
#pragma once

#include <cstdint>

namespace gridledger::simulation {

// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
// 2014): every bit of the input reaches every bit of the output.
constexpr uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

inline constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio, odd

// Who draws: streams for different purposes never share a number.
enum class Purpose : uint64_t { kPlace = 1, kLife = 2, kOutcome = 3, kWeather = 4, kArrival = 5 };

// One number, without a stream.
constexpr uint64_t Draw(uint64_t seed, Purpose purpose, uint64_t number) {
  return Mix(Mix(seed + static_cast<uint64_t>(purpose) * kGoldenGamma) + number * kGoldenGamma);
}

class Dice {
 public:
  Dice(uint64_t seed, Purpose purpose, uint64_t number) : state_(Draw(seed, purpose, number)) {}

  uint64_t Next() {
    state_ += kGoldenGamma;
    return Mix(state_);
  }
  // From 0 to bound − 1; uneven by less than bound / 2^32.
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * static_cast<uint64_t>(bound)) >> 32);
  }
  // Both ends included.
  uint32_t Between(uint32_t low, uint32_t high) { return low + Below(high - low + 1); }
  bool PerMille(uint32_t chance) { return Below(1000) < chance; }

 private:
  uint64_t state_;
};

}  // namespace gridledger::simulation
