// A disk that is full: appends, bulk appends and checkpoints say so, nothing that was acknowledged
// is lost or unreadable, and all of it works again when there is room. Each test is a child in a
// mount namespace of its own with a disk of a few MiB.
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "services/runtime/adapters/rocksdb/rocks_state_store.h"
#include "tests/support/child.h"
#include "tests/support/placed_records.h"
#include "tests/support/state_store_pairs.h"
#include "tests/support/temporary_folder.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

// The system calls and flags of Linux that the C library's portable headers do not have.
constexpr int kNewMountNamespace = 0x00020000;  // CLONE_NEWNS
constexpr int kCannot = 77;
constexpr absl::Duration kLong = absl::Seconds(60);
constexpr int kPartitions = 4;
constexpr int kAtOnce = 5;

// ---- the children: each fills the disk, and says "fine" or what is wrong

class SmallDisk {
 public:
  static std::string Mount(const std::string& folder) {
    if (::syscall(SYS_unshare, kNewMountNamespace) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("none", folder.c_str(), "tmpfs", 0, "size=24m") == 0) {
      return "";
    }
    return absl::StrCat("cannot mount a small disk: ", strerror(errno));
  }
  // What can be removed to make room.
  explicit SmallDisk(const std::string& folder) : ballast_(folder + "/ballast") {
    std::ofstream(ballast_, std::ios::binary) << std::string(size_t{14} << 20, 'b');
  }
  void MakeRoom() { fs::remove(ballast_); }

 private:
  const std::string ballast_;
};

// Repeats until it fails, which must be as Unavailable.
template <typename Act>
std::string FailAtLast(Act act) {
  for (int times = 0; times < 100000; ++times) {
    const absl::Status status = act();
    if (absl::IsUnavailable(status)) return "";
    if (!status.ok()) return absl::StrCat("the full disk is called: ", status.ToString());
  }
  return "the disk never got full";
}

// Repeats until it works again.
template <typename Act>
std::string WorkAtLast(Act act) {
  const absl::Time deadline = absl::Now() + kLong;
  absl::Status status;
  do {
    status = act();
  } while (absl::IsUnavailable(status) && absl::Now() < deadline);
  return status.ok() ? "" : absl::StrCat("with room again: ", status.ToString());
}

LocalLog::Options LogOptions(const std::string& folder) {
  LocalLog::Options options;
  options.folder = folder + "/log";
  options.partitions = kPartitions;
  options.write_buffer_bytes = size_t{512} << 10;
  options.retry_after = absl::ZeroDuration();
  return options;
}

// Reads a few records of partition 0; the first call begins at offset 0.
std::string GoOn(LogReader& reader, int64_t from) {
  RecordBatch batch;
  absl::Status status;
  if (from == 0) status = reader.Assign(Partition{0}, Offset{0});
  if (status.ok()) status = reader.Poll(kLong, kAtOnce, &batch);
  if (!status.ok()) return "a reader: " + status.ToString();
  if (batch.records().size() != kAtOnce) return "a reader got another number of records";
  for (const Record& record : batch.records()) {
    if (record.offset.value != from++ || !IsRight(record)) return "a reader got another record";
  }
  return "";
}

// `append` adds records to a partition, from its end, and answers where it ends then.
template <typename Append>
std::string FillTheLog(const std::string& folder, bool reopen_when_full, Append append) {
  SmallDisk disk(folder);
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(LogOptions(folder));
  if (!log.ok()) return log.status().ToString();
  std::vector<int64_t> acknowledged(kPartitions, 0);
  int turn = 0;
  const auto act = [&] {
    // What was refused may be there all the same: go on from the end.
    const Partition partition{turn++ % kPartitions};
    const Offset end = *(*log)->End(partition);
    const absl::StatusOr<int64_t> reached = append(**log, partition, end);
    if (reached.ok()) acknowledged[partition.value] = *reached;
    return reached.status();
  };
  for (int p = 0; p < kPartitions; ++p) {
    if (const absl::Status first = act(); !first.ok()) return first.ToString();
  }
  auto reader = (*log)->NewReader();  // stays in the midst of reading
  if (std::string wrong = GoOn(*reader, 0); !wrong.empty()) return wrong;
  std::string wrong = FailAtLast(act);
  if (wrong.empty()) wrong = ReadUpTo(*(*log)->NewReader(), acknowledged);
  if (wrong.empty()) wrong = GoOn(*reader, kAtOnce);
  if (!wrong.empty()) return "while the disk is full: " + wrong;
  if (reopen_when_full) {  // either it does, or it says why not
    reader.reset();
    log->reset();
    log = LocalLog::Open(LogOptions(folder));
    if (!log.ok() && !absl::IsUnavailable(log.status())) return log.status().ToString();
  }
  disk.MakeRoom();
  if (!log.ok()) log = LocalLog::Open(LogOptions(folder));
  if (!log.ok()) return "opening with room again: " + log.status().ToString();
  for (int p = 0; p < kPartitions && wrong.empty(); ++p) wrong = WorkAtLast(act);
  if (wrong.empty() && reader != nullptr) wrong = GoOn(*reader, 2 * kAtOnce);
  if (!wrong.empty()) return wrong;
  reader.reset();
  log->reset();
  log = LocalLog::Open(LogOptions(folder));
  if (!log.ok()) return "reopening: " + log.status().ToString();
  wrong = ReadUpTo(*(*log)->NewReader(), EndsOf(**log));
  if (!wrong.empty()) return "after reopening: " + wrong;
  const std::vector<int64_t> ends = EndsOf(**log);
  for (int p = 0; p < kPartitions; ++p) {
    if (ends[p] < acknowledged[p]) return absl::StrCat("partition ", p, " lost records");
  }
  return "";
}

