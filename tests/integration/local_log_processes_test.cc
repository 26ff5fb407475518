// The embedded log among processes: one writer, followers, kill -9 at any instant, a full disk.
// The other processes are this program, started with a word of what to do.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/local/local_log.h"
#include "tests/support/event_log_contract.h"
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

// What stands at a place, so that whoever reads it knows whether it is right: 0 to 3000 bytes.
std::string ValueAt(Partition partition, Offset offset) {
  std::mt19937_64 random(static_cast<uint64_t>(partition.value) << 48 ^
                         static_cast<uint64_t>(offset.value));
  std::string value(random() % 3001, '\0');
  for (char& c : value) c = static_cast<char>(random());
  return value;
}

std::vector<NewRecord> RecordsAt(Partition partition, Offset offset, int count) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i, offset = offset.Next()) {
    records.push_back(NewRecord{absl::FromUnixMillis(offset.value), absl::StrCat(offset.value), "",
                                ValueAt(partition, offset)});
  }
  return records;
}

bool IsRight(const Record& record) {
  return record.timestamp == absl::FromUnixMillis(record.offset.value) &&
         record.key == absl::StrCat(record.offset.value) && record.headers.empty() &&
         record.value == ValueAt(record.partition, record.offset);
}

// Reads every partition from the beginning up to the ends; says what is wrong, or nothing.
std::string ReadUpTo(LogReader& reader, const std::array<int64_t, kPartitions>& ends) {
  std::array<int64_t, kPartitions> next = {};
  for (int p = 0; p < kPartitions; ++p) {
    const absl::Status status = reader.Assign(Partition{p}, Offset{0});
    if (!status.ok()) return status.ToString();
  }
  RecordBatch batch;
  while (true) {
    bool more = false;
    for (int p = 0; p < kPartitions; ++p) more |= next[p] < ends[p];
    if (!more) return "";
    const absl::Status status = reader.Poll(kLong, 1000, &batch);
    if (!status.ok()) return status.ToString();
    if (batch.records().empty()) return "nothing came in a minute";
    for (const Record& record : batch.records()) {
      const std::string place =
          absl::StrCat("partition ", record.partition.value, " offset ", record.offset.value);
      if (record.offset.value != next[record.partition.value]++) return place + " is out of order";
      if (!IsRight(record)) return place + " reads otherwise than it was written";
    }
  }
}

std::array<int64_t, kPartitions> EndsOf(LocalLog& log) {
  std::array<int64_t, kPartitions> ends = {};
  for (int p = 0; p < kPartitions; ++p) ends[p] = log.End(Partition{p})->value;
  return ends;
}

// ---- the other processes

