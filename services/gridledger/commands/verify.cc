// gridledger verify: reads everything that a data folder holds, and says what is damaged: each
// record of the ledger, each stored pair, and whether the two tell the same.
#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/digests/stored_digests.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

// Where a damage was found.
enum class Part { kLedger, kState, kReplay };

struct Finding {
  Part part = Part::kLedger;
  std::optional<TaskId> task;  // none for a whole snapshot; without a service for the ledger
  Offset offset;
  std::string what;
};

struct Checks {
  int64_t records = 0;
  int64_t dead_letters = 0;
  int64_t pairs_of = 0;  // recorded checkpoints whose pairs were added up
  int64_t replayed = 0;  // recorded digests that the replay passed
};

struct Report {
  ViewOutcome outcome;
  absl::btree_map<Partition, Checks> partitions;
  std::vector<Finding> findings;
  bool needs_newer_build = false;  // and nothing else is wrong there
  size_t unreachable = 0;          // findings that are no damage: the log could not be asked
  bool bad_places = false;
};

absl::string_view PartName(Part part) {
  switch (part) {
    case Part::kLedger: return "ledger";
    case Part::kState: return "state";
    case Part::kReplay: return "replay";
  }
  return "";
}

absl::Status CheckLedger(const CommonOptions& options, host::Folder& folder,
                         std::vector<host::Probe>* probes, Report* report) {
  host::View view;
  view.folder = &folder;
  view.services = host::AllServices();
  view.begin = host::Begin::kZero;
  view.probes = probes;
  view.through_damage = true;
  return FoldWatched(
      options, "verifying", std::move(view),
      [&](const host::Seen& seen) {
        Checks& checks = report->partitions[seen.partition];
        checks.records = seen.end.value;
        checks.dead_letters = static_cast<int64_t>(seen.tasks.front().task->progress().undecodable);
        if (seen.status.ok()) return absl::OkStatus();
        report->needs_newer_build |= absl::IsFailedPrecondition(seen.status);
        report->unreachable += absl::IsUnavailable(seen.status) ? 1 : 0;
        report->bad_places |= seen.bad_place.has_value();
        report->findings.push_back(Finding{Part::kLedger, TaskId{ServiceName(), seen.partition},
                                           seen.end, std::string(seen.status.message())});
        return absl::OkStatus();
      },
      &report->outcome);
}

void CompareDigests(const std::vector<StoredDigest>& recorded,
                    const std::vector<host::Probe>& probes, Report* report) {
  for (size_t i = 0; i < recorded.size(); ++i) {
    const StoredDigest& one = recorded[i];
    Checks& checks = report->partitions[one.task.partition];
    ++checks.pairs_of;
    if (probes[i].digest) {
      ++checks.replayed;
      if (*probes[i].digest == one.digest) continue;
      report->findings.push_back(
          Finding{Part::kReplay, one.task, one.at,
                  absl::StrCat("the ", one.where, " has digest ", one.digest.Hex(),
                               ", a replay from zero ", probes[i].digest->Hex())});
    } else if (one.at.value > checks.records) {
      report->findings.push_back(
          Finding{Part::kReplay, one.task, one.at,
                  absl::StrCat("the ", one.where, " stands beyond what can be read of the ledger, ",
                               checks.records, " records")});
    }
  }
}

absl::StatusOr<Report> Check(const CommonOptions& options, host::Folder& folder) {
  Report report;
  const auto recorded = ReadStoredDigests(folder, host::AllServices());
  if (!recorded.ok()) return recorded.status();
  std::vector<host::Probe> probes = ProbesFor(*recorded);
  absl::Status status = CheckLedger(options, folder, &probes, &report);
  if (!status.ok()) return status;
  if (!folder.state_status().ok()) {
    report.findings.push_back(Finding{Part::kState, std::nullopt, Offset{},
                                      std::string(folder.state_status().message())});
  }
  const auto damages = CheckStoredPairs(folder, *recorded);
  if (!damages.ok()) return damages.status();
  for (const Damage& damage : *damages) {
    Finding finding{Part::kState, damage.of.task, damage.of.at,
                    absl::StrCat(damage.of.where, ": ", damage.what)};
    if (damage.of.task.service.empty()) finding.task.reset();
    report.findings.push_back(std::move(finding));
  }
  CompareDigests(*recorded, probes, &report);
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const auto& a, const auto& b) { return a.part < b.part; });
  return report;
}

// "metrics partition 3 offset 120"
std::string Place(const Finding& finding) {
  if (!finding.task) return std::string(PartName(finding.part));
  return absl::StrCat(
      finding.task->service.empty() ? PartName(finding.part) : finding.task->service.text(),
      " partition ", finding.task->partition.value, " offset ", finding.offset.value);
}

bool Sound(const Report& report, Partition partition, Part part) {
  return std::none_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
    return finding.part == part && (!finding.task || finding.task->partition == partition);
  });
}

