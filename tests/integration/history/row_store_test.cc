// What imports have taken, on the real disk: rows are known wherever they stand, whatever was taken
// before and however many are of one incident; what is not whole is refused.
#include "services/history/importing/row_store.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace gridledger::cli {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Row {
  uint64_t incident;
  uint64_t content;
};

// Fingerprints, some of them with the highest bit set.
Row RowOfNumber(uint64_t number, uint64_t incidents) {
  const uint64_t mixed = number * 0x9E3779B97F4A7C15;
  return {(number % incidents) * 0xC2B2AE3D27D4EB4F, mixed ^ (mixed >> 31)};
}

class RowStoreTest : public testing::Test {
 protected:
  std::string Path() const { return folder_.path() + "/imports/city.rows"; }
  absl::StatusOr<std::unique_ptr<RowStore>> Open(size_t memory_bytes = size_t{1} << 20) {
    return RowStore::Open({.path = Path(),
                           .rounds = rounds_,
                           .cut_off = cut_off_,
                           .temp_folder = folder_.path() + "/tmp",
                           .memory_bytes = memory_bytes});
  }

  // What an import does with the rows that it is given; what is new becomes a round.
  void Import(const std::vector<Row>& rows, size_t memory_bytes = size_t{1} << 20) {
    auto store = Open(memory_bytes);
    ASSERT_TRUE(store.ok()) << store.status();
    TakeRows(**store, rows);
    const int round = static_cast<int>(rounds_.size()) + 1;
    std::vector<RowStore::Taken> taken;
    for (uint64_t present = 1; present <= rows.size(); ++present) {
      const Row& row = rows[present - 1];
      if ((*store)->Find(present)->round == 0) {
        taken.push_back({row.incident, row.content, round, present});
      }
    }
    Take(**store, taken);
    ASSERT_TRUE((*store)->Commit().ok());
    if (!taken.empty()) rounds_[round] = (*store)->taken();
  }
  static void TakeRows(RowStore& store, const std::vector<Row>& rows) {
    for (uint64_t present = 1; present <= rows.size(); ++present) {
      const Row& row = rows[present - 1];
      ASSERT_TRUE(store.Take(present, row.incident, row.content).ok());
    }
    ASSERT_TRUE(store.Match().ok());
  }
  static void Take(RowStore& store, std::vector<RowStore::Taken> rows) {
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.incident < b.incident; });
    for (const RowStore::Taken& row : rows) ASSERT_TRUE(store.Take(row).ok());
  }

  TemporaryFolder folder_;
  std::map<int, RowStore::Sum> rounds_;
  std::vector<int> cut_off_;
};

struct Shape {
  uint64_t incidents;
  size_t memory_bytes;
};
class OfManyIncidents : public RowStoreTest, public testing::WithParamInterface<Shape> {};

TEST_P(OfManyIncidents, RowsAreKnownWhereverTheyStand) {
  const auto [incidents, memory_bytes] = GetParam();
  std::mt19937 dice(20261129);
  std::map<uint64_t, std::pair<int, uint64_t>> known;  // by number: the round, and its row there
  for (int round = 1; round <= 4; ++round) {
    // Some that were here before, some that are new, in any order.
    std::vector<uint64_t> numbers;
    for (uint64_t number = 1; number <= 2'000; ++number) {
      if (dice() % 4 == 0) numbers.push_back(number);
    }
    std::shuffle(numbers.begin(), numbers.end(), dice);
    std::vector<Row> rows;
    rows.reserve(numbers.size());
    for (const uint64_t number : numbers) rows.push_back(RowOfNumber(number, incidents));
    {
      auto store = Open(memory_bytes);
      ASSERT_TRUE(store.ok()) << store.status();
      TakeRows(**store, rows);
      for (uint64_t present = 1; present <= rows.size(); ++present) {
        const auto before = known.find(numbers[present - 1]);
        const absl::StatusOr<RowStore::Known> found = (*store)->Find(present);
        ASSERT_TRUE(found.ok()) << found.status();
        if (before == known.end()) {
          EXPECT_EQ(found->round, 0);
          continue;
        }
        EXPECT_EQ(std::make_pair(found->round, found->row), before->second);
        EXPECT_EQ(*(*store)->PresentOf(found->round, found->row), present);
      }
    }
    Import(rows, memory_bytes);
    for (uint64_t present = 1; present <= rows.size(); ++present) {
      known.try_emplace(numbers[present - 1], round, present);
    }
  }
  EXPECT_EQ(fs::file_size(Path()), 24 * known.size());
}

