// What digests cost: the time that hashing takes out of folding a ledger with checkpoints, for each
// service. The ledger is the simulated period; what is hashed is what each collection changes.
#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/gridledger/commands/built_in_policies.h"
#include "services/runtime/host/subjects.h"
#include "services/simulation/city.h"
#include "tests/support/ledger.h"

namespace gridledger {
namespace {

constexpr uint64_t kIncidents = 20'000;
constexpr int64_t kRecordsAChange = 20'000;  // between two collections

class Feed : public engine::OutsideSource {
 public:
  explicit Feed(const simulation::City& city) : feed_(city, Partition{0}) {}
  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    return feed_.Next(view, &next->at, &next->key, &next->entry);
  }

 private:
  simulation::PartitionFeed feed_;
};

const Ledger& Period() {
  static const Ledger* const ledger = [] {
    const simulation::City city({.seed = 1, .incidents = kIncidents}, *cli::PackPolicy("yutang"));
    std::vector<std::unique_ptr<engine::Task>> owned;
    std::vector<engine::Task*> tasks;
    for (const engine::Service& service : host::AllServices()) {
      tasks.push_back(owned.emplace_back(NewTask(service, Partition{0})).get());
    }
    LedgerKeeper keeper;
    engine::LockStep run(Partition{0}, tasks, &keeper);
    Feed feed(city);
    while (*run.Step(feed)) continue;
    return new Ledger(std::move(keeper.ledger));
  }();
  return *ledger;
}

double SecondsSince(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

void BM_Fold(benchmark::State& state) {
  const engine::Service& service = host::AllServices()[state.range(0)];
  const Ledger& ledger = Period();
  double folding = 0, hashing = 0;
  int64_t pairs = 0;
  for (auto _ : state) {
    const auto task = NewTask(service, Partition{0});
    Digest sum;
    for (size_t i = 0; i < ledger.size(); ++i) {
      const auto begun = std::chrono::steady_clock::now();
      const size_t end = std::min(ledger.size(), i + static_cast<size_t>(kRecordsAChange));
      for (; i < end; ++i) {
        if (!task->Fold(At(ledger, Partition{0}, i)).ok()) return state.SkipWithError("fold");
      }
      --i;
      TaskCheckpoint collected = task->Collect();
      folding += SecondsSince(begun);
      // The same hashing again, alone: a hash for each changed pair, one taken out and one put in.
      const auto changed = collected.pairs.Sorted();
      const auto again = std::chrono::steady_clock::now();
      for (const PairBatch::Pair& pair : changed) {
        const Digest hash = HashPair(pair.key, pair.value);
        sum -= hash;
        sum += hash;
        benchmark::DoNotOptimize(sum);
      }
      hashing += SecondsSince(again);
      pairs += static_cast<int64_t>(changed.size());
    }
  }
  state.SetLabel(service.name.text());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(ledger.size()));
  state.counters["digest_percent"] = 100 * hashing / folding;
  state.counters["pairs_a_record"] =
      static_cast<double>(pairs) / static_cast<double>(state.iterations() * ledger.size());
}
BENCHMARK(BM_Fold)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gridledger

BENCHMARK_MAIN();
