// What the state store does in a second and how much memory it takes for it: commits, reads of what
// is there and of what is not, opening. One program, one line a step; never passes or fails.
//
//   state_store_bench [millions of pairs, 20] [MiB of cache, 32] [where to make a folder for it]
#include <sys/resource.h>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/rocksdb/rocks_state_store.h"

namespace gridledger {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPairsOfACommit = 200'000;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(3);
}

// What the process keeps of the machine's memory now, file pages apart.
int64_t ResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) return std::atoll(line.c_str() + 8) << 10;
  }
  return 0;
}

class Step {
 public:
  explicit Step(std::string what) : what_(std::move(what)), begun_(absl::Now()) {}
  void Done(int64_t count, const char* unit) {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begun_);
    std::printf("%-44s %8.2f s %12.0f %s/s %6lld MiB resident\n", what_.c_str(), seconds,
                static_cast<double>(count) / seconds, unit,
                static_cast<long long>(ResidentBytes() >> 20));
    std::fflush(stdout);
  }

 private:
  const std::string what_;
  const absl::Time begun_;
};

// As an incident's: a kind byte and an id that does not ascend.
std::string KeyOf(int64_t number) {
  const uint64_t mixed = static_cast<uint64_t>(number) * 0x9e3779b97f4a7c15;
  std::string key = "\x01";
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(mixed >> shift));
  return key;
}

void Run(const std::string& folder, int64_t pairs, size_t cache_bytes) {
  RocksStateStore::Options options;
  options.folder = folder + "/state";
  options.memory_bytes = cache_bytes;
  auto store = RocksStateStore::Open(options);
  Check(store.status());
  const TaskId task{ServiceName("bench"), Partition{0}};
  {
    Step step(absl::StrCat("commits of ", kPairsOfACommit, " pairs of 90 bytes"));
    std::mt19937_64 random(1);
    for (int64_t next = 0; next < pairs;) {
      std::vector<TaskCheckpoint> checkpoints(1);
      checkpoints[0].task = task;
      std::string value(81, 'v');
      for (int64_t i = 0; i < kPairsOfACommit; ++i, ++next) {
        for (int k = 0; k < 40; ++k) value[k] = static_cast<char>(random());
        checkpoints[0].pairs.Put(KeyOf(next), value);
      }
      checkpoints[0].checkpoint.next = Offset{next};
      Check((*store)->Commit(std::move(checkpoints)));
    }
    step.Done(pairs, "pairs");
  }
  constexpr int kReads = 300'000;
  for (const bool there : {true, false}) {
    Step step(there ? "reads of pairs anywhere" : "reads of pairs that are not there");
    const auto tier = (*store)->Tier(task);
    std::mt19937_64 random(2);
    std::string value;
    int found = 0;
    for (int i = 0; i < kReads; ++i) {
      const auto number = static_cast<int64_t>(random() % static_cast<uint64_t>(pairs));
      found += tier->Get(KeyOf(there ? number : number + pairs), &value) ? 1 : 0;
    }
    Check(tier->status());
    step.Done(kReads, "reads");
    if (found != (there ? kReads : 0)) std::printf("found %d of %d\n", found, kReads);
  }
  {
    Step step("closing and opening");
    store->reset();
    store = RocksStateStore::Open(options);
    Check(store.status());
    step.Done(1, "times");
  }
  {
    Step step("a scan of everything");
    int64_t count = 0;
    const auto tier = (*store)->Tier(task);
    tier->Scan("", [&](absl::string_view, absl::string_view) { return ++count > 0; });
    Check(tier->status());
    step.Done(count, "pairs");
  }
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "%lld pairs, %lld MiB on disk, %.1f s of CPU, at most %lld MiB resident\n",
      static_cast<long long>(pairs),
      [&] {
        long long bytes = 0;
        for (const auto& entry : fs::directory_iterator(options.folder)) {
          if (entry.is_regular_file()) bytes += static_cast<long long>(entry.file_size());
        }
        return bytes >> 20;
      }(),
      static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec),
      static_cast<long long>(usage.ru_maxrss >> 10));
}

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  int64_t millions = 20, cache_mib = 32;
  if (argc > 1 && !absl::SimpleAtoi(argv[1], &millions)) return 2;
  if (argc > 2 && !absl::SimpleAtoi(argv[2], &cache_mib)) return 2;
  const std::filesystem::path root = argc > 3 ? argv[3] : std::filesystem::temp_directory_path();
  std::string folder = (root / "state-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 3;
  gridledger::Run(folder, millions * 1'000'000, static_cast<size_t>(cache_mib) << 20);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return 0;
}
