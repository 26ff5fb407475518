// The sorter and the counter on the real disk: order, nothing lost, and memory that stays bounded.
#include "services/history/files/sorting/sorter.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/history/files/bytes/temp_folder.h"
#include "tests/support/temporary_folder.h"

namespace gridledger::files {
namespace {

namespace fs = std::filesystem;

// A fact that says itself where it belongs.
struct Fact {
  int partition;
  int64_t at_ms;
  uint32_t input;
  uint64_t row;
  uint32_t ordinal;
  int64_t version = 0;
  uint64_t group = 0;

  auto Order() const { return std::tie(group, at_ms, version, input, row, ordinal); }
  FactPlace Place() const {
    return {.at = FromMillis(at_ms),
            .version = version,
            .input = input,
            .row = row,
            .ordinal = ordinal,
            .group = group};
  }
  std::string Key() const { return absl::StrCat("key-", row % 7); }
  std::string Entry() const {
    return absl::StrCat(partition, "/", at_ms, "/", input, "/", row, "/", ordinal,
                        std::string(row % 90, '.'));
  }
};

std::vector<Fact> Facts(int rows, uint32_t seed) {
  std::mt19937 dice(seed);
  std::vector<Fact> facts;
  for (int row = 1; row <= rows; ++row) {
    int64_t at_ms = static_cast<int64_t>(dice() % 5'000) - 1'000;  // many at once, some before 1970
    for (uint32_t ordinal = 0; ordinal < 3; ++ordinal) {
      // Groups are hashes: half of them have the highest bit set.
      facts.push_back(Fact{static_cast<int>(dice() % 4), at_ms, static_cast<uint32_t>(row % 3),
                           static_cast<uint64_t>(row), ordinal,
                           static_cast<int64_t>(dice() % 3) - 1,
                           seed % 2 == 0 ? (dice() % 5) << 62 : 0});
      at_ms += dice() % 100;
    }
  }
  std::shuffle(facts.begin(), facts.end(), dice);
  return facts;
}

absl::Status AddAll(const std::vector<Fact>& facts, FactSorter* sorter) {
  for (const Fact& fact : facts) {
    absl::Status status =
        sorter->Add(Partition{fact.partition}, fact.Place(), fact.Key(), fact.Entry());
    if (!status.ok()) return status;
  }
  return sorter->Finish();
}

void ExpectSorted(std::vector<Fact> facts, const FactSorter& sorter) {
  std::sort(facts.begin(), facts.end(),
            [](const Fact& a, const Fact& b) { return a.Order() < b.Order(); });
  for (int p = 0; p < 4; ++p) {
    auto reader = sorter.NewReader(Partition{p});
    ASSERT_TRUE(reader.ok()) << reader.status();
    SortedFact read;
    int64_t count = 0;
    for (const Fact& fact : facts) {
      if (fact.partition != p) continue;
      const absl::StatusOr<bool> more = (*reader)->Next(&read);
      ASSERT_TRUE(more.ok()) << more.status();
      ASSERT_TRUE(*more);
      ASSERT_EQ(read.entry, fact.Entry());
      ASSERT_EQ(read.key, fact.Key());
      ASSERT_EQ(read.place.at, FromMillis(fact.at_ms));
      ASSERT_EQ(read.place.row, fact.row);
      ASSERT_EQ(read.place.version, fact.version);
      ASSERT_EQ(read.place.group, fact.group);
      ++count;
    }
    EXPECT_FALSE(*(*reader)->Next(&read));
    EXPECT_FALSE(*(*reader)->Next(&read)) << "the end stays the end";
    EXPECT_EQ(sorter.count(Partition{p}), count);
  }
}

class SorterTest : public testing::Test {
 protected:
  std::unique_ptr<FactSorter> Open(size_t memory_bytes) {
    auto sorter =
        FactSorter::Open({.memory_bytes = memory_bytes, .temp_folder = place(), .partitions = 4});
    EXPECT_TRUE(sorter.ok()) << sorter.status();
    return *std::move(sorter);
  }
  std::string place() const { return folder_ / "tmp"; }
  size_t Files() const {
    size_t count = 0;
    std::error_code none;
    for (fs::recursive_directory_iterator at(place(), none), end; !none && at != end; ++at) ++count;
    return count;
  }

  TemporaryFolder folder_;
};

TEST_F(SorterTest, InMemoryAndOnDiskTheOrderIsTheSame) {
  const std::vector<Fact> facts = Facts(40'000, 3);
  {
    const auto sorter = Open(size_t{256} << 20);
    ASSERT_TRUE(AddAll(facts, sorter.get()).ok());
    EXPECT_EQ(sorter->runs(), 0);
    EXPECT_EQ(Files(), 0u) << "what fits in memory touches no disk";
    ExpectSorted(facts, *sorter);
  }
  {
    const auto sorter = Open(size_t{4} << 20);  // 120,000 facts × ~130 B
    ASSERT_TRUE(AddAll(facts, sorter.get()).ok());
    EXPECT_GE(sorter->runs(), 3);
    EXPECT_EQ(sorter->count(), static_cast<int64_t>(facts.size()));
    ExpectSorted(facts, *sorter);
    ExpectSorted(facts, *sorter);  // readers do not use it up
  }
  EXPECT_EQ(Files(), 0u) << "what was put away is gone with the sorter";
}

TEST_F(SorterTest, NothingSortedIsNothingRead) {
  const auto sorter = Open(0);
  ASSERT_TRUE(sorter->Finish().ok());
  ExpectSorted({}, *sorter);
}

TEST_F(SorterTest, ALongFactAndOneThatIsTooLong) {
  const auto sorter = Open(size_t{4} << 20);
  const std::string entry(size_t{2} << 20, 'x');
  EXPECT_EQ(sorter->Add(Partition{0}, {.at = FromMillis(1), .row = 1}, "k", entry).code(),
            absl::StatusCode::kInvalidArgument);
  for (uint64_t row = 1; row <= 9; ++row) {
    ASSERT_TRUE(sorter
                    ->Add(Partition{0}, {.at = FromMillis(9), .row = 10 - row}, "",
                          absl::string_view(entry).substr(row))
                    .ok());
  }
  ASSERT_TRUE(sorter->Finish().ok());
  auto reader = *sorter->NewReader(Partition{0});
  SortedFact fact;
  for (uint64_t row = 1; row <= 9; ++row) {
    ASSERT_TRUE(*reader->Next(&fact));
    EXPECT_EQ(fact.place.row, row);
    EXPECT_EQ(fact.entry.size(), entry.size() - (10 - row));
  }
}

TEST_F(SorterTest, WhatAKilledSorterLeftIsRemoved) {
  fs::create_directories(place() + "/sort-Gone42/runs");
  std::ofstream(place() + "/sort-Gone42.lock") << "";
  std::ofstream(place() + "/sort-Gone42/runs/1.sst") << "rows";
  auto alive = TempFolder::Make(place());
  ASSERT_TRUE(alive.ok());
  Open(0);
  EXPECT_FALSE(fs::exists(place() + "/sort-Gone42"));
  EXPECT_FALSE(fs::exists(place() + "/sort-Gone42.lock"));
  EXPECT_TRUE(fs::exists((*alive)->path())) << "somebody is still at work there";
}

TEST_F(SorterTest, ADamagedRunIsNotReadOver) {
  const std::vector<Fact> facts = Facts(40'000, 4);
  const auto sorter = Open(size_t{4} << 20);
  ASSERT_TRUE(AddAll(facts, sorter.get()).ok());
  int damaged = 0;
  for (const auto& file : fs::recursive_directory_iterator(place())) {
    if (file.path().extension() != ".sst") continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (int64_t at = 1000; at < static_cast<int64_t>(file.file_size()) / 2; at += 5'000) {
      stream.seekp(at);
      stream.put('\x55');
    }
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  bool told = false;
  for (int p = 0; p < 4 && !told; ++p) {
    auto reader = *sorter->NewReader(Partition{p});
    SortedFact fact;
    while (true) {
      const absl::StatusOr<bool> more = reader->Next(&fact);
      if (!more.ok()) {
        EXPECT_EQ(more.status().code(), absl::StatusCode::kDataLoss) << more.status();
        told = true;
        break;
      }
      if (!*more) break;
    }
  }
  EXPECT_TRUE(told);
}

TEST_F(SorterTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(folder_ / "file") << "";
  auto sorter =
      FactSorter::Open({.memory_bytes = 0, .temp_folder = folder_ / "file/below", .partitions = 4});
  absl::Status status = sorter.status();
  if (sorter.ok()) status = AddAll(Facts(40'000, 1), sorter->get());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(FactSorter::Open({}).status().code(), absl::StatusCode::kInvalidArgument);
}

// Memory of this process in use, in bytes: the second number of statm, in pages of 4 KiB.
size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0;
  size_t resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

TEST_F(SorterTest, MemoryDoesNotGrowWithTheFacts) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory grows";
#endif
  constexpr size_t kLimit = size_t{16} << 20;
  const auto sorter = Open(kLimit);
  const std::string entry(200, 'e');
  const size_t before = ResidentBytes();
  size_t most = 0;
  std::mt19937_64 dice(11);
  constexpr uint64_t kRows = 600'000;  // × ~260 B = 156 MB
  for (uint64_t row = 1; row <= kRows; ++row) {
    const auto at = FromMillis(static_cast<int64_t>(dice() % 1'000'000'000));
    ASSERT_TRUE(
        sorter->Add(Partition{static_cast<int>(row % 4)}, {.at = at, .row = row}, "key", entry)
            .ok());
    if (row % 10'000 == 0) most = std::max(most, ResidentBytes());
  }
  ASSERT_TRUE(sorter->Finish().ok());
  EXPECT_GT(sorter->runs(), 5);
  uint64_t read = 0;
  for (int p = 0; p < 4; ++p) {
    auto reader = *sorter->NewReader(Partition{p});
    SortedFact fact;
    int64_t last_ms = 0;
    while (*reader->Next(&fact)) {
      ASSERT_LE(last_ms, ToMillis(fact.place.at));
      last_ms = ToMillis(fact.place.at);
      if (++read % 10'000 == 0) most = std::max(most, ResidentBytes());
    }
  }
  EXPECT_EQ(read, kRows);
  // Beside the limit: RocksDB itself, a table being written, and what malloc holds back.
  EXPECT_LT(most, before + kLimit + (size_t{24} << 20));
}

}  // namespace
}  // namespace gridledger::files
