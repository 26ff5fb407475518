// gridledger replay: folds the ledger anew and compares the digests with those on record, or, where
// nothing is on record, with a second replay by another path.
#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/gridledger/digests/stored_digests.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct ReplayOptions {
  CommonOptions common;
  std::string from = "zero";
  std::string until;
  std::optional<int64_t> to_offset;
  std::string service;  // empty: all
};

// Where a task stood at the end of a replay.
struct Final {
  Offset end;
  Digest digest;
  std::string begun_at;
};

struct Compared {
  TaskId task;
  Offset at;
  std::string with;
  Digest expected;
  Digest replayed;

  bool equal() const { return expected == replayed; }
};

struct Outcome {
  ViewOutcome first;
  absl::btree_set<std::string> begun_at;
  std::optional<ViewOutcome> second;
  std::vector<Compared> compared;  // by task, then offset
  std::vector<MissingPart> missing;
};

absl::Status Fold(const ReplayOptions& options, const char* verb, const host::View& view,
                  absl::btree_map<TaskId, Final>* finals, ViewOutcome* outcome,
                  std::vector<MissingPart>* missing = nullptr) {
  return FoldWatched(
      options.common, verb, view,
      [&](const host::Seen& seen) {
        for (const host::SeenTask& one : seen.tasks) {
          (*finals)[one.task->id()] = Final{one.task->next(), one.task->digest(), one.begun_at};
        }
        return absl::OkStatus();
      },
      outcome, missing);
}

// Replays again, by another path, the partitions of tasks that have nothing to be compared with.
absl::Status FoldAgain(const ReplayOptions& options, host::View view,
                       const absl::btree_map<TaskId, Final>& firsts,
                       const absl::btree_set<TaskId>& alone, Outcome* outcome) {
  absl::btree_set<Partition> partitions;
  for (const TaskId& task : alone) partitions.insert(task.partition);
  view.partitions.assign(partitions.begin(), partitions.end());
  view.begin = view.begin == host::Begin::kZero ? host::Begin::kNewest : host::Begin::kZero;
  view.probes = nullptr;
  // The ledger may have grown in the meantime.
  Offset end;
  for (const auto& [task, first] : firsts) end = std::max(end, first.end);
  if (!view.until && !view.to) view.to = end;
  absl::btree_map<TaskId, Final> seconds;
  outcome->second.emplace();
  absl::Status status = Fold(options, "again", view, &seconds, &*outcome->second);
  if (!status.ok()) return status;
  for (const TaskId& task : alone) {
    const Final& first = firsts.at(task);
    const Final& second = seconds.at(task);
    outcome->compared.push_back(Compared{task, first.end,
                                         absl::StrCat("second replay from ", second.begun_at),
                                         second.digest, first.digest});
  }
  return absl::OkStatus();
}

