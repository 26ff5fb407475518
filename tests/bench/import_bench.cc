// What an import costs before the first fact reaches the ledger, a row: reading CSV, mapping,
// sorting.
//   build/release/tests/import_bench
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/base/invariant.h"
#include "services/base/partitioning.h"
#include "services/history/files/rows/csv_reader.h"
#include "services/history/files/sorting/sorter.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger {
namespace {

constexpr int kRows = 50'000;
constexpr int kPartitions = 8;

constexpr char kMapping[] = R"(
source: town
policy: town.yaml
zone: America/New_York
time_formats: "%Y-%m-%d %H:%M:%S"
incident:
  id: id
  category: type
  community: {column: place, trim: true, default: nowhere}
  area: {column: ward, trim: true, strip_prefixes: [Ward], zero_pad: 2, add_prefix: ward-}
  unit: unit
  due: due
  latitude: lat
  longitude: long
facts:
  - {fact: reported, at: open}
  - {fact: filed, at: open}
  - {fact: closed, at: done, when: {column: state, equals: Closed}, disposition: UNCHECKED}
)";

// Rows of some 400 bytes, two thirds of them free text, as cities write them.
std::string Rows() {
  std::string text = "id,type,place,ward,unit,open,due,done,state,lat,long,notes\n";
  const std::string notes(270, 'n');
  for (int i = 0; i < kRows; ++i) {
    const int day = i / 2000;
    absl::StrAppendFormat(&text,
                          "1010%08d,Street light outage,\"Place %d, north\",Ward %d,works,"
                          "2011-07-%02d %02d:%02d:11,2011-08-%02d 08:00:00,2011-07-%02d 23:59:07,"
                          "%s,42.%04d,-71.%04d,%s\n",
                          i, i % 25, i % 22, day % 28 + 1, i % 24, i % 60, day % 28 + 1,
                          day % 28 + 1, i % 15 == 0 ? "Open" : "Closed", i % 10'000, i % 9'999,
                          notes);
  }
  return text;
}

std::unique_ptr<files::CsvReader> Open(const std::string& text) {
  auto reader = files::CsvReader::Open(files::InputFromText(text, "rows"), {});
  INVARIANT(reader.ok(), "the rows are CSV");
  return *std::move(reader);
}

void BM_ReadCsv(benchmark::State& state) {
  const std::string text = Rows();
  files::InputRow row;
  for (auto _ : state) {
    const auto reader = Open(text);
    while (*reader->Next(&row)) benchmark::DoNotOptimize(row.fields.data());
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_ReadCsv)->Unit(benchmark::kMillisecond);

// Everything before the ledger: read, map, serialise, sort.
void BM_ReadMapSort(benchmark::State& state) {
  const std::string text = Rows();
  const auto memory = static_cast<size_t>(state.range(0)) << 20;
  v1::Mapping mapping;
  INVARIANT(yaml::ParseYaml(kMapping, "mapping", &mapping).ok(), "the mapping is one");
  const std::string folder = (std::filesystem::temp_directory_path() / "import-bench").string();
  files::InputRow row;
  std::string bytes;
  int64_t facts = 0;
  for (auto _ : state) {
    const auto reader = Open(text);
    const auto mapper = *mapping::Mapper::Compile(mapping, reader->header());
    const auto sorter = *files::FactSorter::Open(
        {.memory_bytes = memory, .temp_folder = folder, .partitions = kPartitions});
    while (*reader->Next(&row)) {
      const auto made = mapper->Apply(row.fields);
      INVARIANT(!made.empty(), "every row is taken");
      const Partition partition = PartitionOf(mapper->community(), kPartitions);
      for (const mapping::Mapper::Made& one : made) {
        one.fact->SerializeToString(&bytes);
        const auto ordinal = static_cast<uint32_t>(&one - made.data());
        const auto number = static_cast<uint64_t>(row.number);
        INVARIANT(sorter
                      ->Add(partition, {.at = one.at, .row = number, .ordinal = ordinal},
                            mapper->community(), bytes)
                      .ok(),
                  "the disk holds");
      }
    }
    INVARIANT(sorter->Finish().ok(), "the disk holds");
    facts += sorter->count();
  }
  std::filesystem::remove_all(folder);
  state.SetItemsProcessed(state.iterations() * kRows);
  state.counters["facts"] =
      benchmark::Counter(static_cast<double>(facts), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_ReadMapSort)->ArgName("MiB")->Arg(256)->Arg(8)->Unit(benchmark::kMillisecond);

void BM_Map(benchmark::State& state) {
  const std::string text = Rows();
  v1::Mapping mapping;
  INVARIANT(yaml::ParseYaml(kMapping, "mapping", &mapping).ok(), "the mapping is one");
  const auto reader = Open(text);
  const auto mapper = *mapping::Mapper::Compile(mapping, reader->header());
  std::vector<std::vector<std::string>> rows;
  files::InputRow row;
  while (rows.size() < 1'000 && *reader->Next(&row)) {
    rows.emplace_back(row.fields.begin(), row.fields.end());
  }
  std::vector<std::vector<absl::string_view>> views;
  for (const auto& fields : rows) views.emplace_back(fields.begin(), fields.end());
  for (auto _ : state) {
    for (const auto& fields : views) benchmark::DoNotOptimize(mapper->Apply(fields).data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(views.size()));
}
BENCHMARK(BM_Map)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gridledger

BENCHMARK_MAIN();
