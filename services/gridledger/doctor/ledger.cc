#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "services/gridledger/copying/whereabouts.h"
#include "services/gridledger/digests/stored_digests.h"
#include "services/gridledger/doctor/ahead.h"
#include "services/gridledger/doctor/findings.h"
#include "services/gridledger/terminal/background.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/read_annex.h"
#include "services/runtime/adapters/local/folder_lock.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/engine/same_log.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

constexpr size_t kApartTold = 4;  // pairs of partitions in a line for people

// Whether somebody writes the ledger, as far as this machine knows.
struct Writer {
  std::optional<int> process;  // in the background
  bool is_there = false;
};

Writer WriterOf(const CommonOptions& options) {
  Writer writer;
  if (!options.log.empty()) return writer;  // a cluster's are on other machines
  writer.process = RunningInBackground(options.data);
  writer.is_there =
      writer.process.has_value() || local::FolderLock::Taken(absl::StrCat(options.data, "/log"));
  return writer;
}

// The first and the newest record of each partition; all of them is `verify`'s.
Finding Records(EventLog& log) {
  int64_t records = 0;
  int letters = 0;
  RecordBatch batch;
  v1::Entry entry;
  const std::unique_ptr<LogReader> reader = log.NewReader();
  for (int p = 0; p < log.partitions(); ++p) {
    const absl::StatusOr<Offset> end = log.End(Partition{p});
    if (!end.ok()) return BadFinding("records", end.status(), "run `gridledger verify`");
    records += end->value;
    if (end->value == 0) continue;
    for (const Offset at : {Offset{0}, Offset{end->value - 1}}) {
      const auto record = ReadRecordAt(*reader, Partition{p}, at, &batch);
      if (!record.ok()) {
        return BadFinding("records", record.status(),
                          "run `gridledger verify`, and restore the ledger from a backup");
      }
      const std::string place = absl::StrCat("partition ", p, " offset ", at.value);
      if (!record->has_value()) {
        return BadFinding("records", absl::UnavailableError(absl::StrCat(place, " does not come")),
                          "look at the disk or the cluster");
      }
      if ((*record)->kind == PlaceKind::kNothing) continue;
      const absl::Status decoded = engine::DecodeEntry((*record)->value, &entry);
      if (!decoded.ok()) ++letters;
    }
  }
  if (records == 0) {
    return {"records", Health::kWarn, "none yet", "import, simulate or up bring some"};
  }
  std::string said = absl::StrCat(Grouped(records), " in ", log.partitions(),
                                  " partitions; the first and the newest of each are readable");
  if (letters == 0) return {"records", Health::kOk, std::move(said), ""};
  return {"records", Health::kWarn,
          absl::StrCat(Grouped(records), " in ", log.partitions(), " partitions; of the first and ",
                       "the newest of each, ", letters, " cannot be read"),
          "see `gridledger dead-letters list`"};
}

Finding Zone(host::Folder& folder) {
  const absl::StatusOr<LedgerZone> found = FindLedgerZone(folder);
  if (!found.ok()) return BadFinding("its zone", found.status(), "look at the disk or the cluster");
  if (found->unknown.empty()) return {"its zone", Health::kOk, found->zone.name(), ""};
  return {"its zone", Health::kWarn,
          absl::StrCat("the policy names \"", found->unknown,
                       "\" without its rules, and no program knows it: hours are of UTC"),
          "activate the policy anew, with a zone that this machine knows"};
}

// A partition that is raised to a schema that this program does not know; and facts that wait in
// another partition than their incident's. Nothing where all is well, or another finding says why
// nobody can tell.
void Whole(const CommonOptions& options, host::Folder& folder, Findings* findings) {
  const auto found = FindWhereabouts(options, &folder, /*asked=*/{}, /*ends=*/{});
  if (!found.ok()) return;
  for (const absl::Status& stopped : found->stopped) {
    if (!absl::IsFailedPrecondition(stopped)) continue;
    findings->push_back(BadFinding("schema", stopped, "use a newer build"));
    break;
  }
  // By where they wait and where their incident is.
  std::map<std::pair<Partition, Partition>, int64_t> facts;
  int64_t all = 0;
  for (const AwaitingFact& fact : found->awaiting) {
    if (!found->IsApart(fact)) continue;
    ++facts[{fact.partition, found->incidents.at(fact.incident)}];
    ++all;
  }
  if (all == 0) return;
  std::string said;
  size_t told = 0;
  for (const auto& [between, count] : facts) {
    if (++told > kApartTold) break;
    absl::StrAppend(&said, said.empty() ? "" : ", ", Grouped(count),
                    count == 1 ? " fact waits" : " facts wait", " in partition ",
                    between.first.value, " for incidents that are in partition ",
                    between.second.value);
  }
  if (facts.size() > kApartTold) absl::StrAppend(&said, ", and so on: ", Grouped(all), " in all");
  const int at_first = found->PartitionsAtFirst();
  findings->push_back(
      {"partitions", Health::kWarn, std::move(said),
       at_first < folder.log().partitions()
           ? absl::StrCat("the ledger was made with ", at_first, " partitions and has ",
                          folder.log().partitions(), ": `gridledger copy --reunite ", at_first,
                          "` brings them together in a new ledger")
           : absl::StrCat("whoever sends them names another key than the report's, its community; "
                          "`gridledger copy --reunite ",
                          at_first, "` brings them together in a new ledger")});
}

