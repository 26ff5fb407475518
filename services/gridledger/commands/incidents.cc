// gridledger incidents: the incidents themselves behind a figure, as of any instant: the open ones
// (the open balance), those that are overdue, one unit's, one category's.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/answers/incident_row.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct IncidentsOptions {
  CommonOptions common;
  std::string as_of;  // empty: the ledger's present
  answers::IncidentFilter filter;
};

struct Listed {
  answers::UrgencyKey key;
  incident::Incident is;
};

struct List {
  policy::Zone zone;
  absl::Time as_of;
  std::vector<Listed> items;
  std::vector<MissingPart> missing;
};

absl::string_view PlaceOf(const incident::Incident& is) {
  return is.area.empty() ? is.community.text() : is.area.text();
}

absl::Status Find(const IncidentsOptions& options, host::Folder& folder, List* list) {
  host::View view;
  view.folder = &folder;
  view.services = {*host::FindService("metrics")};
  if (!options.as_of.empty()) {
    const absl::StatusOr<absl::Time> until = ParseInstantOf("--as-of", options.as_of, list->zone);
    if (!until.ok()) return until.status();
    view.until = *until;
  }
  const std::optional<absl::Time> asked = view.until;
  // What is overdue hangs on the latest time of all partitions.
  answers::IncidentFilter filter = options.filter;
  filter.overdue = false;
  absl::Time present = absl::UnixEpoch();
  const absl::Status looked = FoldWatched(
      options.common, "looking", std::move(view),
      [&](const host::Seen& seen) {
        present = std::max(present, seen.now);
        seen.tasks.front().task->incidents().incidents.Scan(
            [&](const IncidentId& id, const incident::Incident& is) {
              if (!filter.Fits(id, is, seen.now)) return;
              list->items.push_back({answers::UrgencyOf(id, seen.partition, is), is});
            });
        return absl::OkStatus();
      },
      nullptr, &list->missing);
  if (!looked.ok()) return looked;
  list->as_of = asked.value_or(present);
  if (options.filter.overdue) {
    std::erase_if(list->items,
                  [&](const Listed& one) { return !answers::IsOverdue(one.is, list->as_of); });
  }
  std::sort(list->items.begin(), list->items.end(),
            [](const Listed& a, const Listed& b) { return a.key < b.key; });
  return absl::OkStatus();
}

std::string PrintJson(const List& list) {
  nlohmann::ordered_json json;
  json["as_of"] = Rfc3339(list.as_of, list.zone);
  json["count"] = list.items.size();
  json["missing"] = JsonOf(list.missing);
  json["incidents"] = nlohmann::ordered_json::array();
  for (const Listed& one : list.items) {
    json["incidents"].push_back(
        answers::RowJson(one.key.id, one.key.partition, one.is, list.as_of, list.zone));
  }
  return JsonText(json);
}

std::string PrintText(const List& list) {
  TextTable table({{"incident"},
                   {"phase"},
                   {"due"},
                   {"reported"},
                   {"category"},
                   {"place"},
                   {"unit"},
                   {"member"}});
  int64_t overdue = 0;
  for (const Listed& one : list.items) {
    const bool late = answers::IsOverdue(one.is, list.as_of);
    overdue += late ? 1 : 0;
    const std::string due = one.is.due_at ? ShownInstant(*one.is.due_at, list.zone) : "—";
    table.Add({Printable(one.key.id.text()),
               absl::StrCat(incident::PhaseName(one.is.phase), one.is.paused_at ? ", paused" : ""),
               TextTable::Cell(due, late ? Colour::kRed : Colour::kNone),
               ShownInstant(one.is.reported_at, list.zone), Printable(one.is.category.text()),
               Printable(PlaceOf(one.is)), Printable(one.is.unit.text()),
               Printable(one.is.member.text())});
  }
  return absl::StrCat(list.items.empty() ? "" : absl::StrCat(table.Print(), "\n"), "As of ",
                      Rfc3339(list.as_of, list.zone), ": ",
                      Grouped(static_cast<int64_t>(list.items.size())), " incidents, ",
                      Grouped(overdue), " overdue.\n");
}

absl::Status ListIncidents(const IncidentsOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<policy::Zone> zone = ZoneOf(**folder);
  if (!zone.ok()) return zone.status();
  List list{.zone = *zone, .as_of = {}, .items = {}, .missing = {}};
  if (absl::Status status = Find(options, **folder, &list); !status.ok()) return status;
  absl::Status written = WriteOut(options.common.json ? PrintJson(list) : PrintText(list));
  return written.ok() ? EndOf(list.missing) : written;
}

}  // namespace

void AddIncidents(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<IncidentsOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "incidents",
       .summary = "The incidents behind a figure: the open balance, the overdue, one unit's",
       .examples = absl::StrCat(
           "  gridledger incidents --data city                      all open ones\n"
           "  gridledger incidents --data city --overdue --unit sanitation\n"
           "  gridledger incidents --data city --as-of 2021-01-15 --json | jq .count\n"
           "\n"
           "Open ones unless --all is given, the most urgent first. Their number is `open` of\n"
           "`gridledger metrics` as of the same instant.\n\n",
           kInstantForms)},
      &options->common, chosen, [options] { return ListIncidents(*options); });
  command->add_option("--as-of", options->as_of, "The instant; default: the ledger's newest record")
      ->type_name("INSTANT")
      ->check(NotEmpty());
  command->add_flag("--all", options->filter.all,
                    "Also those that are closed, refused, void or merged");
  command->add_flag("--overdue", options->filter.overdue,
                    "Only open ones whose deadline has passed");
  command->add_option("--unit", options->filter.unit, "Only that unit's")
      ->type_name("CODE")
      ->check(NotEmpty());
  command->add_option("--category", options->filter.category, "Only that category's")
      ->type_name("CODE")
      ->check(NotEmpty());
  command->add_option("--area", options->filter.area, "Only that grid's, area's or community's")
      ->type_name("CODE")
      ->check(NotEmpty());
}

}  // namespace gridledger::cli
