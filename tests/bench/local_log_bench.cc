// What the embedded log does in a second: synced appends, bulk appends, sequential reading.
#include <absl/strings/str_cat.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"

namespace gridledger {
namespace {

std::unique_ptr<LocalLog> OpenLog(const std::string& folder) {
  LocalLog::Options options;
  options.folder = folder;
  options.partitions = 8;
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(options);
  if (!log.ok()) std::abort();
  return *std::move(log);
}

struct Scratch {
  Scratch() { ::mkdtemp(path.data()); }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path = (std::filesystem::temp_directory_path() / "log-bench-XXXXXX").string();
};

// Half words, half random bytes: compresses to about two thirds, as sealed texts among plain
// fields.
std::string ValueOf(size_t size, uint64_t number) {
  std::mt19937_64 random(number);
  std::string value;
  while (value.size() < size / 2) absl::StrAppend(&value, "community-", random() % 1000, " ");
  while (value.size() < size) value.push_back(static_cast<char>(random()));
  value.resize(size);
  return value;
}

NewRecord RecordOf(size_t size, uint64_t number) {
  return NewRecord{absl::FromUnixMillis(static_cast<int64_t>(number)), "community-17", "",
                   ValueOf(size - 12, number)};
}

std::vector<std::string> SomeValues(size_t size) {
  std::vector<std::string> values;
  for (uint64_t i = 0; i < 1024; ++i) values.push_back(ValueOf(size, i));
  return values;
}

// Records a call: 1 and 1000. With several threads all append to one log, each to its partition.
void BM_Append(benchmark::State& state) {
  static std::unique_ptr<Scratch> scratch;
  static std::unique_ptr<LocalLog> log;
  const int count = static_cast<int>(state.range(0));
  if (state.thread_index() == 0) {
    scratch = std::make_unique<Scratch>();
    log = OpenLog(scratch->path);
  }
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i) records.push_back(RecordOf(220, static_cast<uint64_t>(i)));
  for (auto _ : state) {
    if (!log->AppendAndWait(Partition{state.thread_index()}, records).ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * count);
  if (state.thread_index() == 0) {
    log.reset();
    scratch.reset();
  }
}
BENCHMARK(BM_Append)->Arg(1)->Threads(1)->Threads(8)->UseRealTime();
BENCHMARK(BM_Append)->Arg(1000)->Threads(1)->Threads(2)->UseRealTime();

// One thread, 300-byte records, a flush every 200,000.
void BM_Bulk(benchmark::State& state) {
  constexpr int kFlushEvery = 200000;
  const Scratch scratch;
  const auto log = OpenLog(scratch.path);
  const auto bulk = log->NewBulkAppender();
  const std::vector<std::string> values = SomeValues(288);
  for (auto _ : state) {
    for (int i = 0; i < kFlushEvery; ++i) {
      if (!bulk->Append(Partition{i % 8 < 4 ? 0 : 1}, absl::FromUnixMillis(i), "community-17", "",
                        values[i % values.size()])
               .ok()) {
        std::abort();
      }
    }
    if (!bulk->Flush().ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * kFlushEvery);
}
BENCHMARK(BM_Bulk)->UseRealTime()->Unit(benchmark::kMillisecond);

// One thread reads 220-byte records in polls of 5000: of one partition, and of eight at once; as
// bulk files and as what appending leaves behind.
void BM_Scan(benchmark::State& state) {
  constexpr int kRecords = 1600000;
  const int partitions = static_cast<int>(state.range(0));
  const bool bulk_written = state.range(1) == 1;
  const Scratch scratch;
  const auto log = OpenLog(scratch.path);
  const std::vector<std::string> values = SomeValues(208);
  if (bulk_written) {
    const auto bulk = log->NewBulkAppender();
    for (int i = 0; i < kRecords; ++i) {
      if (!bulk->Append(Partition{i % partitions}, absl::FromUnixMillis(i), "community-17", "",
                        values[i % values.size()])
               .ok()) {
        std::abort();
      }
    }
    if (!bulk->Flush().ok()) std::abort();
  } else {
    for (int i = 0; i < kRecords; i += 2000) {
      std::vector<NewRecord> records;
      for (int k = 0; k < 2000; ++k) {
        records.push_back(NewRecord{absl::FromUnixMillis(i + k), "community-17", "",
                                    values[(i + k) % values.size()]});
      }
      if (!log->AppendAndWait(Partition{i / 2000 % partitions}, std::move(records)).ok()) {
        std::abort();
      }
    }
  }
  RecordBatch batch;
  int64_t bytes = 0;
  for (auto _ : state) {
    const auto reader = log->NewReader();
    for (int p = 0; p < partitions; ++p) {
      if (!reader->Assign(Partition{p}, Offset{0}).ok()) std::abort();
    }
    for (int left = kRecords; left > 0; left -= static_cast<int>(batch.records().size())) {
      if (!reader->Poll(absl::ZeroDuration(), 5000, &batch).ok()) std::abort();
      if (batch.records().empty()) std::abort();
      bytes += static_cast<int64_t>(batch.records()[0].value.size());
    }
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * kRecords);
}
BENCHMARK(BM_Scan)
    ->ArgNames({"partitions", "bulk"})
    ->Args({1, 1})
    ->Args({8, 1})
    ->Args({1, 0})
    ->Args({8, 0})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gridledger

BENCHMARK_MAIN();