// Who brings a state in order, by what `up` and an import each do to it. A city that goes live
// carries time to the present day, which a history must never have asked for.
std::string MakerOf(const CommonOptions& options, absl::string_view up, absl::string_view import) {
  std::error_code error;
  const bool has_imports =
      options.log.empty() &&
      std::filesystem::is_directory(absl::StrCat(options.data, "/imports"), error);
  if (!has_imports) return absl::StrCat("`gridledger up` ", up);
  return absl::StrCat("the import of what it has, once more, ", import,
                      " (`gridledger up` too, and moves its time to the present day)");
}

// Every checkpoint is of this ledger and lies within it.
Finding State(const CommonOptions& options, host::Folder& folder, bool runs) {
  const std::string maker = MakerOf(options, "makes it anew", "changes nothing and makes it anew");
  const std::string advice =
      absl::StrCat("remove state/: ", maker, "; if that does not help, the ledger was cut");
  if (!folder.state_status().ok()) return BadFinding("state", folder.state_status(), advice);
  if (folder.store() == nullptr) {
    return {
        "state", options.log.empty() ? Health::kWarn : Health::kOk, "none is kept here",
        options.log.empty() ? absl::StrCat(maker, "; commands read the ledger until then") : ""};
  }
  int checkpoints = 0;
  int64_t behind = 0;
  for (const engine::Service& service : host::AllServices()) {
    for (int p = 0; p < folder.log().partitions(); ++p) {
      const absl::StatusOr<Offset> end = folder.log().End(Partition{p});
      if (!end.ok()) return BadFinding("state", end.status(), "see records");
      auto task = engine::Task::Open(service, Partition{p}, folder.store(), host::CodeId());
      if (!task.ok()) return BadFinding("state", task.status(), advice);
      behind = std::max(behind, end->value - (*task)->next().value);
      if ((*task)->next().value == 0) continue;
      ++checkpoints;
      if (absl::Status same = engine::CheckSameLog(&folder.log(), **task); !same.ok()) {
        return BadFinding("state", same, advice);
      }
    }
  }
  const std::string said = absl::StrCat(checkpoints, " checkpoints of this ledger");
  if (behind <= 0 || runs) return {"state", Health::kOk, said, ""};
  return {"state", Health::kWarn,
          absl::StrCat(said, ", up to ", Grouped(behind), " records behind"),
          MakerOf(options, "folds them in", "folds them in")};
}

// Where each partition's time is: what a checkpoint says and its newest record. `status` folds all.
absl::StatusOr<absl::Time> TimeOf(host::Folder& folder, LogReader& reader, Partition partition) {
  absl::Time time = absl::FromUnixMillis(0);
  if (folder.store() != nullptr) {
    auto task =
        engine::Task::Open(host::AllServices().front(), partition, folder.store(), host::CodeId());
    if (!task.ok()) return task.status();
    time = (*task)->now();
  }
  const absl::StatusOr<Offset> end = folder.log().End(partition);
  if (!end.ok()) return end.status();
  if (end->value == 0) return time;
  RecordBatch batch;
  const auto newest = ReadRecordAt(reader, partition, Offset{end->value - 1}, &batch);
  if (!newest.ok()) return newest.status();
  return newest->has_value() ? std::max(time, (*newest)->timestamp) : time;
}

Finding Time(host::Folder& folder) {
  std::vector<Ahead> ahead;
  const std::unique_ptr<LogReader> reader = folder.log().NewReader();
  for (int p = 0; p < folder.log().partitions(); ++p) {
    const absl::StatusOr<absl::Time> time = TimeOf(folder, *reader, Partition{p});
    if (!time.ok()) return BadFinding("its time", time.status(), "see records and state");
    AddIfAhead(Partition{p}, *time, absl::Now(), &ahead);
  }
  if (ahead.empty()) return {"its time", Health::kOk, "nowhere ahead of this machine's clock", ""};
  const absl::Duration most =
      std::max_element(ahead.begin(), ahead.end(), [](const Ahead& a, const Ahead& b) {
        return a.by < b.by;
      })->by;
  return {"its time", most > kAheadMax ? Health::kBad : Health::kWarn, DescribeAhead(ahead),
          "what is reported there live counts from that time on, and is late by as much until the "
          "clock has caught up. If the clock is right, import the history anew without what lies "
          "ahead"};
}

