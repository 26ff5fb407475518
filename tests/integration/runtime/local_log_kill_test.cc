// kill -9 of a writer of the embedded log at any instant: what was acknowledged is there, and
// nothing is torn.
#include <unistd.h>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "tests/support/child.h"
#include "tests/support/placed_records.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

constexpr int kPartitions = 4;
constexpr int kKills = 50;
constexpr int kKillsOfALog = 10;  // then a new one, for all of it is read after each kill
// Records a call, by partition: what is there afterwards is a multiple. The last one is written in
// bulk, the others by a thread each.
constexpr int kCallOf[kPartitions] = {2, 3, 5, 50};

LocalLog::Options OptionsOf(const std::string& folder) {
  LocalLog::Options options;
  options.folder = folder;
  options.partitions = kPartitions;
  options.write_buffer_bytes = size_t{64} << 10;  // flushes and compactions all the time
  return options;
}

// Appends until it is killed, and says what was acknowledged: "partition end".
void AppendForEver(LocalLog& log, Partition partition, Offset next) {
  const int count = kCallOf[partition.value];
  for (int call = 0;; ++call) {
    const int64_t end = next.value + count;
    log.Append(partition, RecordsAt(partition, next, count),
               [partition, end](absl::StatusOr<Offset> first) {
                 if (first.ok()) Say(absl::StrCat(partition.value, " ", end));
               });
    next = Offset{end};
    // Some are still under way when the next come, and when the kill does.
    if (call % 4 == 0 && !log.AppendAndWait(partition, {}).ok()) ::_exit(3);
  }
}

int Write(const std::string& folder) {
  Say("opening");
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(OptionsOf(folder));
  if (!log.ok()) return Say(log.status().ToString()), 1;
  const std::vector<int64_t> ends = EndsOf(**log);
  std::vector<std::thread> threads;
  for (Partition p{0}; p.value < kPartitions - 1; p = p.Next()) {
    threads.emplace_back([&, p] { AppendForEver(**log, p, Offset{ends[p.value]}); });
  }
  const Partition last{kPartitions - 1};
  for (Offset next{ends[last.value]};;) {
    const int count = kCallOf[last.value];
    const auto bulk = (*log)->NewBulkAppender();
    if (!AppendInBulk(*bulk, last, next, count).ok() || !bulk->Flush().ok()) ::_exit(3);
    next = Offset{next.value + count};
    Say(absl::StrCat(last.value, " ", next.value));
  }
}

// Takes "partition end".
void TakeAcknowledged(const std::string& line, std::vector<int64_t>* acknowledged) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  int p = 0;
  int64_t end = 0;
  ASSERT_TRUE(words.size() == 2 && absl::SimpleAtoi(words[0], &p) &&
              absl::SimpleAtoi(words[1], &end))
      << line;
  (*acknowledged)[p] = std::max((*acknowledged)[p], end);
}

TEST(LocalLogKillTest, NothingAcknowledgedIsLostAndNothingIsTorn) {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  const uint64_t seed = given != 0 ? static_cast<uint64_t>(given) : std::random_device()() % 99999;
  std::printf("seed=%d; again: local_log_kill_test --gtest_random_seed=%d\n",
              static_cast<int>(seed), static_cast<int>(seed));
  std::mt19937_64 random(seed);
  const TemporaryFolder root;
  std::string folder;
  std::vector<int64_t> acknowledged;
  for (int kill = 0; kill < kKills; ++kill) {
    SCOPED_TRACE(absl::StrCat("seed=", seed, " kill ", kill));
    if (kill % kKillsOfALog == 0) {
      folder = root / absl::StrCat("log-", kill);
      acknowledged.assign(kPartitions, 0);
    }
    Child child({"write", folder});
    ASSERT_EQ(child.ReadLine(), "opening");
    // Sometimes in the midst of opening, mostly of appending, flushing or compacting.
    for (int64_t lines = static_cast<int64_t>(random() % 100) - 10; lines > 0; --lines) {
      ASSERT_NO_FATAL_FAILURE(TakeAcknowledged(child.ReadLine(), &acknowledged));
    }
    child.Kill();
    for (std::string line = child.ReadLine(); !line.empty(); line = child.ReadLine()) {
      ASSERT_NO_FATAL_FAILURE(TakeAcknowledged(line, &acknowledged));
    }

    const auto log = LocalLog::Open(OptionsOf(folder));
    ASSERT_TRUE(log.ok()) << log.status();
    const std::vector<int64_t> ends = EndsOf(**log);
    for (int p = 0; p < kPartitions; ++p) {
      ASSERT_GE(ends[p], acknowledged[p]) << "partition " << p;
      ASSERT_EQ(ends[p] % kCallOf[p], 0) << "half a call is there in partition " << p;
    }
    ASSERT_EQ(ReadUpTo(*(*log)->NewReader(), ends), "");
  }
  for (int p = 0; p < kPartitions; ++p) EXPECT_GT(acknowledged[p], 0);
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  if (gridledger::IsChild(argc, argv)) return gridledger::Write(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
