#include "services/runtime/adapters/rocksdb/snapshots.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "services/base/invariant.h"
#include "services/runtime/adapters/table_files/sync.h"

namespace gridledger::state {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kFirstWord = "gridledger-snapshot";
constexpr absl::string_view kTasksFile = "TASKS";
constexpr absl::string_view kDropped = ".dropped-";

absl::Status FileError(absl::string_view act, const std::string& path, const std::string& words) {
  return absl::UnavailableError(absl::StrCat("cannot ", act, " ", path, ": ", words));
}

bool ParseDigest(absl::string_view text, Digest* digest) {
  return text.size() == 32 && absl::SimpleHexAtoi(text.substr(0, 16), &digest->high) &&
         absl::SimpleHexAtoi(text.substr(16), &digest->low);
}

}  // namespace

bool IsSnapshotName(absl::string_view name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string FormatTasks(const SnapshotSummary& snapshot) {
  std::string text = absl::StrCat(kFirstWord, " 1 ", snapshot.ordinal, "\n");
  for (const SnapshotTask& task : snapshot.tasks) {
    const Checkpoint& c = task.checkpoint;
    absl::StrAppend(&text, absl::CEscape(task.task.service.text()), "\t", task.task.partition.value,
                    "\t", c.next.value, "\t", c.digest.Hex(), "\t", absl::CEscape(c.code_id), "\t",
                    c.schema, "\n");
  }
  return text;
}

bool ParseTasks(absl::string_view text, SnapshotSummary* snapshot) {
  if (!absl::EndsWith(text, "\n")) return false;
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  lines.pop_back();
  const std::vector<absl::string_view> first = absl::StrSplit(lines[0], ' ');
  if (first.size() != 3 || first[0] != kFirstWord || first[1] != "1" ||
      !absl::SimpleAtoi(first[2], &snapshot->ordinal)) {
    return false;
  }
  snapshot->tasks.clear();
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<absl::string_view> words = absl::StrSplit(lines[i], '\t');
    std::string service;
    SnapshotTask task;
    Checkpoint& c = task.checkpoint;
    if (words.size() != 6 || !absl::CUnescape(words[0], &service) ||
        !absl::SimpleAtoi(words[1], &task.task.partition.value) ||
        !absl::SimpleAtoi(words[2], &c.next.value) || !ParseDigest(words[3], &c.digest) ||
        !absl::CUnescape(words[4], &c.code_id) || !absl::SimpleAtoi(words[5], &c.schema)) {
      return false;
    }
    task.task.service = ServiceName(std::move(service));
    snapshot->tasks.push_back(std::move(task));
  }
  return true;
}

std::vector<SnapshotSummary> ListSnapshots(const std::string& snapshots_folder) {
  std::vector<SnapshotSummary> snapshots;
  std::error_code error;
  for (fs::directory_iterator at(snapshots_folder, error), end; !error && at != end;
       at.increment(error)) {
    SnapshotSummary snapshot{.name = at->path().filename().string(), .folder = at->path().string()};
    if (!IsSnapshotName(snapshot.name)) continue;
    std::ifstream file(at->path() / std::string(kTasksFile), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (ParseTasks(text, &snapshot)) snapshots.push_back(std::move(snapshot));
  }
  std::sort(snapshots.begin(), snapshots.end(), [](const auto& a, const auto& b) {
    return a.ordinal != b.ordinal ? a.ordinal > b.ordinal : a.name > b.name;
  });
  return snapshots;
}

std::string UnfinishedSnapshot(const std::string& snapshots_folder) {
  return snapshots_folder + "/.unfinished";
}

absl::Status FinishSnapshot(const std::string& snapshots_folder, SnapshotSummary snapshot,
                            int kept) {
  INVARIANT(kept >= 1, "at least the newest snapshot is kept");
  std::vector<SnapshotSummary> older = ListSnapshots(snapshots_folder);
  snapshot.ordinal = older.empty() ? 1 : older[0].ordinal + 1;
  const std::string unfinished = UnfinishedSnapshot(snapshots_folder);
  absl::Status status =
      WriteDurably(absl::StrCat(unfinished, "/", kTasksFile), FormatTasks(snapshot));
  if (status.ok()) status = table_files::Sync(unfinished);
  if (!status.ok()) return status;
  std::error_code error;
  fs::rename(unfinished, absl::StrCat(snapshots_folder, "/", snapshot.name), error);
  if (error) return FileError("complete the snapshot", snapshot.name, error.message());
  if (status = table_files::Sync(snapshots_folder); !status.ok()) return status;

  for (size_t i = static_cast<size_t>(kept) - 1; i < older.size(); ++i) DropSnapshot(older[i]);
  std::vector<fs::path> half_dropped;  // by a process that was killed
  for (fs::directory_iterator at(snapshots_folder, error), end; !error && at != end;
       at.increment(error)) {
    if (absl::StartsWith(at->path().filename().string(), kDropped)) {
      half_dropped.push_back(at->path());
    }
  }
  for (const fs::path& folder : half_dropped) fs::remove_all(folder, error);
  return absl::OkStatus();
}

void DropSnapshot(const SnapshotSummary& snapshot) {
  // A name that begins with '.' is no snapshot: one that is half removed is never taken for one.
  const fs::path folder(snapshot.folder);
  const fs::path dropped = folder.parent_path() / absl::StrCat(kDropped, snapshot.name);
  std::error_code error;
  fs::rename(folder, dropped, error);
  if (!error) fs::remove_all(dropped, error);
}

absl::Status CopyDatabase(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return FileError("make", to, error.message());
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name == "LOCK" || name == kTasksFile || absl::StartsWith(name, "LOG")) continue;
    const fs::path target = fs::path(to) / name;
    if (absl::EndsWith(name, ".sst")) {
      fs::create_hard_link(at->path(), target, error);
      if (!error) continue;
    }
    fs::copy_file(at->path(), target, error);
    if (error) return FileError("copy", at->path().string(), error.message());
    if (absl::Status status = table_files::Sync(target.string()); !status.ok()) return status;
  }
  if (error) return FileError("read", from, error.message());
  return table_files::Sync(to);
}

absl::Status WriteDurably(const std::string& path, absl::string_view text) {
  {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text << std::flush;
    if (!file) return FileError("write", path, strerror(errno));
  }
  return table_files::Sync(path);
}

}  // namespace gridledger::state