std::string PrintJson(const Report& report) {
  nlohmann::ordered_json json;
  int64_t records = 0;
  for (const auto& [partition, checks] : report.partitions) records += checks.records;
  json["sound"] = report.findings.empty();
  json["records"] = records;
  json["seconds"] = absl::ToDoubleSeconds(report.outcome.took);
  json["partitions"] = nlohmann::ordered_json::array();
  for (const auto& [partition, checks] : report.partitions) {
    nlohmann::ordered_json one = {{"partition", partition.value},
                                  {"records", checks.records},
                                  {"dead_letters", checks.dead_letters},
                                  {"checkpoints", checks.pairs_of},
                                  {"replayed", checks.replayed}};
    for (const Part part : {Part::kLedger, Part::kState, Part::kReplay}) {
      one[absl::StrCat(PartName(part), "_sound")] = Sound(report, partition, part);
    }
    json["partitions"].push_back(std::move(one));
  }
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : report.findings) {
    nlohmann::ordered_json one = {{"where", PartName(finding.part).data()}};
    if (finding.task) {
      if (!finding.task->service.empty()) one["service"] = finding.task->service.text();
      one["partition"] = finding.task->partition.value;
      one["offset"] = finding.offset.value;
    }
    one["what"] = finding.what;
    json["findings"].push_back(std::move(one));
  }
  return JsonText(json);
}

std::string PrintText(const Report& report) {
  using Align = TextTable::Align;
  TextTable table({{"partition", Align::kRight},
                   {"records", Align::kRight},
                   {"ledger"},
                   {"dead letters", Align::kRight},
                   {"checkpoints", Align::kRight},
                   {"their pairs"},
                   {"replay from zero"}});
  const auto verdict = [&](Partition partition, Part part) -> TextTable::Cell {
    if (Sound(report, partition, part)) return {"sound", Colour::kGreen};
    return {"DAMAGED", Colour::kRed};
  };
  for (const auto& [partition, checks] : report.partitions) {
    TextTable::Cell replay = verdict(partition, Part::kReplay);
    if (replay.colour == Colour::kGreen) replay.text = absl::StrCat(checks.replayed, " equal");
    table.Add({absl::StrCat(partition.value), Grouped(checks.records),
               verdict(partition, Part::kLedger), Grouped(checks.dead_letters),
               Grouped(checks.pairs_of), verdict(partition, Part::kState), std::move(replay)});
  }
  std::string out = table.Print();
  for (const Finding& finding : report.findings) {
    absl::StrAppend(&out, "\n", Paint(Colour::kRed, Place(finding)), ": ", Printable(finding.what));
  }
  absl::StrAppend(&out, report.findings.empty() ? "\nEverything is sound. " : "\n\n",
                  "Read and folded in ", PrintDuration(report.outcome.took), ".\n");
  return out;
}

absl::Status Verify(const CommonOptions& options) {
  auto folder = OpenForReading(options);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<Report> report = Check(options, **folder);
  if (!report.ok()) return report.status();
  absl::Status written = WriteOut(options.json ? PrintJson(*report) : PrintText(*report));
  if (!written.ok() || report->findings.empty()) return written;
  const Finding& first = report->findings.front();
  std::string message =
      absl::StrCat(report->findings.size(), " found, the first: ", Place(first), ": ", first.what);
  if (report->needs_newer_build && report->findings.size() == 1) {
    return absl::FailedPreconditionError(message);
  }
  if (report->unreachable == report->findings.size()) return absl::UnavailableError(message);
  absl::StrAppend(&message,
                  first.part == Part::kLedger
                      ? (report->bad_places
                             ? ". Restore the ledger from a backup or a replica; without one, "
                               "`gridledger copy --lose PARTITION/OFFSET` makes a ledger without "
                               "that record"
                             : ". Restore the ledger from a backup or a replica")
                      : ". The ledger can make the state anew: remove state/ (and a damaged "
                        "snapshot), then run `gridledger up`");
  return absl::DataLossError(message);
}

}  // namespace

void AddVerify(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<CommonOptions>();
  AddCommand(
      app,
      {.name = "verify",
       .summary = "Read the whole ledger and all states, and say what is damaged",
       .examples =
           "  gridledger verify --data city\n"
           "  gridledger verify --data city --json | jq .findings\n"
           "\n"
           "Reads every record (checksums, offsets without gaps, content), adds up every stored\n"
           "pair of the state and its snapshots, and replays the ledger from zero to each\n"
           "digest on record. Damage ends with 1 and names partition and offset. Works beside a\n"
           "running `gridledger up`. Dead letters are records that never were readable: they\n"
           "are counted, and no damage.\n"},
      options.get(), chosen, [options] { return Verify(*options); });
}

}  // namespace gridledger::cli
