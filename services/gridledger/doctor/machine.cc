#include <sys/resource.h>
#include <unistd.h>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "services/gridledger/doctor/findings.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

namespace fs = std::filesystem;

// A million records take some 200 MB of log and as much of state.
constexpr uint64_t kDiskWarn = uint64_t{2} << 30;
constexpr uint64_t kDiskBad = uint64_t{256} << 20;  // a bulk's files and a checkpoint side by side
// Beside the ledger's own files, which all stay open: logs, sockets, what is being written.
constexpr uint64_t kFilesBeside = 256;
// Of this source: a clock before it was never set.
constexpr absl::CivilDay kClockMin(2025, 1, 1);

Finding Zones() {
  struct Known {
    const char* zone;
    int hours_in_july;
  };
  for (const Known& known :
       {Known{"Asia/Shanghai", 8}, Known{"Europe/London", 1}, Known{"America/New_York", -4}}) {
    absl::TimeZone zone;
    const bool found = absl::LoadTimeZone(known.zone, &zone);
    const absl::Time july = absl::FromCivil(absl::CivilDay(2020, 7, 1), absl::UTCTimeZone());
    if (found && zone.At(july).offset == known.hours_in_july * 3600) continue;
    return {"time zones", Health::kBad,
            absl::StrCat(known.zone, found ? " has the wrong offset" : " is not known"),
            std::getenv("TZDIR") != nullptr ? "unset TZDIR, or install tzdata there"
                                            : "install tzdata"};
  }
  return {"time zones", Health::kOk, "known", ""};
}

// The programs never ask for a locale; only what shows their texts can be wrong.
Finding Texts() {
  if (absl::StrFormat("%.1f", 0.5) != "0.5") {
    return {"locale", Health::kBad, "numbers are printed in the manner of a locale",
            "run with LC_ALL=C.UTF-8"};
  }
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string lower = absl::AsciiStrToLower(value);
    if (absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8")) break;
    return {"locale", Health::kWarn,
            absl::StrCat(name, "=", Printable(value), " is not of UTF-8, which all output is"),
            "set it to C.UTF-8, or Chinese names may look broken"};
  }
  return {"locale", Health::kOk, "nothing depends on it", ""};
}

Finding Clock() {
  const absl::Time now = absl::Now();
  if (now >= absl::FromCivil(kClockMin, absl::UTCTimeZone())) {
    return {"clock", Health::kOk,
            absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", now, absl::UTCTimeZone()), ""};
  }
  return {"clock", Health::kBad,
          absl::StrCat("it is ", absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone()),
                       " by this machine's clock"),
          "set the clock: a live ledger takes its times from it, and never goes back"};
}

// The folder, or the nearest above it that is there.
std::string ThereOf(const std::string& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder.empty() ? fs::current_path(error) : fs::path(folder), error);
  while (path.has_relative_path() && !fs::exists(path, error)) path = path.parent_path();
  return path.string();
}

Finding Disk(const std::string& about, const std::string& folder) {
  const std::string there = ThereOf(folder);
  std::error_code error;
  const fs::space_info space = fs::space(there, error);
  if (error) {
    return BadFinding(about, absl::UnavailableError(absl::StrCat(there, ": ", error.message())),
                      "look at the disk, or name another folder");
  }
  const std::string said = absl::StrCat(host::PrintMemorySize(space.available), " free at ", there);
  if (space.available < kDiskBad) {
    return BadFinding(about, absl::UnavailableError(said), "make room, or name another folder");
  }
  if (access(there.c_str(), W_OK) != 0) {
    return {about, Health::kWarn, absl::StrCat(there, " is not this user's to write"),
            "reading works; import, simulate and up need it"};
  }
  if (space.available < kDiskWarn) return {about, Health::kWarn, said, "make room soon"};
  return {about, Health::kOk, said, ""};
}

Finding OpenFiles(const std::string& folder) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  uint64_t files = 0;
  std::error_code error;
  if (!folder.empty()) {
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      ++files;
    }
  }
  const std::string said = absl::StrCat(
      limit.rlim_cur == RLIM_INFINITY ? "unlimited" : Grouped(static_cast<int64_t>(limit.rlim_cur)),
      " at once", files > 0 ? absl::StrCat("; the folder has ", Grouped(files)) : "");
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= 2 * files + kFilesBeside) {
    return {"open files", Health::kOk, said, ""};
  }
  const bool bad = limit.rlim_cur < files + kFilesBeside / 4;
  return {"open files", bad ? Health::kBad : Health::kWarn, said,
          absl::StrCat("ulimit -n ", std::max<uint64_t>(4096, 4 * files))};
}

// "MemTotal:  16318480 kB"
std::optional<uint64_t> MemoryOf(absl::string_view name) {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t kilobytes = 0;
    if (words.size() >= 2 && words[0] == absl::StrCat(name, ":") &&
        absl::SimpleAtoi(words[1], &kilobytes)) {
      return kilobytes << 10;
    }
  }
  return std::nullopt;
}

// What a container may have, where it says so.
std::optional<uint64_t> ContainerMemory() {
  std::string text;
  std::ifstream("/sys/fs/cgroup/memory.max") >> text;
  uint64_t bytes = 0;
  return absl::SimpleAtoi(text, &bytes) ? std::optional(bytes) : std::nullopt;
}

Finding Memory(const CommonOptions& options) {
  const absl::StatusOr<size_t> asked = options.MemoryBytes();
  if (!asked.ok()) return BadFinding("memory", asked.status(), "e.g. --memory 512MiB");
  std::optional<uint64_t> total = MemoryOf("MemTotal");
  const std::optional<uint64_t> container = ContainerMemory();
  if (container && (!total || *container < *total)) total = container;
  const std::optional<uint64_t> available = MemoryOf("MemAvailable");
  if (!total) return {"memory", Health::kWarn, "this machine does not say how much it has", ""};
  const std::string said = absl::StrCat("--memory ", host::PrintMemorySize(*asked), " of ",
                                        host::PrintMemorySize(*total));
  if (*asked > *total) {
    return {"memory", Health::kBad, said,
            absl::StrCat("give less, e.g. --memory ", (*total >> 21), "MiB")};
  }
  if (available && *asked > *available) {
    return {"memory", Health::kWarn,
            absl::StrCat(said, ", of which ", host::PrintMemorySize(*available), " are free"),
            "end something else, or give less"};
  }
  return {"memory", Health::kOk, said, ""};
}

}  // namespace

Finding BadFinding(std::string about, const absl::Status& status, std::string advice) {
  return {std::move(about), Health::kBad, std::string(status.message()), std::move(advice),
          status.code()};
}

void ExamineMachine(const CommonOptions& options, const std::string& folder, Findings* findings) {
  findings->push_back(Zones());
  findings->push_back(Texts());
  findings->push_back(Clock());
  findings->push_back(Disk("disk", folder));
  std::error_code error;
  const fs::path temporary = fs::temp_directory_path(error);
  findings->push_back(Disk("temporary files", error ? "/tmp" : temporary.string()));
  findings->push_back(OpenFiles(folder));
  findings->push_back(Memory(options));
}

}  // namespace gridledger::cli
