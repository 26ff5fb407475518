#include "services/simulation/life.h"

#include <algorithm>

#include "services/base/invariant.h"
#include "services/simulation/rhythm.h"

namespace gridledger::simulation {
namespace {

using v1::Fact;

constexpr std::array<Category, 4> kCategories = {{
    {"publicity", 3 * 24 * 60, 16, {74, 16, 10, 0}},    // 社区公益宣传
    {"environment", 24 * 60, 38, {42, 32, 18, 8}},      // 公共环境
    {"order", 8 * 60, 28, {32, 38, 28, 2}},             // 公共秩序
    {"facilities", 5 * 24 * 60, 18, {36, 30, 22, 12}},  // 设施设备维护
}};
constexpr std::array<absl::string_view, 4> kChannels = {"patrol", "app", "phone", "sensor"};

// The index that a number from 0 to 99 falls on; the percents sum up to 100.
template <class List, class Percent>
int Pick(const List& list, uint32_t number, Percent percent) {
  int index = 0;
  for (uint32_t sum = percent(list[0]); number >= sum;) sum += percent(list[++index]);
  return index;
}

uint64_t Minutes(Dice& dice, uint32_t low, uint32_t high) {
  const uint32_t minute = static_cast<uint32_t>(kMinuteMs);
  return dice.Between(low * minute, high * minute);  // up to 49 days
}

// How much of the usual time the work takes, in percent: most are quick, some come close to it, and
// some are late.
uint64_t WorkPercent(Dice& dice) {
  const uint32_t how = dice.Below(1000);
  if (how < 875) return dice.Between(7, 74);
  if (how < 937) return dice.Between(75, 98);
  return dice.Between(104, 260);
}

// What may happen on the way.
struct Turns {
  bool declined = false, returned = false, paused = false, extended = false;
  int reworks = 0;
};

Turns DrawTurns(Dice& dice) {
  Turns turns;
  turns.declined = dice.PerMille(25);
  turns.returned = dice.PerMille(25);
  turns.paused = dice.PerMille(30);
  turns.extended = dice.PerMille(20);
  turns.reworks = dice.PerMille(45) ? (dice.PerMille(100) ? 2 : 1) : 0;
  return turns;
}

// 受理, 核实, 立案. A patrol has mostly seen for itself.
void AddFiling(Dice& dice, const Traits& traits, Life* life) {
  life->Add(Fact::kAccepted, Minutes(dice, 1, 30));
  const uint32_t verified = traits.channel == Channel::kPatrol ? 550 : 960;
  if (dice.PerMille(verified)) life->Add(Fact::kVerified, Minutes(dice, 6, 55));
  life->Add(Fact::kFiled, Minutes(dice, 2, 25));
}

// From filing to closing: the steps share the span by their weights; a pause comes on top of it.
void AddWork(Dice& dice, const Category& category, const Turns& turns, Life* life) {
  struct Part {
    Fact::KindCase kind;
    uint32_t weight;
    uint8_t detail;
    uint64_t extra_ms;
  };
  std::array<Part, kStepsMax> parts;
  int count = 0;
  const auto add = [&](Fact::KindCase kind, uint32_t low, uint32_t high, uint32_t detail = 0,
                       uint64_t extra_ms = 0) {
    parts[count++] = Part{kind, dice.Between(low, high), static_cast<uint8_t>(detail), extra_ms};
  };
  if (turns.declined) add(Fact::kDispatchDeclined, 2, 6, dice.Between(1, 3));
  if (turns.returned) {
    if (dice.PerMille(400)) add(Fact::kDispatchAccepted, 2, 6);
    add(Fact::kDispatchReturned, 3, 9);
  }
  const bool starts = dice.PerMille(880);
  if (!starts || dice.PerMille(930)) add(Fact::kDispatchAccepted, 2, 9);
  if (starts) add(Fact::kHandlingStarted, 4, 22);
  if (turns.paused) {
    add(Fact::kHandlingPaused, 4, 20, dice.Between(1, 3));
    add(Fact::kHandlingResumed, 1, 1, 0, Minutes(dice, 180, 9 * 24 * 60));
  }
  if (turns.extended) add(Fact::kDeadlineExtended, 10, 25, category.usual_minutes / 2 / 60);
  add(Fact::kHandlingFinished, 35, 100);
  for (int i = 0; i < turns.reworks; ++i) {
    add(Fact::kCheckFailed, 5, 15);
    if (dice.PerMille(800)) add(Fact::kHandlingStarted, 4, 12);
    add(Fact::kHandlingFinished, 15, 40);
  }
  add(Fact::kCheckPassed, 5, 20);
  add(Fact::kClosed, 2, 8);

  uint64_t weights = 0;
  for (int i = 0; i < count; ++i) weights += parts[i].weight;
  const uint64_t span_ms = category.usual_minutes * static_cast<uint64_t>(kMinuteMs) / 100 *
                           WorkPercent(dice);  // 5 days × 2.6 at most
  for (int i = 0; i < count; ++i) {
    const Part& part = parts[i];
    life->Add(part.kind, span_ms * part.weight / weights + part.extra_ms, part.detail);
  }
}

uint8_t Stars(Dice& dice) {
  const uint32_t percent = dice.Below(100);
  return percent < 55 ? 5 : percent < 82 ? 4 : percent < 92 ? 3 : percent < 97 ? 2 : 1;
}

// 评价, 不满意重办, 回潮. A reopened one is closed again.
void AddAfterwards(Dice& dice, const Category& category, Life* life) {
  const uint32_t what = dice.Below(1000);
  if (what >= 230) return;
  if (what >= 15) {
    life->Add(Fact::kRated, Minutes(dice, 5, 2 * 24 * 60), Stars(dice));
    return;
  }
  if (what < 9) {
    life->Add(Fact::kRated, Minutes(dice, 10, 24 * 60), dice.Between(1, 2));
    life->Add(Fact::kReopened, Minutes(dice, 5, 60), v1::REOPEN_REASON_DISSATISFIED);
  } else {
    life->Add(Fact::kReopened, Minutes(dice, 24 * 60, 5 * 24 * 60), v1::REOPEN_REASON_RECURRED);
  }
  AddWork(dice, category, Turns{}, life);
  if (dice.PerMille(400)) life->Add(Fact::kRated, Minutes(dice, 5, 24 * 60), Stars(dice));
}

uint64_t Lasts(const Life& life, int steps) {
  uint64_t ms = 0;
  for (int i = 0; i < steps; ++i) ms += life.steps[i].after_ms;
  return ms;
}

// Leaves out what would come after the cut-off.
void CutAt(uint64_t time_ms, Life* life) {
  uint64_t ms = 0;
  for (int i = 0; i < life->count; ++i) {
    ms += life->steps[i].after_ms;
    if (ms > time_ms) life->count = static_cast<uint8_t>(i);
  }
}

// Stops somewhere between filing and closing; later rather than sooner.
void StopOpen(Dice& dice, int filed, const Turns& turns, Life* life) {
  INVARIANT(life->steps[life->count - 1].kind() == Fact::kClosed, "a life that is not closed");
  const uint32_t steps = life->count - 2 - filed;  // behind filing, before the check
  const uint32_t one = dice.Below(steps + 1), other = dice.Below(steps);
  life->count = static_cast<uint8_t>(filed + std::max(one, other));
  if (!turns.paused) return;
  // 挂账: those that were to be paused mostly still are.
  for (int i = filed; i < life->count; ++i) {
    if (life->steps[i].kind() == Fact::kHandlingPaused) life->count = static_cast<uint8_t>(i + 1);
  }
}

// Makes the first `steps` shorter, in proportion, so that they come to pass within the time.
void Hasten(int steps, uint64_t time_ms, Life* life) {
  const uint64_t lasts = Lasts(*life, steps);
  if (lasts <= time_ms) return;
  INVARIANT(time_ms > kStepsMax, "no time is left for a life");
  for (int i = 0; i < steps; ++i) {
    uint32_t& ms = life->steps[i].after_ms;
    ms = static_cast<uint32_t>(std::max<uint64_t>(1, ms * (time_ms - kStepsMax) / lasts));
  }
}

// Brings the closing before the cut-off: without the reopening, or in a shorter life.
void FitIn(uint64_t time_ms, int closed, Life* life) {
  int last = life->count;
  while (life->steps[last - 1].kind() != Fact::kClosed) --last;
  if (Lasts(*life, last) > time_ms) {
    life->count = static_cast<uint8_t>(closed);
    Hasten(closed, time_ms, life);
  }
  CutAt(time_ms, life);
}

}  // namespace

absl::Span<const Category> Categories() { return kCategories; }

absl::string_view ChannelName(Channel channel) { return kChannels[static_cast<int>(channel)]; }

Traits DrawTraits(uint64_t seed, uint64_t number, int grids) {
  Dice dice(seed, Purpose::kPlace, number);
  Traits traits;
  traits.category = static_cast<uint8_t>(
      Pick(kCategories, dice.Below(100), [](const Category& c) { return c.percent; }));
  traits.channel =
      static_cast<Channel>(Pick(kCategories[traits.category].by_channel, dice.Below(100),
                                [](uint32_t percent) { return percent; }));
  traits.grid = static_cast<uint8_t>(dice.Below(static_cast<uint32_t>(grids)));
  // Who calls does not always say where exactly.
  traits.knows_grid = traits.channel != Channel::kPhone || !dice.PerMille(150);
  traits.draw = dice.Below(1u << 31);
  return traits;
}

void Life::Add(v1::Fact::KindCase kind, uint64_t after_ms, uint8_t detail) {
  INVARIANT(count < kStepsMax && after_ms <= UINT32_MAX, "a life is longer than planned for");
  steps[count++] = Step{static_cast<uint32_t>(std::max<uint64_t>(1, after_ms)),
                        static_cast<uint8_t>(kind), detail};
}

Life PlanLife(uint64_t seed, uint64_t number, const Traits& traits, const Fate& fate) {
  Dice dice(seed, Purpose::kLife, number);
  const Category& category = kCategories[traits.category];
  Life life;
  AddFiling(dice, traits, &life);
  const int filed = life.count;
  Turns turns = DrawTurns(dice);
  if (fate.stays_open) {
    turns.paused = turns.paused || dice.PerMille(300);
    AddWork(dice, category, turns, &life);
    StopOpen(dice, filed, turns, &life);
    Hasten(filed, fate.time_ms, &life);  // what was published had been filed
    CutAt(fate.time_ms, &life);
    return life;
  }
  AddWork(dice, category, turns, &life);
  const int closed = life.count;
  AddAfterwards(dice, category, &life);
  FitIn(fate.time_ms, closed, &life);
  return life;
}

}  // namespace gridledger::simulation
