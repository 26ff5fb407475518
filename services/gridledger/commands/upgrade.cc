// gridledger upgrade: raises partitions to a newer schema, once every program that folds them knows
// it.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/ledger_options.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::cli {
namespace {

struct UpgradeOptions {
  CommonOptions common;
  uint32_t to = engine::kNewestSchema;
  std::string reason;
  std::string by;
  bool yes = false;
};

// Where a partition stands, and what was done about it.
struct Standing {
  Partition partition;
  Offset end;
  absl::Time now;
  uint32_t schema = 0;
  absl::Status stopped;  // why it cannot be folded to its end, and so is not raised either
  std::vector<Offset> raised_by = {};
};

absl::StatusOr<std::vector<Standing>> ReadStandings(const CommonOptions& options,
                                                    host::Folder* folder) {
  host::View view;
  view.folder = folder;
  view.services = {host::AllServices().front()};  // every service has the same schemas
  view.through_damage = true;
  std::vector<Standing> standings;
  const absl::Status looked =
      FoldWatched(options, "folding", std::move(view), [&](const host::Seen& seen) {
        standings.push_back(Standing{seen.partition, seen.end, seen.now,
                                     seen.tasks.front().task->schema(), seen.status});
        return absl::OkStatus();
      });
  if (!looked.ok()) return looked;
  std::sort(standings.begin(), standings.end(),
            [](const Standing& a, const Standing& b) { return a.partition < b.partition; });
  return standings;
}

bool IsToBeRaised(const Standing& standing, uint32_t to) {
  return standing.stopped.ok() && standing.schema < to;
}

// An entry for each step: what others raise meanwhile makes ours void, and does no harm.
absl::Status Raise(const UpgradeOptions& options, EventLog& log, Standing* standing) {
  const absl::Time clock = host::SystemClock().Now();
  for (uint32_t from = standing->schema; from < options.to; ++from) {
    v1::Entry entry = engine::RaiseSchema(standing->partition, from, options.reason);
    v1::SchemaRaised& raised = *entry.mutable_schema_raised();
    raised.mutable_by()->set_role(v1::ROLE_SHIFT_LEADER);
    raised.mutable_by()->set_code(options.by);
    raised.set_happened_at_ms(absl::ToUnixMillis(clock));
    NewRecord record;
    // A history must not be carried to the present day by it: time stays where it is.
    record.timestamp = standing->now;
    engine::EncodeEntry(entry, "/gridledger/upgrade",
                        absl::StrCat(standing->partition.value, ".", from + 1), &record.headers,
                        &record.value);
    const auto offset = log.AppendAndWait(standing->partition, {std::move(record)});
    if (!offset.ok()) return offset.status();
    standing->raised_by.push_back(*offset);
    standing->schema = from + 1;
  }
  return absl::OkStatus();
}

absl::Status Print(const UpgradeOptions& options, const std::vector<Standing>& standings) {
  if (options.common.json) {
    nlohmann::ordered_json json = {{"knows", engine::kNewestSchema}, {"to", options.to}};
    json["partitions"] = nlohmann::ordered_json::array();
    for (const Standing& one : standings) {
      nlohmann::ordered_json row = {{"partition", one.partition.value},
                                    {"schema", one.schema},
                                    {"raised_by", nlohmann::ordered_json::array()}};
      for (const Offset by : one.raised_by) row["raised_by"].push_back(by.value);
      row["stopped"] = one.stopped.ok()
                           ? nlohmann::ordered_json(nullptr)
                           : nlohmann::ordered_json(std::string(one.stopped.message()));
      json["partitions"].push_back(std::move(row));
    }
    return WriteOut(JsonText(json));
  }
  using Align = TextTable::Align;
  TextTable table({{"partition", Align::kRight}, {"schema", Align::kRight}, {""}});
  int64_t left = 0, raised = 0;
  for (const Standing& one : standings) {
    std::string what;
    if (!one.stopped.ok()) {
      what = "cannot be folded to its end";
    } else if (!one.raised_by.empty()) {
      what =
          absl::StrCat("raised by record ", one.partition.value, "/", one.raised_by.back().value);
      ++raised;
    } else if (one.schema < options.to) {
      what = absl::StrCat("can be raised to ", options.to);
      ++left;
    }
    table.Add({absl::StrCat(one.partition.value), absl::StrCat(one.schema), std::move(what)});
    if (!one.stopped.ok()) table.AddNote(std::string(one.stopped.message()));
  }
  std::string sum;
  if (left > 0) {
    sum = absl::StrCat("\n", left, left == 1 ? " partition" : " partitions", " can be raised to ",
                       options.to,
                       ": add --reason TEXT --yes once every program that folds\nthis ledger knows "
                       "it. One that does not stops there, and a schema is never lowered.\n");
  } else if (raised == 0) {
    sum = absl::StrCat("\nNothing is to be raised to ", options.to, ".\n");
  }
  return WriteOut(absl::StrCat(table.Print(), sum));
}

absl::Status CheckOptions(const UpgradeOptions& options) {
  if (options.to > engine::kNewestSchema) {
    return absl::FailedPreconditionError(
        absl::StrCat("--to ", options.to, ": this program knows schemas up to ",
                     engine::kNewestSchema, ", and raises no partition beyond that"));
  }
  if (options.reason.size() > engine::kSchemaReasonMax) {
    return absl::InvalidArgumentError(absl::StrCat("--reason has ", options.reason.size(),
                                                   " bytes; ", engine::kSchemaReasonMax,
                                                   " are the most"));
  }
  if (options.yes && options.reason.empty()) {
    return absl::InvalidArgumentError(
        "a schema is raised for a --reason: somebody will ask for it one day");
  }
  if (!options.yes && !options.reason.empty()) {
    return absl::InvalidArgumentError(
        "a schema is never lowered again, and programs that do not know it stop: say --yes, too, "
        "when every program that folds this ledger knows it");
  }
  return absl::OkStatus();
}

absl::Status Upgrade(const UpgradeOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  auto folder = options.yes ? OpenToAppend(options.common) : OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  auto standings = ReadStandings(options.common, folder->get());
  if (!standings.ok()) return standings.status();
  absl::Status raised;
  for (Standing& one : *standings) {
    if (!options.yes || !raised.ok() || !IsToBeRaised(one, options.to)) continue;
    raised = Raise(options, (*folder)->log(), &one);
  }
  if (absl::Status printed = Print(options, *standings); !printed.ok()) return printed;
  for (const Standing& one : *standings) {
    if (raised.ok()) raised = one.stopped;
  }
  return raised;
}

}  // namespace

