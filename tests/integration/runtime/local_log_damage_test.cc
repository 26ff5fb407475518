// A log that was damaged while nobody had it open: some harm at a random place of a random file. It
// is found when the log is opened, read or verified, and named with partition and offset; or it hit
// what does not matter, and all records are the same. Never another record, never fewer.
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "tests/support/damage.h"
#include "tests/support/placed_records.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

constexpr int kPartitions = 3;
constexpr int kHarms = 160;  // of each log
constexpr int kAppendsCompacted = 50;
constexpr int kAppendsNotYetCompacted = 22;

LocalLog::Options OptionsOf(const std::string& folder, bool read_only) {
  LocalLog::Options options;
  options.folder = folder;
  options.partitions = 0;
  options.read_only = read_only;
  options.write_buffer_bytes = size_t{128} << 10;
  return options;
}

// A log with everything that a log may consist of: several sorted files, from flushes, compactions
// and bulk appends, and a write-ahead log of some calls.
std::vector<int64_t> MakeLog(const std::string& folder, int appends) {
  LocalLog::Options options = OptionsOf(folder, false);
  options.partitions = kPartitions;
  const auto log = LocalLog::Open(options);
  EXPECT_TRUE(log.ok()) << log.status();
  std::vector<int64_t> ends(kPartitions, 0);
  const auto append = [&](int p, int count) {
    EXPECT_TRUE(
        (*log)->AppendAndWait(Partition{p}, RecordsAt(Partition{p}, Offset{ends[p]}, count)).ok());
    ends[p] += count;
  };
  for (int i = 0; i < appends; ++i) append(i % 2, 7);
  const auto bulk = (*log)->NewBulkAppender();
  EXPECT_TRUE(AppendInBulk(*bulk, Partition{2}, Offset{0}, 60).ok() && bulk->Flush().ok());
  ends[2] += 60;
  for (int i = 0; i < 24; ++i) append(i % 3, 2);
  return ends;
}

std::vector<std::string> TablesIn(const std::string& folder) {
  std::vector<std::string> files = FilesIn(folder);
  std::erase_if(files,
                [](const std::string& file) { return fs::path(file).extension() != ".sst"; });
  return files;
}

// A compaction that comes early, on a busy machine, leaves one file: such a log is made anew.
std::vector<int64_t> MakeLogOfSeveralFiles(const std::string& folder, int appends) {
  constexpr int kTriesMax = 20;
  for (int i = 1;; ++i) {
    fs::remove_all(folder);
    const std::vector<int64_t> ends = MakeLog(folder, appends);
    if (TablesIn(folder).size() >= 3 || i == kTriesMax) return ends;
  }
}

// "partition 1 offset 42", anywhere in the words.
bool NamesAPlace(absl::string_view words, const std::vector<int64_t>& ends) {
  const size_t at = words.find("partition ");
  if (at == absl::string_view::npos) return false;
  int partition = -1;
  long long offset = -1;
  return std::sscanf(std::string(words.substr(at)).c_str(), "partition %d offset %lld", &partition,
                     &offset) == 2 &&
         partition >= 0 && partition < kPartitions && offset >= 0 && offset <= ends[partition];
}

struct Tally {
  int at_open = 0;
  int at_read = 0;
  int mattered_not = 0;
};

// Says what is wrong with how the log takes its damage, or nothing.
std::string LookAt(const std::string& folder, bool read_only, const std::vector<int64_t>& ends,
                   Tally* tally) {
  const std::vector<std::string> before = FilesIn(folder);
  auto log = LocalLog::Open(OptionsOf(folder, read_only));
  if (!log.ok()) {
    ++tally->at_open;
    if (!absl::IsDataLoss(log.status())) return "not called damage: " + log.status().ToString();
    if (!NamesAPlace(log.status().message(), ends)) {
      return "names no place: " + log.status().ToString();
    }
    std::vector<std::string> after = FilesIn(folder);
    for (const std::string& file : before) {
      if (std::find(after.begin(), after.end(), file) == after.end()) return file + " was removed";
    }
    return "";
  }
  if (EndsOf(**log) != ends) return "it ends elsewhere";
  bool found = false;
  for (Partition p{0}; p.value < kPartitions; p = p.Next()) {
    const auto reader = (*log)->NewReader();
    if (const absl::Status status = reader->Assign(p, Offset{0}); !status.ok()) {
      return "cannot be assigned: " + status.ToString();
    }
    RecordBatch batch;
    for (int64_t next = 0; next < ends[p.value];) {
      const absl::Status status = reader->Poll(absl::Minutes(1), 10, &batch);
      if (!status.ok()) {
        found = true;
        if (!absl::IsDataLoss(status)) return "not called damage: " + status.ToString();
        const std::string place = absl::StrCat("partition ", p.value, " offset ", next, ":");
        if (!absl::StrContains(status.message(), place)) {
          return absl::StrCat("should name ", place, " ", status.ToString());
        }
        break;
      }
      if (batch.records().empty()) return "silently fewer records";
      for (const Record& record : batch.records()) {
        if (record.offset.value != next++ || !IsRight(record)) return "another record";
      }
    }
  }
  const auto verified = (*log)->Verify([](int64_t, int64_t) { return true; });
  if (!verified.ok()) return "cannot be verified: " + verified.status().ToString();
  if (verified->empty() == found) return "reading and verifying do not agree";
  for (const LogDamage& damage : *verified) {
    if (!NamesAPlace(damage.what, ends)) return "names no place: " + damage.what;
  }
  ++(found ? tally->at_read : tally->mattered_not);
  return "";
}