absl::StatusOr<Outcome> Run(const ReplayOptions& options, host::Folder& folder, host::View view) {
  const auto recorded = ReadStoredDigests(folder, view.services);
  if (!recorded.ok()) return recorded.status();
  std::vector<host::Probe> probes = ProbesFor(*recorded);
  view.probes = &probes;
  Outcome outcome;
  absl::btree_map<TaskId, Final> finals;
  absl::Status status = Fold(options, "replaying", view, &finals, &outcome.first, &outcome.missing);
  if (!status.ok()) return status;
  const auto is_missing = [&](Partition partition) {
    return std::any_of(outcome.missing.begin(), outcome.missing.end(),
                       [&](const MissingPart& one) { return one.partition == partition; });
  };

  absl::btree_set<TaskId> alone;
  for (const auto& [task, final] : finals) {
    if (!is_missing(task.partition)) alone.insert(task);
    outcome.begun_at.insert(final.begun_at);
  }
  const bool bounded = view.until.has_value() || view.to.has_value();
  if (options.from == "snapshot" && outcome.begun_at == absl::btree_set<std::string>{"zero"}) {
    const std::string none =
        absl::StrCat("no snapshot in ", folder.path(), "/snapshots holds these services",
                     bounded ? " below that bound" : "");
    if (!bounded) {
      return absl::NotFoundError(
          absl::StrCat(none, ": use --from zero; import, simulate and up keep one at their end"));
    }
    // As a bound moves on, there is one or not: a script need not know.
    std::fprintf(stderr, "gridledger: %s: begun at zero\n", none.c_str());
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    const StoredDigest& expected = (*recorded)[i];
    const Final& final = finals.at(expected.task);
    // A snapshot that the replay began from says nothing about it.
    if (!probes[i].digest || expected.where == final.begun_at) continue;
    outcome.compared.push_back(
        Compared{expected.task, expected.at, expected.where, expected.digest, *probes[i].digest});
    if (!bounded || expected.at == final.end) alone.erase(expected.task);
  }
  if (!alone.empty()) {
    status = FoldAgain(options, view, finals, alone, &outcome);
    if (!status.ok()) return status;
  }
  std::stable_sort(outcome.compared.begin(), outcome.compared.end(),
                   [](const Compared& a, const Compared& b) {
                     return std::tie(a.task, a.at) < std::tie(b.task, b.at);
                   });
  return outcome;
}

bool AllEqual(const Outcome& outcome) {
  return std::all_of(outcome.compared.begin(), outcome.compared.end(),
                     [](const Compared& one) { return one.equal(); });
}

int64_t Rate(const ViewOutcome& outcome) {
  const double seconds = std::max(absl::ToDoubleSeconds(outcome.took), 0.001);
  return static_cast<int64_t>(static_cast<double>(outcome.records) / seconds);
}

std::string PrintJson(const ReplayOptions& options, const Outcome& outcome) {
  nlohmann::ordered_json json;
  json["from"] = options.from;
  json["begun_at"] = outcome.begun_at;
  if (!options.until.empty()) json["until"] = options.until;
  if (options.to_offset) json["to_offset"] = *options.to_offset;
  json["service"] = options.service.empty() ? "all" : options.service;
  json["records"] = outcome.first.records;
  json["seconds"] = absl::ToDoubleSeconds(outcome.first.took);
  json["records_per_second"] = Rate(outcome.first);
  json["equal"] = AllEqual(outcome);
  json["missing"] = JsonOf(outcome.missing);
  if (outcome.second) {
    json["second_replay"] = {{"records", outcome.second->records},
                             {"seconds", absl::ToDoubleSeconds(outcome.second->took)}};
  }
  json["compared"] = nlohmann::ordered_json::array();
  for (const Compared& one : outcome.compared) {
    json["compared"].push_back({{"service", one.task.service.text()},
                                {"partition", one.task.partition.value},
                                {"offset", one.at.value},
                                {"with", one.with},
                                {"expected", one.expected.Hex()},
                                {"replayed", one.replayed.Hex()},
                                {"equal", one.equal()}});
  }
  return JsonText(json);
}

std::string PrintText(const Outcome& outcome) {
  std::string out = absl::StrCat("Replayed ", Grouped(outcome.first.records), " records from ",
                                 absl::StrJoin(outcome.begun_at, " and "), " in ",
                                 PrintDuration(outcome.first.took), ": ",
                                 Grouped(Rate(outcome.first)), " records/s.\n");
  absl::btree_map<std::string, std::pair<int64_t, int64_t>> by_kind;  // equal, all
  TextTable different({{"task"}, {"compared with"}, {"expected"}, {"replayed"}});
  for (const Compared& one : outcome.compared) {
    auto& [equal, all] = by_kind[one.with];
    ++all;
    equal += one.equal() ? 1 : 0;
    if (one.equal()) continue;
    different.Add({engine::Describe(one.task, one.at),
                   one.with,
                   one.expected.Hex(),
                   {one.replayed.Hex(), Colour::kRed}});
  }
  for (const auto& [with, counts] : by_kind) {
    const auto& [equal, all] = counts;
    absl::StrAppend(&out,
                    Paint(equal == all ? Colour::kGreen : Colour::kRed,
                          absl::StrCat(equal, " of ", all, " digests equal")),
                    " to the ", with, ".\n");
  }
  if (outcome.compared.empty()) absl::StrAppend(&out, "The ledger is empty.\n");
  if (!different.empty()) absl::StrAppend(&out, "\n", different.Print());
  return out;
}

