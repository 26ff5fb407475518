// How fast the simulated city makes entries, alone and written in view of an incident.
#include <benchmark/benchmark.h>

#include "services/simulation/city.h"

namespace gridledger {
namespace {

using incident::Phase;
using simulation::City;
using simulation::PartitionFeed;
using v1::Fact;

// When and about which incident, for all communities in one partition.
void BM_Advance(benchmark::State& state) {
  const City city({.incidents = static_cast<uint64_t>(state.range(0))}, v1::Policy());
  PartitionFeed feed(city, Partition{0});
  PartitionFeed::Due due;
  size_t lives_max = 0;
  int64_t entries = 0;
  for (auto _ : state) {
    if (!feed.Advance(&due)) {
      state.SkipWithError("the period is over");
      break;
    }
    lives_max = std::max(lives_max, feed.lives());
    ++entries;
  }
  state.SetItemsProcessed(entries);
  state.counters["lives_max"] = static_cast<double>(lives_max);
}
BENCHMARK(BM_Advance)->Arg(20'000'000);

// The phase in which a fact of that kind is legal.
Phase PhaseFor(Fact::KindCase kind) {
  for (const incident::Transition& row : incident::Transitions()) {
    if (row.fact != kind) continue;
    int phase = 0;
    while ((row.from >> phase & 1) == 0 || phase == static_cast<int>(Phase::kFiled)) ++phase;
    return static_cast<Phase>(phase);
  }
  return Phase::kNone;
}

// With the entries, as the driver asks for them, but for looking up the incident.
void BM_AdvanceAndWrite(benchmark::State& state) {
  const City city({.incidents = static_cast<uint64_t>(state.range(0))}, v1::Policy());
  PartitionFeed feed(city, Partition{0});
  const policy::Compiled policy;
  std::vector<incident::Incident> seen(64);
  for (int kind = 0; kind < 64; ++kind) {
    seen[kind].phase = PhaseFor(static_cast<Fact::KindCase>(kind));
    seen[kind].unit = UnitCode("order-team");
    seen[kind].member = MemberCode("YT001-U1-D1");
  }
  seen[Fact::kHandlingResumed].paused_at = absl::UnixEpoch();
  seen[Fact::kClosed].phase = Phase::kChecked;
  PartitionFeed::Due due;
  std::string key;
  v1::Entry entry;
  int64_t entries = 0;
  int64_t left_out = 0;
  for (auto _ : state) {
    if (!feed.Advance(&due)) {
      state.SkipWithError("the period is over");
      break;
    }
    left_out += feed.Write(&seen[due.step.kind()], policy, &key, &entry) ? 0 : 1;
    ++entries;
  }
  state.SetItemsProcessed(entries);
  state.counters["left_out"] = static_cast<double>(left_out);
}
BENCHMARK(BM_AdvanceAndWrite)->Arg(5'000'000)->Arg(20'000'000);

// A partition passes over the numbers of the others.
void BM_SkipOthers(benchmark::State& state) {
  const City city({.incidents = 1'000'000}, v1::Policy());
  uint64_t number = 0;
  int64_t communities = 0;
  for (auto _ : state) communities += city.CommunityOf(++number);
  benchmark::DoNotOptimize(communities);
  state.SetItemsProcessed(static_cast<int64_t>(number));
}
BENCHMARK(BM_SkipOthers);

}  // namespace
}  // namespace gridledger

BENCHMARK_MAIN();
