// gridledger incidents: the incidents themselves behind a figure, as of any instant: the open ones
// (the open balance), those that are overdue, one unit's, one category's.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

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
  bool all = false;
  bool overdue = false;
  std::string unit, category, area;
};

struct Listed {
  IncidentId id;
  Partition partition;
  incident::Incident is;
};

struct List {
  policy::Zone zone;
  absl::Time as_of;
  std::vector<Listed> items;
  std::vector<MissingPart> missing;
};

// Open, with a deadline that has passed while the clock ran.
bool IsOverdue(const incident::Incident& is, absl::Time at) {
  return incident::IsOpenCase(is.phase) && is.due_at && *is.due_at < at &&
         !incident::StandsBefore(is.paused_at, is.due_at);
}

absl::string_view PlaceOf(const incident::Incident& is) {
  return is.area.empty() ? is.community.text() : is.area.text();
}

bool IsAskedFor(const IncidentsOptions& options, const incident::Incident& is) {
  if (!options.all && !incident::IsOpen(is.phase)) return false;
  if (!options.unit.empty() && is.unit.text() != options.unit) return false;
  if (!options.category.empty() && is.category.text() != options.category) return false;
  return options.area.empty() || is.area.text() == options.area ||
         is.community.text() == options.area;
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
  absl::Time present = absl::UnixEpoch();
  const absl::Status looked = FoldWatched(
      options.common, "looking", std::move(view),
      [&](const host::Seen& seen) {
        present = std::max(present, seen.now);
        seen.tasks.front().task->incidents().incidents.Scan(
            [&](const IncidentId& id, const incident::Incident& is) {
              if (IsAskedFor(options, is)) list->items.push_back({id, seen.partition, is});
            });
        return absl::OkStatus();
      },
      nullptr, &list->missing);
  if (!looked.ok()) return looked;
  list->as_of = asked.value_or(present);
  if (options.overdue) {
    std::erase_if(list->items, [&](const Listed& one) { return !IsOverdue(one.is, list->as_of); });
  }
  // The most urgent first; those without a deadline last, the oldest of them first.
  std::sort(list->items.begin(), list->items.end(), [](const Listed& a, const Listed& b) {
    const auto rank = [](const Listed& one) {
      return std::tuple(one.is.due_at.value_or(absl::InfiniteFuture()), one.is.reported_at);
    };
    return rank(a) != rank(b) ? rank(a) < rank(b)
                              : std::tie(a.id, a.partition) < std::tie(b.id, b.partition);
  });
  return absl::OkStatus();
}

std::string PrintJson(const List& list) {
  const auto instant = [&](const std::optional<absl::Time>& at) {
    return at ? nlohmann::ordered_json(Rfc3339(*at, list.zone)) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json json;
  json["as_of"] = Rfc3339(list.as_of, list.zone);
  json["count"] = list.items.size();
  json["missing"] = JsonOf(list.missing);
  json["incidents"] = nlohmann::ordered_json::array();
  for (const Listed& one : list.items) {
    json["incidents"].push_back({{"id", one.id.text()},
                                 {"partition", one.partition.value},
                                 {"phase", std::string(incident::PhaseName(one.is.phase))},
                                 {"category", one.is.category.text()},
                                 {"community", one.is.community.text()},
                                 {"area", one.is.area.text()},
                                 {"unit", one.is.unit.text()},
                                 {"member", one.is.member.text()},
                                 {"reported_at", instant(one.is.reported_at)},
                                 {"filed_at", instant(one.is.filed_at)},
                                 {"due_at", instant(one.is.due_at)},
                                 {"closed_at", instant(one.is.closed_at)},
                                 {"paused", one.is.paused_at.has_value()},
                                 {"overdue", IsOverdue(one.is, list.as_of)},
                                 {"level", one.is.level}});
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
    const bool late = IsOverdue(one.is, list.as_of);
    overdue += late ? 1 : 0;
    const std::string due = one.is.due_at ? ShownInstant(*one.is.due_at, list.zone) : "—";
    table.Add({Printable(one.id.text()),
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
  command->add_flag("--all", options->all, "Also those that are closed, refused, void or merged");
  command->add_flag("--overdue", options->overdue, "Only open ones whose deadline has passed");
  command->add_option("--unit", options->unit, "Only that unit's")
      ->type_name("CODE")
      ->check(NotEmpty());
  command->add_option("--category", options->category, "Only that category's")
      ->type_name("CODE")
      ->check(NotEmpty());
  command->add_option("--area", options->area, "Only that grid's, area's or community's")
      ->type_name("CODE")
      ->check(NotEmpty());
}

}  // namespace gridledger::cli