TEST(LocalLogDamageTest, IsFoundAndNamedOrDoesNotMatter) {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  const uint64_t seed = given != 0 ? static_cast<uint64_t>(given) : std::random_device()() % 99999;
  std::printf("seed=%d; again: local_log_damage_test --gtest_random_seed=%d\n",
              static_cast<int>(seed), static_cast<int>(seed));
  std::fflush(stdout);  // what damage ends the program has to be found again
  std::mt19937_64 random(seed);
  const TemporaryFolder root(/*fast=*/true);
  ASSERT_EQ(::setenv("TMPDIR", root.path().c_str(), 1), 0);
  Tally tally;
  // One log is compacted before it is closed, the other while it is opened again.
  for (const int appends : {kAppendsCompacted, kAppendsNotYetCompacted}) {
    const std::string sound = absl::StrCat(root.path(), "/sound-", appends);
    const std::vector<int64_t> ends = MakeLogOfSeveralFiles(sound, appends);
    ASSERT_EQ(LookAt(sound, true, ends, &tally), "");
    const std::vector<std::string> files = FilesIn(sound);
    std::map<std::string, int> kinds;
    for (const std::string& file : files) ++kinds[fs::path(file).extension().string()];
    ASSERT_GE(kinds[".sst"], 3);
    ASSERT_GE(kinds[".log"], 1);
    for (int i = 0; i < kHarms; ++i) {
      const std::string folder = root / "harmed";
      fs::remove_all(folder);
      fs::copy(sound, folder, fs::copy_options::recursive);
      const std::string harm = Harm(folder, files[random() % files.size()], &random);
      const bool read_only = i % 3 == 0;
      SCOPED_TRACE(absl::StrCat("seed=", seed, " ", appends, " appends, harm ", i, ": ", harm,
                                read_only ? ", read only" : ", for writing"));
      EXPECT_EQ(LookAt(folder, read_only, ends, &tally), "");
    }
  }
  std::printf("%d harms: %d found at opening, %d at reading, %d did not matter\n", 2 * kHarms,
              tally.at_open, tally.at_read, tally.mattered_not);
  EXPECT_GT(tally.at_open, 0);
  EXPECT_GT(tally.at_read, 0);
}

// RocksDB believes a sorted file's footer, and parses its properties, before it checks anything.
TEST(LocalLogDamageTest, ATailIsNotTakenAtItsWord) {
  constexpr int kFooterBytes = 53;
  constexpr int kPlaceBytes = 20;  // more than both of its places take
  constexpr int kVersionAt = 41;
  constexpr int kTailBytes = 160;  // the end of the properties, the list of blocks, the footer
  const TemporaryFolder root(/*fast=*/true);
  ASSERT_EQ(::setenv("TMPDIR", root.path().c_str(), 1), 0);
  const std::string sound = root / "sound";
  const std::vector<int64_t> ends = MakeLog(sound, kAppendsCompacted);
  const std::vector<std::string> tables = TablesIn(sound);
  ASSERT_FALSE(tables.empty());
  Tally tally;
  int harms = 0;
  // Bytes before the end of a file are changed to what `harmed` makes of them.
  const auto look = [&](int before_end, int length, const auto& harmed) {
    const std::string folder = root / "harmed";
    const std::string& file = tables[static_cast<size_t>(harms++) % tables.size()];
    fs::remove_all(folder);
    fs::copy(sound, folder, fs::copy_options::recursive);
    const std::string path = folder + "/" + file;
    {
      std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
      const auto at = static_cast<std::streamoff>(fs::file_size(path)) - before_end;
      std::string bytes(static_cast<size_t>(length), '\0');
      stream.seekg(at).read(bytes.data(), length);
      for (char& byte : bytes) byte = harmed(byte);
      stream.seekp(at).write(bytes.data(), length);
    }
    SCOPED_TRACE(absl::StrCat(file, ": ", length, " bytes from ", before_end,
                              " before the end were changed"));
    EXPECT_EQ(LookAt(folder, harms % 2 == 0, ends, &tally), "");
  };
  const auto zero = [](char) { return '\0'; };
  const auto flip = [](int bit) {
    return [bit](char byte) { return static_cast<char>(byte ^ (1 << bit)); };
  };
  for (int length = 1; length <= kPlaceBytes; ++length) look(kFooterBytes, length, zero);
  for (int bit = 0; bit < 8; ++bit) look(kFooterBytes, 1, flip(bit));
  for (int bit = 0; bit < 8; ++bit) look(kFooterBytes - kVersionAt, 1, flip(bit));
  EXPECT_EQ(tally.at_open, harms);
  for (size_t i = 0; i < tables.size(); ++i) {
    for (int at = kTailBytes; at > 0; --at) {
      harms = static_cast<int>(i);  // of each file
      look(at, 1, flip(7));
    }
  }
}

}  // namespace
}  // namespace gridledger