absl::StatusOr<int64_t> AppendTwenty(LocalLog& log, Partition partition, Offset end) {
  const absl::StatusOr<Offset> first = log.AppendAndWait(partition, RecordsAt(partition, end, 20));
  if (!first.ok()) return first.status();
  return first->value + 20;
}

absl::StatusOr<int64_t> AppendInBulkAndFlush(LocalLog& log, Partition partition, Offset end) {
  constexpr int kCount = 100;
  const auto bulk = log.NewBulkAppender();
  absl::Status status = AppendInBulk(*bulk, partition, end, kCount);
  if (status.ok()) status = bulk->Flush();
  if (!status.ok()) return status;
  return end.value + kCount;
}

std::string FillTheStateStore(const std::string& folder) {
  SmallDisk disk(folder);
  const TaskId task = TaskOf("audit", 1);
  RocksStateStore::Options options;
  options.folder = folder + "/state";
  auto store = RocksStateStore::Open(options);
  if (!store.ok()) return store.status().ToString();
  std::mt19937_64 random(1);
  PairMap stored;
  int64_t next = 0;
  const auto act = [&] {
    PairMap grown = stored;
    for (int i = 0; i < 100; ++i) {
      std::string value(2000, '\0');
      for (char& c : value) c = static_cast<char>(random());
      grown[absl::StrCat("\x01", next * 100 + i)] = std::move(value);
    }
    std::vector<TaskCheckpoint> checkpoints;
    checkpoints.push_back(ChangeOf(task, next + 1, stored, grown));
    const absl::Status status = (*store)->Commit(std::move(checkpoints));
    if (!status.ok()) return status;
    stored = std::move(grown);
    ++next;
    return status;
  };
  const auto compare = [&](absl::string_view when) -> std::string {
    if (NextOf(**store, task) != next) return absl::StrCat(when, ": the offset is another");
    if (PairsOf(**store, task) != stored) return absl::StrCat(when, ": the pairs are others");
    return "";
  };
  std::string wrong = FailAtLast(act);
  if (wrong.empty()) wrong = compare("while the disk is full");
  if (!wrong.empty()) return wrong;
  // More commits, a snapshot and an opening in want of room must not hurt either. A compaction may
  // have made some room.
  for (int i = 0; i < 10; ++i) {
    const absl::Status again = act();
    if (!again.ok() && !absl::IsUnavailable(again)) return "once more: " + again.ToString();
  }
  const absl::Status kept = (*store)->Snapshot("full");
  if (!kept.ok() && !absl::IsUnavailable(kept)) return "a snapshot: " + kept.ToString();
  if (RocksStateStore::ListSnapshots(options).size() != (kept.ok() ? 1 : 0)) {
    return "there is half a snapshot";
  }
  wrong = compare("after more was tried");
  if (!wrong.empty()) return wrong;
  disk.MakeRoom();
  wrong = WorkAtLast(act);
  if (wrong.empty()) wrong = compare("with room again");
  if (!wrong.empty()) return wrong;
  store->reset();
  store = RocksStateStore::Open(options);
  if (!store.ok()) return "reopening: " + store.status().ToString();
  return compare("after reopening");
}

int RunChild(const std::string& what, const std::string& folder) {
  if (const std::string cannot = SmallDisk::Mount(folder); !cannot.empty()) {
    return Say(cannot), kCannot;
  }
  std::string wrong = "there is no such child";
  if (what == "append") wrong = FillTheLog(folder, false, AppendTwenty);
  if (what == "append-and-reopen") wrong = FillTheLog(folder, true, AppendTwenty);
  if (what == "bulk-append") wrong = FillTheLog(folder, false, AppendInBulkAndFlush);
  if (what == "checkpoint") wrong = FillTheStateStore(folder);
  return Say(wrong.empty() ? "fine" : wrong), 0;
}

// ---- the tests

class FullDiskTest : public testing::TestWithParam<const char*> {};

TEST_P(FullDiskTest, IsToldLosesNothingAndIsOver) {
  const TemporaryFolder root;
  Child child({GetParam(), root.path()});
  const std::string said = child.ReadLine();
  if (child.Wait() == kCannot) GTEST_SKIP() << said << " (run as root, or with user namespaces)";
  EXPECT_EQ(said, "fine");
}

INSTANTIATE_TEST_SUITE_P(All, FullDiskTest,
                         testing::Values("append", "append-and-reopen", "bulk-append",
                                         "checkpoint"));

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  if (gridledger::IsChild(argc, argv)) return gridledger::RunChild(argv[1], argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