INSTANTIATE_TEST_SUITE_P(, OfManyIncidents,
                         testing::Values(Shape{1'000, size_t{1} << 20}, Shape{7, size_t{1} << 20},
                                         // No room for the rows of one incident.
                                         Shape{7, 96}, Shape{1, 960}, Shape{2'000, 1}),
                         [](const auto& shape) {
                           return absl::StrCat(shape.param.incidents, "In",
                                               shape.param.memory_bytes, "Bytes");
                         });

TEST_F(RowStoreTest, OfRowsOfOneContentTheOneWithItsNumberIsTheKnownOne) {
  const Row row = RowOfNumber(1, 10);
  Import({RowOfNumber(2, 10), RowOfNumber(3, 10), row});
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  TakeRows(**store, {RowOfNumber(2, 10), row, row, row});
  EXPECT_EQ((*store)->Find(2)->round, 0);
  EXPECT_EQ((*store)->Find(3)->round, 1);
  EXPECT_EQ((*store)->Find(4)->round, 0);
  EXPECT_EQ(*(*store)->PresentOf(1, 3), 3U);
}

TEST_F(RowStoreTest, RoundsOfWhichThereAreIncidentsAreMet) {
  Import({{.incident = 1, .content = 10}, {.incident = 1, .content = 20}});
  Import({{.incident = 2, .content = 10}});
  Import({{.incident = 3, .content = 10}});
  for (const uint64_t content : {5, 15, 25}) {
    auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    TakeRows(**store, {{.incident = 1, .content = content}, {.incident = 3, .content = 10}});
    EXPECT_THAT((*store)->rounds_here(), ElementsAre(3)) << content;
    EXPECT_THAT((*store)->rounds_met(), ElementsAre(1, 3)) << content;
  }
}

TEST_F(RowStoreTest, OfRowsOfOneContentTheFirstIsTheKnownOne) {
  const Row row = RowOfNumber(1, 10);
  Import({row, RowOfNumber(2, 10)});
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  TakeRows(**store, {RowOfNumber(3, 10), row, row});
  EXPECT_EQ((*store)->Find(1)->round, 0);
  EXPECT_EQ((*store)->Find(2)->round, 1);
  EXPECT_EQ((*store)->Find(3)->round, 0);
  EXPECT_EQ(*(*store)->PresentOf(1, 1), 2U);
  EXPECT_EQ(*(*store)->PresentOf(1, 2), 0U) << "it is not in this import";
  EXPECT_THAT((*store)->rounds_here(), ElementsAre(1));
}

TEST_F(RowStoreTest, WhatIsNotCommittedIsNotTaken) {
  Import({RowOfNumber(1, 10), RowOfNumber(2, 10)});
  const auto bytes = fs::file_size(Path());
  {
    auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    Take(**store, {{.incident = 5, .content = 6, .round = 2, .row = 1},
                   {.incident = 7, .content = 8, .round = 2, .row = 2}});
  }
  EXPECT_EQ(fs::file_size(Path()), bytes);
  std::vector<std::string> files;
  for (const auto& file : fs::directory_iterator(fs::path(Path()).parent_path())) {
    files.push_back(file.path().filename());
  }
  EXPECT_THAT(files, ElementsAre("city.rows"));
}

TEST_F(RowStoreTest, RowsOfARoundThatTheRecordDoesNotKnowAreNotTaken) {
  Import({RowOfNumber(1, 10)});
  Import({RowOfNumber(2, 10)});
  rounds_.erase(2);  // as after a kill between the two files
  {
    auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    TakeRows(**store, {RowOfNumber(1, 10), RowOfNumber(2, 10)});
    EXPECT_EQ((*store)->Find(1)->round, 1);
    EXPECT_EQ((*store)->Find(2)->round, 0);
  }
  Import({RowOfNumber(2, 10)});
  EXPECT_EQ(fs::file_size(Path()), 2 * 24U);
}

TEST_F(RowStoreTest, AFileThatIsNotWholeIsRefused) {
  Import({RowOfNumber(1, 10), RowOfNumber(2, 10), RowOfNumber(3, 10)});
  const auto refused = [&] {
    const auto store = Open();
    return store.ok() ? absl::OkStatus() : store.status();
  };
  ASSERT_TRUE(refused().ok());
  const RowStore::Sum whole = rounds_[1];
  ++rounds_[1].checksum;
  EXPECT_EQ(refused().code(), absl::StatusCode::kDataLoss);
  rounds_[1] = whole;
  fs::resize_file(Path(), 2 * 24);
  EXPECT_THAT(std::string(refused().message()), HasSubstr("does not have the 3 rows"));
  fs::resize_file(Path(), 2 * 24 - 1);
  EXPECT_THAT(std::string(refused().message()), HasSubstr("has been cut off"));
  fs::remove(Path());
  EXPECT_THAT(std::string(refused().message()), HasSubstr("does not have the 3 rows"));
}

TEST_F(RowStoreTest, ARoundThatWasCutOffGoesOnWithAllOfItsRowsOrNone) {
  Import({RowOfNumber(1, 10), RowOfNumber(2, 10), RowOfNumber(3, 10)});
  cut_off_ = {1};
  const auto match = [&](const std::vector<uint64_t>& numbers) {
    auto store = *Open();
    uint64_t present = 0;
    for (const uint64_t number : numbers) {
      const Row row = RowOfNumber(number, 10);
      EXPECT_TRUE(store->Take(++present, row.incident, row.content).ok());
    }
    return store->Match();
  };
  EXPECT_TRUE(match({3, 4, 2, 1}).ok());
  EXPECT_TRUE(match({4, 5}).ok());
  const absl::Status status = match({1, 3, 4});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("1 of the rows that it took are missing now or not what they were, the "
                        "first of them row 2"));
}

TEST_F(RowStoreTest, AStoreWithoutAFileIsEmpty) {
  auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->empty());
  EXPECT_EQ((*store)->Find(1)->round, 0);
  EXPECT_TRUE((*store)->Commit().ok());
  EXPECT_FALSE(fs::exists(Path()));
  EXPECT_THAT((*store)->rounds_here(), IsEmpty());
}

}  // namespace
}  // namespace gridledger::cli
