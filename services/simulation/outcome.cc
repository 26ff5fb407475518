#include "services/simulation/outcome.h"

#include <algorithm>

#include "services/base/invariant.h"
#include "services/simulation/dice.h"

namespace gridledger::simulation {
namespace {

// Where a stretch begins, in 512ths of all numbers, and its part of the open ones in percent. One
// 512th of 397 days is 18.6 hours; one of 52,297 incidents is 102, and 8 % of 1,418 are 113: all of
// the last stretch stay open.
struct Part {
  uint64_t begin_512, percent;
};
constexpr std::array<Part, 5> kParts = {{{0, 22}, {384, 34}, {496, 22}, {508, 14}, {511, 8}}};

constexpr uint64_t kBlock = 64;  // shuffled among themselves

}  // namespace

Outcome::Outcome(uint64_t seed, uint64_t incidents) : seed_(seed) {
  const uint64_t open = incidents - Rectified(incidents);
  uint64_t end = incidents;
  uint64_t given = 0;  // to the stretches behind
  uint64_t percent = 100;
  for (int i = kStretches - 1; i >= 0; --i) {
    Stretch& stretch = stretches_[i];
    stretch.begin = incidents * kParts[i].begin_512 / 512;
    stretch.length = end - stretch.begin;
    percent -= kParts[i].percent;
    // What does not fit goes to the stretch before.
    stretch.open = std::min(open - open * percent / 100 - given, stretch.length);
    given += stretch.open;
    end = stretch.begin;
  }
  INVARIANT(given == open, "more incidents stay open than there are");
}

bool Outcome::StaysOpen(uint64_t number) const {
  const uint64_t index = number - 1;
  int i = kStretches - 1;
  while (index < stretches_[i].begin) --i;
  const Stretch& stretch = stretches_[i];
  if (stretch.open == 0) return false;
  const uint64_t at = index - stretch.begin;
  const uint64_t block = at / kBlock * kBlock;
  const uint64_t size = std::min(kBlock, stretch.length - block);
  // Bresenham's line gives each block its share, and a shuffle (i → a·i + b) its places.
  const uint64_t open_before = block * stretch.open / stretch.length;
  const uint64_t open_after = (block + size) * stretch.open / stretch.length;
  const uint64_t draw = Draw(seed_, Purpose::kOutcome, stretch.begin + block);
  const uint64_t factor = size == kBlock ? draw | 1 : 1;  // odd: a bijection modulo 64
  const uint64_t rank = ((at - block) * factor + (draw >> 32)) % size;
  return rank < open_after - open_before;
}

}  // namespace gridledger::simulation
