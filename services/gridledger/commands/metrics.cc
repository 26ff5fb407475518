// gridledger metrics: the indexes of GB/T 30428.4 as of any instant, each rate with its two
// numbers.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "services/answers/figures.h"
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

struct MetricsOptions {
  CommonOptions common;
  std::string as_of;  // empty: the ledger's present
  std::string by;     // empty: the total alone
};

struct Figures {
  policy::Zone zone;
  metrics::Sheet sheet;
  std::optional<absl::Time> present;  // of the ledger, as far as it was read; none: nothing was
  bool whole = true;                  // it was read to its end
};

// What a screen has room for.
struct Shown {
  const char* title;
  absl::string_view count;
};
constexpr Shown kShown[] = {{"reported", "reported"},     {"filed", "filed"},
                            {"closed", "closed"},         {"open", "open"},
                            {"due", "due_to_close"},      {"on time", "closed_on_time"},
                            {"missed", "deadline_missed"}};

std::string PrintText(const Figures& figures, const MetricsOptions& options) {
  using Align = TextTable::Align;
  std::vector<TextTable::Column> columns = {{options.by.empty() ? "" : options.by, Align::kLeft}};
  std::vector<const metrics::NamedCount*> counts;
  for (const Shown& shown : kShown) {
    columns.push_back({shown.title, Align::kRight});
    counts.push_back(metrics::FindCount(shown.count));
  }
  for (const metrics::Formula& formula : metrics::Formulas()) {
    columns.push_back({std::string(formula.chinese), Align::kRight});
  }
  TextTable table(std::move(columns));
  const auto add = [&](const std::string& key, const metrics::Row& row) {
    std::vector<TextTable::Cell> cells = {key};
    for (const metrics::NamedCount* count : counts) cells.emplace_back(Grouped(count->Of(row)));
    for (const metrics::Formula& formula : metrics::Formulas()) {
      const metrics::Rate rate = formula.Of(row);
      cells.emplace_back(metrics::PrintedRate(rate.numerator, rate.denominator));
    }
    table.Add(std::move(cells));
  };
  std::vector<answers::KeyedRow> rows;
  if (const auto dimension = answers::DimensionCalled(options.by)) {
    rows = answers::ChooseRows(figures.sheet, *dimension);
  }
  for (const auto& [key, row] : rows) add(key.empty() ? "—" : key, row);
  if (!rows.empty()) table.AddRule();
  add("total", figures.sheet.Total());

  std::string out =
      absl::StrCat("As of ", Paint(Colour::kBold, Rfc3339(figures.sheet.as_of, figures.zone)),
                   "\n\n", table.Print(), "\n");
  for (const metrics::Formula& formula : metrics::Formulas()) {
    absl::StrAppend(&out, formula.chinese, "  ", formula.name, " = ", formula.Text(), "\n");
  }
  if (figures.whole && figures.present && figures.sheet.as_of > *figures.present) {
    absl::StrAppend(&out, "\nThe ledger's present is ", Rfc3339(*figures.present, figures.zone),
                    ": what is reported or closed until the instant asked for will still count.\n");
  }
  return out;
}

absl::Status PrintMetrics(const MetricsOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<policy::Zone> zone = ZoneOf(**folder);
  if (!zone.ok()) return zone.status();
  Figures figures;
  figures.zone = *zone;
  host::View view;
  view.folder = folder->get();
  view.services = {*host::FindService("metrics")};
  view.together = true;
  if (!options.as_of.empty()) {
    const absl::StatusOr<absl::Time> until = ParseInstantOf("--as-of", options.as_of, *zone);
    if (!until.ok()) return until.status();
    view.until = *until;
  }
  // The first partitions wait until the last one's time is known.
  std::vector<const metrics::State*> states;
  const int partitions = (*folder)->log().partitions();
  const std::optional<absl::Time> asked = view.until;
  std::vector<MissingPart> missing;
  const absl::Status looked = FoldWatched(
      options.common, "counting", std::move(view),
      [&](const host::Seen& seen) {
        states.push_back(&host::MetricsOf(seen.tasks.front().task->subject()));
        if (seen.status.ok()) {
          const absl::StatusOr<Offset> end = (*folder)->log().End(seen.partition);
          if (!end.ok()) return end.status();
          figures.whole = figures.whole && seen.end == *end;
        } else {
          figures.whole = false;
        }
        if (seen.end > Offset{}) {
          figures.present = std::max(figures.present.value_or(seen.now), seen.now);
        }
        if (static_cast<int>(states.size()) < partitions) return absl::OkStatus();
        figures.sheet.as_of = asked.value_or(figures.present.value_or(absl::UnixEpoch()));
        for (const metrics::State* state : states) {
          metrics::Merge(metrics::AsOf(*state, figures.sheet.as_of), &figures.sheet);
        }
        return absl::OkStatus();
      },
      nullptr, &missing);
  if (!looked.ok()) return looked;
  absl::Status written = WriteOut(
      options.common.json
          ? JsonText(answers::FiguresJson(figures.sheet, figures.present, options.by, figures.zone))
          : PrintText(figures, options));
  return written.ok() ? EndOf(missing) : written;
}

}  // namespace

void AddMetrics(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<MetricsOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "metrics",
       .summary = "Counts and rates (立案率, 结案率, 按期结案率, 整治率) as of any instant",
       .examples = absl::StrCat(
           "  gridledger metrics --data city\n"
           "  gridledger metrics --data city --as-of 2021-02-01 --by category\n"
           "  gridledger metrics --data city --as-of 2021-02-01T00:00:00+08:00 --json | jq .total\n"
           "\n"
           "A case is due to close (应结案) when its deadline is at or before the as-of instant, "
           "and on\n"
           "time when it was closed at or before its deadline. The same instant gives the same\n"
           "figures whenever it is asked for.\n"
           "\n"
           "An hour is the hour of day at which incidents were reported, by the local clock.\n\n",
           kInstantForms)},
      &options->common, chosen, [options] { return PrintMetrics(*options); });
  command->add_option("--as-of", options->as_of, "The instant; default: the ledger's newest record")
      ->type_name("INSTANT")
      ->check(NotEmpty());
  command->add_option("--by", options->by, "A row for each of these, besides the total")
      ->check(CLI::IsMember({"category", "unit", "area", "community", "hour"}));
}

}  // namespace gridledger::cli
