#include "services/runtime/host/memory_size.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <cstdint>

namespace gridledger::host {
namespace {

constexpr size_t kSmallest = size_t{128} << 20;
// What a process needs whatever it does: program and libraries ~30 MiB, its threads' stacks and
// arenas, RocksDB's own structures for two databases. The shares are of what is left.
constexpr size_t kBase = size_t{56} << 20;

}  // namespace

absl::StatusOr<size_t> ParseMemorySize(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  absl::string_view number = lower;
  absl::ConsumeSuffix(&number, "b");
  absl::ConsumeSuffix(&number, "i");
  int shift = 0;
  if (absl::ConsumeSuffix(&number, "k")) {
    shift = 10;
  } else if (absl::ConsumeSuffix(&number, "m")) {
    shift = 20;
  } else if (absl::ConsumeSuffix(&number, "g")) {
    shift = 30;
  }
  uint64_t value = 0;
  if (!absl::SimpleAtoi(number, &value) || value > (uint64_t{1} << 40) >> shift) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a size of memory: write 512MiB or 2GiB"));
  }
  const size_t bytes = static_cast<size_t>(value) << shift;
  if (bytes < kSmallest) {
    return absl::InvalidArgumentError(
        absl::StrCat("a memory limit of ", text, " is too small: 128MiB is the least"));
  }
  return bytes;
}

std::string PrintMemorySize(size_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  uint64_t tenths = static_cast<uint64_t>(bytes) * 10;
  for (; tenths >= 10240 && unit < 4; ++unit) tenths /= 1024;
  return absl::StrFormat("%d.%d %s", tenths / 10, tenths % 10, kUnits[unit]);
}

MemoryShares ShareMemory(size_t limit) {
  limit -= std::min(limit / 2, kBase);
  return MemoryShares{.tables = limit / 16 * 7, .stores = limit / 4, .batches = limit / 16 * 5};
}

}  // namespace gridledger::host

// What jemalloc reads at its start (decision 0012). Two arenas, for each keeps freed memory of its
// own; what was freed goes back to the system within a quarter of a second.
extern "C" const char* const malloc_conf = "narenas:2,dirty_decay_ms:250,muzzy_decay_ms:0";
