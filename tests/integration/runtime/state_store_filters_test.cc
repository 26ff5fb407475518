// Which pairs the state's filters are made of: those that are asked for by key, and not those of
// tables that are only scanned. Nothing that is read depends on it, whatever a state was written
// with and is opened with.
#include <gtest/gtest.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "services/runtime/host/subjects.h"
#include "tests/support/state_store_pairs.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

constexpr char kAsked = 3;
constexpr char kScanned = 32;
constexpr int kPairs = 500;

const ScannedTable kScannedOfAudit{ServiceName("audit"), kScanned};
const std::vector<TaskId> kTasks = {TaskOf("audit", 0), TaskOf("dispatch", 0)};

std::string KeyOf(char table, int number) {
  return std::string(1, table) + "incident-" + std::to_string(number);
}

PairMap MadeOf(char table) {
  PairMap pairs;
  for (int i = 0; i < kPairs; ++i) pairs[KeyOf(table, i)] = "value-" + std::to_string(i);
  return pairs;
}

RocksStateStore::Options OptionsIn(const std::string& root, std::vector<ScannedTable> scanned) {
  RocksStateStore::Options options;
  options.folder = root + "/state";
  options.memory_bytes = size_t{1} << 20;
  options.scanned = std::move(scanned);
  return options;
}

// Both tasks with both tables, a commit for each table.
void Write(const std::string& root, std::vector<ScannedTable> scanned) {
  const auto store = RocksStateStore::Open(OptionsIn(root, std::move(scanned)));
  ASSERT_TRUE(store.ok()) << store.status();
  PairMap stored;
  for (const char table : {kAsked, kScanned}) {
    PairMap pairs = stored;
    pairs.merge(MadeOf(table));
    std::vector<TaskCheckpoint> checkpoints;
    for (const TaskId& task : kTasks)
      checkpoints.push_back(ChangeOf(task, int64_t{1} + table, stored, pairs));
    ASSERT_TRUE((*store)->Commit(std::move(checkpoints)).ok());
    stored = std::move(pairs);
  }
}

void CheckReads(RocksStateStore& store) {
  for (const TaskId& task : kTasks) {
    const auto tier = store.Tier(task);
    for (const char table : {kAsked, kScanned}) {
      const PairMap pairs = MadeOf(table);
      std::string value;
      for (const auto& [key, expected] : pairs) {
        ASSERT_TRUE(tier->Get(key, &value)) << key;
        EXPECT_EQ(value, expected);
      }
      EXPECT_FALSE(tier->Get(KeyOf(table, kPairs), &value));
      PairMap scanned;
      tier->Scan(std::string(1, table), [&](absl::string_view key, absl::string_view bytes) {
        scanned.emplace(std::string(key), std::string(bytes));
        return true;
      });
      EXPECT_EQ(scanned, pairs);
    }
    EXPECT_TRUE(tier->status().ok());
    EXPECT_TRUE(store.Verify(task).ok());
  }
}

// In the filters of all files.
uint64_t FilterEntries(const std::string& root) {
  uint64_t entries = 0;
  for (const auto& file : std::filesystem::directory_iterator(root + "/state")) {
    if (file.path().extension() != ".sst") continue;
    rocksdb::SstFileReader reader{rocksdb::Options()};
    EXPECT_TRUE(reader.Open(file.path().string()).ok());
    entries += reader.GetTableProperties()->num_filter_entries;
  }
  return entries;
}

TEST(StateStoreFiltersTest, PairsThatAreOnlyScannedAreInNoFilter) {
  const TemporaryFolder root;
  Write(root.path(), {kScannedOfAudit});
  // Three tables of the four, and each task's checkpoint in each of two commits. RocksDB enters a
  // few keys twice.
  EXPECT_GE(FilterEntries(root.path()), 3 * kPairs + 4);
  EXPECT_LT(FilterEntries(root.path()), 3 * kPairs + 20);
  const auto store = RocksStateStore::Open(OptionsIn(root.path(), {kScannedOfAudit}));
  ASSERT_TRUE(store.ok()) << store.status();
  CheckReads(**store);
  ASSERT_TRUE((*store)->Compact().ok());
  CheckReads(**store);
}

TEST(StateStoreFiltersTest, AStateIsReadWithOtherTablesThanItWasWrittenWith) {
  const std::vector<std::vector<ScannedTable>> lists = {
      {}, {kScannedOfAudit}, {kScannedOfAudit, {ServiceName("dispatch"), kAsked}}};
  for (const auto& written : lists) {
    for (const auto& opened : lists) {
      const TemporaryFolder root;
      Write(root.path(), written);
      const auto store = RocksStateStore::Open(OptionsIn(root.path(), opened));
      ASSERT_TRUE(store.ok()) << store.status();
      CheckReads(**store);
      ASSERT_TRUE((*store)->Compact().ok());
      CheckReads(**store);
    }
  }
}

TEST(StateStoreFiltersTest, TheServicesSayWhichTheyOnlyScan) {
  const std::vector<ScannedTable>& tables = host::ScannedTables();
  const auto scans = [&tables](const char* service, uint8_t table) {
    return std::count(tables.begin(), tables.end(), ScannedTable{ServiceName(service), table}) == 1;
  };
  for (const char* service : {"dispatch", "escalation", "metrics", "audit"}) {
    EXPECT_FALSE(scans(service, 3)) << service << ": its incidents";
    EXPECT_TRUE(scans(service, 8)) << service << ": its dead letters";
  }
  EXPECT_TRUE(scans("audit", 32)) << "lines";
  EXPECT_TRUE(scans("audit", 34)) << "voids";
  EXPECT_FALSE(scans("audit", 33)) << "one value, which is read at opening";
}

}  // namespace
}  // namespace gridledger