absl::StatusOr<host::View> ViewFor(const ReplayOptions& options, host::Folder& folder) {
  host::View view;
  view.folder = &folder;
  view.services = host::AllServices();
  if (!options.service.empty()) view.services = {*host::FindService(options.service)};
  view.begin = options.from == "snapshot" ? host::Begin::kSnapshot : host::Begin::kZero;
  if (options.to_offset) view.to = Offset{*options.to_offset};
  if (options.until.empty()) return view;
  const absl::StatusOr<policy::Zone> zone = ZoneOf(folder);
  if (!zone.ok()) return zone.status();
  const absl::StatusOr<absl::Time> until = ParseInstantOf("--until", options.until, *zone);
  if (!until.ok()) return until.status();
  view.until = *until;
  return view;
}

absl::Status Replay(const ReplayOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<host::View> view = ViewFor(options, **folder);
  if (!view.ok()) return view.status();
  const absl::StatusOr<Outcome> outcome = Run(options, **folder, *view);
  if (!outcome.ok()) return outcome.status();
  absl::Status written =
      WriteOut(options.common.json ? PrintJson(options, *outcome) : PrintText(*outcome));
  if (!written.ok()) return written;
  for (const Compared& one : outcome->compared) {
    if (one.equal()) continue;
    return absl::DataLossError(absl::StrCat(
        "the replay differs: ", one.task.service.text(), " partition ", one.task.partition.value,
        " offset ", one.at.value, ": the ", one.with, " has ", one.expected.Hex(), ", the replay ",
        one.replayed.Hex(), ". `gridledger verify` tells what is damaged"));
  }
  return EndOf(outcome->missing);
}

}  // namespace

void AddReplay(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "replay",
       .summary = "Fold the ledger anew and compare the digests",
       .examples = absl::StrCat(
           "  gridledger replay --data city\n"
           "  gridledger replay --data city --from snapshot --service metrics\n"
           "  gridledger replay --data city --until 2021-01-15 --json\n"
           "  gridledger replay --data city --to-offset 10000\n"
           "\n"
           "The whole ledger is compared with the checkpoints and snapshots on record, each at "
           "its\n"
           "own offset. A part of it, or a ledger without state, is replayed a second time: from "
           "the\n"
           "newest checkpoint or snapshot below the bound, or else from zero again. A difference\n"
           "ends with 1 and names service, partition and offset. Nothing in the folder changes;\n"
           "what does not fit the memory goes to a scratch folder beside the ledger for a while.\n"
           "\n",
           kInstantForms)},
      &options->common, chosen, [options] { return Replay(*options); });
  command->add_option("--from", options->from, "Where to begin")
      ->check(CLI::IsMember({"zero", "snapshot"}))
      ->capture_default_str();
  CLI::Option* until = command->add_option("--until", options->until,
                                           "Records until the partition's time passes it");
  until->type_name("INSTANT")->check(NotEmpty());
  command->add_option("--to-offset", options->to_offset, "Records below it, of each partition")
      ->type_name("N")
      ->check(WholeNumber(kOffsetMax))
      ->excludes(until);
  command->add_option("--service", options->service, "One service instead of all")
      ->check(CLI::IsMember({"dispatch", "escalation", "metrics", "audit"}));
}

}  // namespace gridledger::cli