void AddUpgrade(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<UpgradeOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "upgrade",
       .summary = "Raise a ledger's schema, once every program that folds it knows the newer one",
       .examples =
           "  gridledger upgrade --data city\n"
           "  gridledger upgrade --data city --reason \"all run release 5\" --by L-002 --yes\n"
           "  gridledger upgrade --log kafka:127.0.0.1:9092/city --reason \"…\" --yes\n"
           "\n"
           "Without --yes it tells which partition stands at which schema, and changes nothing.\n"
           "Each partition is raised by a record of its own, step by step; from there on programs\n"
           "that know less stop at that record, and entries of the newer schema count. Before,\n"
           "such an entry is a dead letter, and can be retried once the partition is raised.\n"
           "Raised twice is raised once: the same command goes on after a stop. A folder has one\n"
           "writer: end a running city with `gridledger down` first.\n"},
      &options->common, chosen, [options] { return Upgrade(*options); });
  command->add_option("--to", options->to, "The schema; the newest that this program knows")
      ->type_name("N")
      ->check(WholeNumber(UINT32_MAX));
  command->add_option("--reason", options->reason, "Why it is raised, for the record")
      ->type_name("TEXT");
  command->add_option("--by", options->by, "Code of whoever decides it, for the record")
      ->type_name("CODE");
  command->add_flag("--yes", options->yes, "Raise them: it cannot be taken back");
}

}  // namespace gridledger::cli
