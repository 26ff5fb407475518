#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "services/gridledger/doctor/findings.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/import_rows.h"
#include "services/history/importing/row_store.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

namespace fs = std::filesystem;

// A subfolder of the data folder, and what to do when something else stands in its place.
struct Subfolder {
  const char* name;
  const char* advice;
};

constexpr Subfolder kSubfolders[] = {
    {"log", "move it away, and restore the ledger from a backup"},
    {"state", "move it away: the ledger makes the state anew with `gridledger up`"},
    {"snapshots", "move it away: the next snapshot makes the folder anew"},
    {"imports", "bring it back from a copy of this folder: without it no import goes on"},
    {"rejected", "move it away: the next import that rejects rows makes the folder anew"},
    {"tmp", "move it away: the next import makes the folder anew"},
};

Finding Subfolders(const std::string& data) {
  std::vector<std::string> there;
  for (const Subfolder& one : kSubfolders) {
    const std::string path = absl::StrCat(data, "/", one.name);
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      // A link to nothing is not found either, and no folder can be made in its place.
      if (!fs::is_symlink(fs::symlink_status(path, error))) continue;
      return BadFinding("folder",
                        absl::FailedPreconditionError(absl::StrCat(path, " is a link to nothing")),
                        one.advice);
    }
    if (status.type() == fs::file_type::directory) {
      static_cast<void>(fs::directory_iterator(path, error));
      if (!error) {
        there.emplace_back(one.name);
        continue;
      }
    }
    if (error) {
      return BadFinding(
          "folder",
          absl::PermissionDeniedError(absl::StrCat(path, " cannot be read: ", error.message())),
          "run as the user whose it is, or give it back with chown");
    }
    return BadFinding(
        "folder",
        absl::FailedPreconditionError(absl::StrCat(
            path, status.type() == fs::file_type::regular ? " is a plain file" : " is no folder",
            " where a folder must be")),
        one.advice);
  }
  std::string said;
  for (const std::string& name : there) {
    absl::StrAppend(&said, said.empty() ? "" : ", ", name, "/");
  }
  return {"folder", Health::kOk, said, ""};
}

// What is remembered of each import: a damaged one would stop the next import of its source.
Finding Imports(const std::string& data) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(absl::StrCat(data, "/imports"), error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  int64_t cut_off = 0;
  for (const fs::path& path : paths) {
    if (!std::ifstream(path)) {
      return BadFinding("imports",
                        absl::PermissionDeniedError(absl::StrCat(path.string(), " cannot be read")),
                        "run as the user whose it is, or give it back with chown");
    }
    const absl::StatusOr<ImportRecord> record = ReadImportRecord(path.string());
    if (!record.ok()) return BadFinding("imports", record.status(), "");
    RowStore::Options rows;
    rows.path = RowStorePath(data, path.stem());
    for (const ImportRound& round : record->rounds) {
      rows.rounds[round.number] = {round.rows, round.checksum};
    }
    const absl::Status whole = RowStore::Open(std::move(rows)).status();
    if (!whole.ok()) return BadFinding("imports", whole, "");
    cut_off += std::any_of(record->rounds.begin(), record->rounds.end(),
                           [](const ImportRound& round) { return !round.complete; });
  }
  if (cut_off == 0) return {"imports", Health::kOk, absl::StrCat(paths.size()), ""};
  return {"imports", Health::kWarn,
          absl::StrCat(Grouped(cut_off), " of ", paths.size(), " did not come to their end"),
          "the same `gridledger import` once more goes on where it stood"};
}

}  // namespace

bool ExamineFolder(const std::string& data, Findings* findings) {
  std::error_code error;
  if (!fs::is_directory(data, error)) return true;
  Finding subfolders = Subfolders(data);
  const bool sound = subfolders.health != Health::kBad;
  findings->push_back(std::move(subfolders));
  if (sound) findings->push_back(Imports(data));
  return sound;
}

}  // namespace gridledger::cli
