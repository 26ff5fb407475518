// Who may open the embedded log beside whom: one writer, any number of followers, in one process or
// in several.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "tests/support/child.h"
#include "tests/support/placed_records.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

constexpr int kPartitions = 4;
constexpr absl::Duration kLong = absl::Seconds(60);

LocalLog::Options OptionsOf(const std::string& folder, bool read_only = false) {
  LocalLog::Options options;
  options.folder = folder;
  options.partitions = read_only ? 0 : kPartitions;
  options.read_only = read_only;
  options.write_buffer_bytes = size_t{64} << 10;  // flushes and compactions all the time
  return options;
}

// Opens the log for writing and does as told, line by line, until the input ends.
int WriteAsTold(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(OptionsOf(folder));
  if (!log.ok()) return Say(log.status().ToString()), 1;
  Say("open");
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "reopen") {
      log->reset();
      log = LocalLog::Open(OptionsOf(folder));
      if (!log.ok()) return Say(log.status().ToString()), 1;
    }
    int p = 0, count = 0;
    if (words[0] == "append" && absl::SimpleAtoi(words[1], &p) &&
        absl::SimpleAtoi(words[2], &count)) {
      const Offset end = *(*log)->End(Partition{p});
      if (!(*log)->AppendAndWait(Partition{p}, RecordsAt(Partition{p}, end, count)).ok()) return 1;
    }
    Say("done");
  }
  return 0;
}

TEST(LocalLogOpenersTest, ASecondWriterIsRefusedAndTheFirstOneNamed) {
  const TemporaryFolder root;
  const std::string folder = root / "log";
  {
    Child writer({"write-as-told", folder});
    ASSERT_EQ(writer.ReadLine(), "open");
    const auto second = LocalLog::Open(OptionsOf(folder));
    EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
    EXPECT_NE(second.status().message().find("another gridledger process writes"),
              absl::string_view::npos)
        << second.status();
    writer.CloseInput();
    EXPECT_EQ(writer.Wait(), 0);
  }
  const auto log = LocalLog::Open(OptionsOf(folder));
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(LocalLog::Open(OptionsOf(folder)).status()))
      << "the same holds inside one process";
}

TEST(LocalLogOpenersTest, AFollowerReadsWhileAnotherProcessWritesAndRestarts) {
  const TemporaryFolder root;
  const std::string folder = root / "log";
  auto writer = std::make_unique<Child>(std::vector<std::string>{"write-as-told", folder});
  ASSERT_EQ(writer->ReadLine(), "open");
  ASSERT_EQ(writer->Ask("append 0 10"), "done");

  const auto follower = LocalLog::Open(OptionsOf(folder, true));
  ASSERT_TRUE(follower.ok()) << follower.status();
  EXPECT_EQ((*follower)->partitions(), kPartitions);
  EXPECT_EQ(*(*follower)->End(Partition{0}), Offset{10});
  const auto reader = (*follower)->NewReader();
  std::vector<int64_t> written = {10, 0, 0, 0}, next = {0, 0, 0, 0};
  for (int p = 0; p < kPartitions; ++p) {
    ASSERT_TRUE(reader->Assign(Partition{p}, Offset{0}).ok());
  }
  RecordBatch batch;
  const auto catch_up = [&] {
    while (next != written) {
      ASSERT_TRUE(reader->Poll(kLong, 500, &batch).ok());
      ASSERT_FALSE(batch.records().empty()) << "nothing came in a minute";
      for (const Record& record : batch.records()) {
        ASSERT_EQ(record.offset.value, next[record.partition.value]++);
        ASSERT_TRUE(IsRight(record));
      }
    }
  };
  catch_up();
  for (int round = 0; round < 60; ++round) {
    const int p = round % kPartitions;
    ASSERT_EQ(writer->Ask(absl::StrCat("append ", p, " 100")), "done");
    written[p] += 100;
    // Through flushes and compactions, lagging behind at times.
    if (round % 3 == 0) catch_up();
    if (round % 20 == 10) {
      ASSERT_EQ(writer->Ask("reopen"), "done");
    }
    if (round == 35) {
      writer->Kill();
      catch_up();
      writer = std::make_unique<Child>(std::vector<std::string>{"write-as-told", folder});
      ASSERT_EQ(writer->ReadLine(), "open");
    }
    if (HasFatalFailure()) return;
  }
  catch_up();
  for (int p = 0; p < kPartitions; ++p) {
    EXPECT_EQ((*follower)->End(Partition{p})->value, written[p]);
  }
  // Somebody else who comes now reads the same.
  const auto late = LocalLog::Open(OptionsOf(folder, true));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(ReadUpTo(*(*late)->NewReader(), written), "");
}

TEST(LocalLogOpenersTest, AFollowerNeedsNoWriterChangesNothingAndLeavesNothing) {
  const TemporaryFolder root;
  const std::string folder = root / "log", temporary = root / "tmp";
  fs::create_directories(temporary);
  {
    Child writer({"write-as-told", folder});
    ASSERT_EQ(writer.ReadLine(), "open");
    ASSERT_EQ(writer.Ask("append 1 300"), "done");
    writer.Kill();
  }
  const auto listing = [&] {
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      lines.push_back(absl::StrCat(entry.path().string(), " ",
                                   entry.is_regular_file() ? entry.file_size() : 0, " ",
                                   entry.last_write_time().time_since_epoch().count()));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  };
  const std::vector<std::string> before = listing();
  ASSERT_EQ(::setenv("TMPDIR", temporary.c_str(), 1), 0);
  {
    const auto one = LocalLog::Open(OptionsOf(folder, true));
    const auto two = LocalLog::Open(OptionsOf(folder, true));
    ASSERT_TRUE(one.ok() && two.ok()) << one.status() << two.status();
    EXPECT_EQ(ReadUpTo(*(*one)->NewReader(), {0, 300, 0, 0}), "");
    EXPECT_EQ(ReadUpTo(*(*two)->NewReader(), {0, 300, 0, 0}), "");
    EXPECT_TRUE(absl::IsFailedPrecondition(
        (*one)->AppendAndWait(Partition{0}, RecordsAt(Partition{0}, Offset{0}, 1)).status()));
    EXPECT_TRUE(absl::IsFailedPrecondition(
        (*one)->NewBulkAppender()->Append(Partition{0}, absl::Now(), "", "", "").status()));
    const auto damages = (*one)->Verify([](int64_t, int64_t) { return true; });
    ASSERT_TRUE(damages.ok()) << damages.status();
    EXPECT_TRUE(damages->empty());
  }
  ASSERT_EQ(::unsetenv("TMPDIR"), 0);
  EXPECT_EQ(listing(), before);
  EXPECT_TRUE(fs::is_empty(temporary));
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  if (gridledger::IsChild(argc, argv)) return gridledger::WriteAsTold(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