// Rounds of imports that the ledger has rows of, and that no record beside it knows: as where it
// was copied by way of a cluster. Nothing where all is well, or nobody can tell.
std::optional<Finding> UnknownRounds(const CommonOptions& options, host::Folder& folder) {
  if (!options.log.empty() || folder.store() == nullptr) return std::nullopt;
  const engine::Service* const audit = host::FindService("audit");
  INVARIANT(audit != nullptr, "there is an audit service");
  std::string unknown;
  std::map<std::string, absl::StatusOr<ImportRecord>> records;  // by source
  for (int p = 0; p < folder.log().partitions() && unknown.empty(); ++p) {
    auto task = engine::Task::Open(*audit, Partition{p}, folder.store(), host::CodeId());
    if (!task.ok()) return std::nullopt;  // State says so
    (*task)->EachMark([&](const engine::SourceName& mark, const engine::SourceMark&) {
      const absl::string_view name = mark.text();
      const std::string source(name.substr(0, name.rfind('#')));
      const int round = RoundOf(name, source);
      if (round == 0 || !unknown.empty()) return;
      auto [record, first] = records.try_emplace(source);
      if (first) record->second = ReadImportRecord(ImportRecordPath(options.data, source));
      if (record->second.ok() && record->second->Find(round) == nullptr) {
        unknown = std::string(name);
      }
    });
  }
  if (unknown.empty()) return std::nullopt;
  return Finding{"rounds", Health::kWarn,
                 absl::StrCat("the ledger has rows of ", unknown, ", of which ", options.data,
                              "/imports does not know"),
                 "bring imports/ back from where it was imported, or from a copy: without it no "
                 "import of that source goes on"};
}

Finding Snapshots(host::Folder& folder) {
  const auto recorded = ReadStoredDigests(folder, host::AllServices());
  if (!recorded.ok()) return BadFinding("snapshots", recorded.status(), "remove state/");
  std::vector<std::string> names;
  for (const StoredDigest& one : *recorded) {
    if (!absl::StartsWith(one.where, "snapshot ")) continue;
    const absl::StatusOr<Offset> end = folder.log().End(one.task.partition);
    if (!end.ok()) return BadFinding("snapshots", end.status(), "see records");
    if (one.at > *end) {
      return BadFinding(
          "snapshots",
          absl::DataLossError(absl::StrCat(one.where, " stands beyond the ledger, at ",
                                           engine::Describe(one.task, one.at))),
          "remove it, or restore the ledger");
    }
    names.push_back(one.where);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return {"snapshots", Health::kOk, absl::StrCat(names.size()), ""};
}

Finding City(const CommonOptions& options, const Writer& writer) {
  if (!options.log.empty()) {
    return {"city", Health::kOk, "the services of a cluster tell of themselves: --http", ""};
  }
  if (writer.process) {
    return {"city", Health::kOk,
            absl::StrCat("runs in the background as process ", *writer.process), ""};
  }
  if (writer.is_there) return {"city", Health::kOk, "a process writes this folder", ""};
  if (WasInBackground(options.data)) {
    return {"city", Health::kWarn, "the one in the background is gone without a word",
            absl::StrCat("see ", options.data, "/up.log; `gridledger up` goes on where it stood")};
  }
  return {"city", Health::kOk, "none runs", ""};
}

}  // namespace

void ExamineLedger(const CommonOptions& options, Findings* findings) {
  if (options.log.empty() && !ExamineFolder(options.data, findings)) return;
  const Writer writer = WriterOf(options);
  auto folder = OpenForReading(options);
  if (!folder.ok()) {
    findings->push_back(BadFinding(
        "ledger", folder.status(),
        absl::IsDataLoss(folder.status()) ? "`gridledger verify` says what is damaged" : ""));
    return;
  }
  findings->push_back({"ledger", Health::kOk, (*folder)->name(), ""});
  findings->push_back(Records((*folder)->log()));
  findings->push_back(Zone(**folder));
  findings->push_back(Time(**folder));
  Whole(options, **folder, findings);
  Finding state = State(options, **folder, writer.is_there);
  // One that is not this ledger's knows nothing of its rounds.
  auto unknown = state.health == Health::kBad ? std::nullopt : UnknownRounds(options, **folder);
  findings->push_back(std::move(state));
  if (unknown) findings->push_back(*std::move(unknown));
  findings->push_back(Snapshots(**folder));
  findings->push_back(City(options, writer));
}

}  // namespace gridledger::cli