class Child {
 public:
  Child(const std::string& what, const std::string& folder) {
    int to_child[2], from_child[2];
    EXPECT_EQ(::pipe2(to_child, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(from_child, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(to_child[0], STDIN_FILENO);
      ::dup2(from_child[1], STDOUT_FILENO);
      ::execl("/proc/self/exe", "child", what.c_str(), folder.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    input_ = to_child[1];
    output_ = ::fdopen(from_child[0], "r");
  }
  ~Child() {
    if (pid_ > 0) Kill();
    if (input_ >= 0) ::close(input_);
    std::fclose(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Without the newline; empty at the end.
  std::string ReadLine() {
    char line[256];
    if (std::fgets(line, sizeof(line), output_) == nullptr) return "";
    line[std::strcspn(line, "\n")] = '\0';
    return line;
  }
  // Answers when the child has done it.
  std::string Ask(const std::string& order) {
    const std::string line = order + "\n";
    EXPECT_EQ(::write(input_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    return ReadLine();
  }
  void Kill() {
    ::kill(pid_, SIGKILL);
    Wait();
  }
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void CloseInput() { ::close(std::exchange(input_, -1)); }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  FILE* output_ = nullptr;
};

void Say(const std::string& line) {
  const std::string text = line + "\n";  // one write: a line is whole or not there
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(3);
}

// Appends for ever, to partitions 0 to 2 one by one and to 3 in bulk, and says what was
// acknowledged: "partition end".
int AppendUntilKilled(const std::string& folder) {
  Say("opening");
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(OptionsOf(folder));
  if (!log.ok()) return Say(log.status().ToString()), 1;
  std::array<int64_t, kPartitions> next = EndsOf(**log);
  for (int round = 0;; ++round) {
    for (int p = 0; p < 3; ++p) {
      const int count = 1 + (round + p) % 3;
      const int64_t end = next[p] + count;
      (*log)->Append(Partition{p}, RecordsAt(Partition{p}, Offset{next[p]}, count),
                     [p, end](absl::StatusOr<Offset> first) {
                       if (first.ok()) Say(absl::StrCat(p, " ", end));
                     });
      next[p] = end;
    }
    // Some are still under way when the next come, and when the kill does.
    if (round % 4 == 0) {
      if (!(*log)->AppendAndWait(Partition{0}, {}).ok()) return 1;
    }
    if (round % 40 == 0) {
      const auto bulk = (*log)->NewBulkAppender();
      for (int i = 0; i < 50; ++i) {
        const Offset offset{next[3]++};
        if (!bulk->Append(Partition{3}, absl::FromUnixMillis(offset.value),
                          absl::StrCat(offset.value), "", ValueAt(Partition{3}, offset))
                 .ok()) {
          return 1;
        }
      }
      if (bulk->Flush().ok()) Say(absl::StrCat(3, " ", next[3]));
    }
  }
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

// The system calls and flags of Linux that the C library's portable headers do not have.
constexpr int kNewMountNamespace = 0x00020000;  // CLONE_NEWNS
constexpr int kCannot = 77;

// Fills a small disk of its own until appends fail, makes room, goes on; reopens in between.
int FillTheDisk(const std::string& folder) {
  if (::syscall(SYS_unshare, kNewMountNamespace) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", folder.c_str(), "tmpfs", 0, "size=10m") != 0) {
    return Say(absl::StrCat("cannot mount a small disk: ", strerror(errno))), kCannot;
  }
  const std::string ballast = folder + "/ballast";
  const auto make_ballast = [&] {
    std::ofstream(ballast, std::ios::binary) << std::string(size_t{2} << 20, 'b');
  };
  make_ballast();
  LocalLog::Options options = OptionsOf(folder + "/log");
  options.write_buffer_bytes = size_t{512} << 10;
  options.retry_after = absl::ZeroDuration();
  absl::StatusOr<std::unique_ptr<LocalLog>> log = LocalLog::Open(options);
  if (!log.ok()) return Say(log.status().ToString()), 1;
  std::array<int64_t, kPartitions> acknowledged = {};
  const auto append = [&](int p) {
    // What was refused may be there all the same: go on from the end.
    const Offset end = *(*log)->End(Partition{p});
    absl::StatusOr<Offset> first =
        (*log)->AppendAndWait(Partition{p}, RecordsAt(Partition{p}, end, 20));
    if (first.ok()) acknowledged[p] = first->value + 20;
    return first.status();
  };
  for (int times = 0; times < 3; ++times) {
    absl::Status status;
    for (int i = 0; status.ok(); ++i) {
      if (i > 100000) return Say("the disk never got full"), 1;
      status = append(i % kPartitions);
    }
    if (!absl::IsUnavailable(status)) return Say(status.ToString()), 1;
    std::string wrong = ReadUpTo(*(*log)->NewReader(), acknowledged);
    if (!wrong.empty()) return Say("while the disk is full: " + wrong), 1;
    if (times == 1) {  // reopen while the disk is full: either it does, or it says why not
      log->reset();
      log = LocalLog::Open(options);
      if (!log.ok() && !absl::IsUnavailable(log.status())) return Say(log.status().ToString()), 1;
    }
    fs::remove(ballast);
    if (!log.ok()) log = LocalLog::Open(options);
    if (!log.ok()) return Say(log.status().ToString()), 1;
    const absl::Time deadline = absl::Now() + kLong;
    do {
      status = append(0);
    } while (!status.ok() && absl::Now() < deadline);
    if (!status.ok()) return Say("with room again: " + status.ToString()), 1;
    // Make room for the next time: a log never shrinks, so a new one.
    log->reset();
    log = LocalLog::Open(options);
    if (!log.ok()) return Say(log.status().ToString()), 1;
    wrong = ReadUpTo(*(*log)->NewReader(), acknowledged);
    if (!wrong.empty()) return Say("after reopening: " + wrong), 1;
    if (times == 2) break;
    log->reset();
    fs::remove_all(options.folder);
    make_ballast();
    acknowledged = {};
    log = LocalLog::Open(options);
    if (!log.ok()) return Say(log.status().ToString()), 1;
  }
  return Say("fine"), 0;
}

// ---- the tests

TEST(LocalLogProcessesTest, ASecondWriterIsRefusedAndTheFirstOneNamed) {
  const TemporaryFolder root;
  const std::string folder = root / "log";
  {
    Child writer("write-as-told", folder);
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

TEST(LocalLogProcessesTest, NothingAcknowledgedIsLostByAKill) {
  constexpr int kKills = 24;
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed=", seed));
  std::mt19937_64 random(seed);
  const TemporaryFolder root;
  const std::string folder = root / "log";
  std::array<int64_t, kPartitions> acknowledged = {};
  int64_t acknowledgements = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    Child child("append-until-killed", folder);
    ASSERT_EQ(child.ReadLine(), "opening");
    const auto take = [&](const std::string& line) {
      const std::pair<std::string, std::string> words = absl::StrSplit(line, ' ');
      int p = 0;
      int64_t end = 0;
      ASSERT_TRUE(absl::SimpleAtoi(words.first, &p) && absl::SimpleAtoi(words.second, &end))
          << line;
      acknowledged[p] = std::max(acknowledged[p], end);
      ++acknowledgements;
    };
    // Sometimes in the midst of opening, mostly of appending, flushing or compacting.
    for (int64_t lines = static_cast<int64_t>(random() % 200) - 20; lines > 0; --lines) {
      take(child.ReadLine());
      if (HasFatalFailure()) return;
    }
    child.Kill();
    for (std::string line = child.ReadLine(); !line.empty(); line = child.ReadLine()) take(line);

    const auto log = LocalLog::Open(OptionsOf(folder));
    ASSERT_TRUE(log.ok()) << "kill " << kill << ": " << log.status();
    const std::array<int64_t, kPartitions> ends = EndsOf(**log);
    for (int p = 0; p < kPartitions; ++p) {
      EXPECT_GE(ends[p], acknowledged[p]) << "kill " << kill << " partition " << p;
    }
    EXPECT_EQ(ReadUpTo(*(*log)->NewReader(), ends), "") << "kill " << kill;
  }
  EXPECT_GT(acknowledgements, 0);
}

TEST(LocalLogProcessesTest, AFollowerReadsWhileAnotherProcessWritesAndRestarts) {
  const TemporaryFolder root;
  const std::string folder = root / "log";
  auto writer = std::make_unique<Child>("write-as-told", folder);
  ASSERT_EQ(writer->ReadLine(), "open");
  ASSERT_EQ(writer->Ask("append 0 10"), "done");

  const auto follower = LocalLog::Open(OptionsOf(folder, true));
  ASSERT_TRUE(follower.ok()) << follower.status();
  EXPECT_EQ((*follower)->partitions(), kPartitions);
  EXPECT_EQ(*(*follower)->End(Partition{0}), Offset{10});
  const auto reader = (*follower)->NewReader();
  std::array<int64_t, kPartitions> written = {10, 0, 0, 0}, next = {};
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
      writer = std::make_unique<Child>("write-as-told", folder);
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

TEST(LocalLogProcessesTest, AFollowerNeedsNoWriterChangesNothingAndLeavesNothing) {
  const TemporaryFolder root;
  const std::string folder = root / "log", temporary = root / "tmp";
  fs::create_directories(temporary);
  {
    Child writer("write-as-told", folder);
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

TEST(LocalLogProcessesTest, AFullDiskRefusesAppendsAndLosesNothing) {
  const TemporaryFolder root;
  Child child("fill-the-disk", root.path());
  const std::string said = child.ReadLine();
  const int result = child.Wait();
  if (result == kCannot) GTEST_SKIP() << said << " (run as root, or with user namespaces)";
  EXPECT_EQ(said, "fine");
  EXPECT_EQ(result, 0);
}

int RunChild(const std::string& what, const std::string& folder) {
  if (what == "append-until-killed") return AppendUntilKilled(folder);
  if (what == "write-as-told") return WriteAsTold(folder);
  if (what == "fill-the-disk") return FillTheDisk(folder);
  return 2;
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[0]) == "child") return gridledger::RunChild(argv[1], argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
