#include "services/gridledger/terminal/city_screen.h"

#include <unistd.h>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/progress_line.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::cli {
namespace {

constexpr int kDecisionsShown = 12;
constexpr int kReadBatch = 1024;
constexpr int64_t kBefore = 64;  // records of each partition that the first picture looks back
constexpr int kWidthMin = 40;

// What a decision did, in a line.
std::string Describe(const v1::Fact& fact) {
  switch (fact.kind_case()) {
    case v1::Fact::kDispatched: {
      const v1::IncidentDispatched& to = fact.dispatched();
      if (to.member().empty()) return absl::StrCat("→ ", to.unit(), ", nobody on duty");
      return absl::StrCat("→ ", to.unit(), ", ", to.member(), " (of ", to.candidates_size(), ")");
    }
    case v1::Fact::kDeadlineWarned: return "yellow light";
    case v1::Fact::kDeadlineMissed: return "deadline missed";
    case v1::Fact::kEscalationRaised:
      return absl::StrCat("level ", fact.escalation_raised().level(), ": ",
                          fact.escalation_raised().post());
    default: return std::string(engine::FactType(fact));
  }
}

// How many rows of a terminal the text takes. Lines that are too long go on in the next row.
int RowsOf(absl::string_view text, int width) {
  int rows = 0;
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    std::string shown;
    bool in_colour_code = false;
    for (const char c : line) {
      if (c == '\033') in_colour_code = true;
      if (!in_colour_code) shown += c;
      if (c == 'm') in_colour_code = false;
    }
    rows += std::max(1, (DisplayWidth(shown) + width - 1) / width);
  }
  return rows;
}

// Ids of one's own data may hold anything; a line to be copied into a shell may not.
bool IsPlain(absl::string_view id) {
  return !id.empty() && id.front() != '-' && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '/';
  });
}

}  // namespace

CityScreen::CityScreen(host::Folder* folder, std::string data)
    : folder_(folder), data_(std::move(data)) {
  if (!IsScreen()) return;
  if (const absl::StatusOr<policy::Zone> zone = ZoneOf(*folder_); zone.ok()) zone_ = *zone;
  reader_ = folder_->log().NewReader();
  for (int p = 0; p < folder_->log().partitions(); ++p) {
    const absl::StatusOr<Offset> end = folder_->log().End(Partition{p});
    // Should it fail, the screen lacks decisions; the city's own readers tell what is wrong.
    const Offset from{end.ok() ? std::max<int64_t>(0, end->value - kBefore) : 0};
    if (end.ok()) reader_->Assign(Partition{p}, from).IgnoreError();
  }
}

bool CityScreen::IsScreen() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && term != nullptr && std::string(term) != "dumb";
}

void CityScreen::Show(const host::CityLook& look, int64_t reported) {
  if (!IsScreen()) return;
  ReadDecisions();
  // Home, the picture with each line's rest wiped, then the rest of the screen.
  const std::string picture = Picture(look, reported);
  std::string out = shown_at_ == absl::InfinitePast() ? "\033[2J\033[H" : "\033[H";
  for (const char c : picture) {
    if (c == '\n') out += "\033[K";
    out += c;
  }
  out += "\033[J";
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  shown_at_ = absl::Now();
}

void CityScreen::Leave() {
  if (IsScreen() && shown_at_ != absl::InfinitePast()) std::printf("\n");
}

void CityScreen::ReadDecisions() {
  const absl::Time now = absl::Now();
  v1::Entry entry;
  do {
    if (!reader_->Poll(absl::ZeroDuration(), kReadBatch, &batch_).ok()) return;
    for (const Record& record : batch_.records()) {
      if (!engine::DecodeEntry(record.value, &entry).ok() || !entry.has_decision()) continue;
      const bool recent = absl::AbsDuration(now - record.timestamp) < absl::Hours(12);
      const std::string at =
          FormatInstant(recent ? "%H:%M:%S  " : "%Y-%m-%d", record.timestamp, zone_);
      for (const v1::Fact& fact : entry.decision().facts()) {
        const std::string words =
            absl::StrFormat("%s  %-10s %-15s %s", at, entry.decision().service(),
                            fact.incident_id(), Describe(fact));
        decisions_.push_back({record.timestamp, fact.incident_id(), Printable(words)});
      }
    }
    // Partitions come one after the other, while a backlog is read.
    std::stable_sort(decisions_.begin(), decisions_.end(),
                     [](const Decision& a, const Decision& b) { return a.at < b.at; });
    const size_t too_many =
        decisions_.size() - std::min<size_t>(decisions_.size(), kDecisionsShown);
    decisions_.erase(decisions_.begin(), decisions_.begin() + static_cast<ptrdiff_t>(too_many));
  } while (!batch_.records().empty());
  // One for good, so that there is time to copy it.
  for (const Decision& decision : decisions_) {
    if (example_.empty() && IsPlain(decision.incident)) example_ = decision.incident;
  }
}

std::string CityScreen::Picture(const host::CityLook& look, int64_t reported) {
  const int width = std::max(kWidthMin, TerminalWidth(STDOUT_FILENO));
  const absl::Time now = absl::Now();
  using metrics::Count;
  const metrics::Row& t = look.totals;
  int64_t records = 0;
  std::map<std::string, std::pair<int64_t, int64_t>> services;  // lag, pending
  for (const host::TaskLook& task : look.tasks) {
    auto& [lag, pending] = services[task.task.service.text()];
    const Offset end = task.end.value_or(task.next);
    lag += end.value - task.next.value;
    pending += static_cast<int64_t>(task.pending);
    if (task.task.service == look.tasks.front().task.service) records += end.value;
  }
  const double since = absl::ToDoubleSeconds(now - shown_at_);
  const int64_t rate =
      records_before_ == 0 || since <= 0
          ? 0
          : static_cast<int64_t>(static_cast<double>(records - records_before_) / since);
  records_before_ = records;

  std::string out = absl::StrCat(
      Paint(Colour::kBold, "gridledger"), "  ", data_, "  ",
      FormatInstant("%Y-%m-%d %H:%M:%S %Ez", now, zone_), "  ",
      look.live ? Paint(Colour::kGreen, "live") : Paint(Colour::kYellow, "catching up"),
      address_.empty() ? "" : absl::StrCat("  ", Paint(Colour::kBold, address_)), "\n\n");
  TextTable city({{"incidents", TextTable::Align::kRight},
                  {"open", TextTable::Align::kRight},
                  {"closed", TextTable::Align::kRight},
                  {"rectified", TextTable::Align::kRight},
                  {"on time", TextTable::Align::kRight},
                  {"missed", TextTable::Align::kRight},
                  {"records", TextTable::Align::kRight},
                  {"per second", TextTable::Align::kRight}});
  city.Add({Grouped(look.incidents), Grouped(look.open), Grouped(look.closed),
            metrics::PrintedRate(t[Count::kSolved], t[Count::kFiled]),
            metrics::PrintedRate(t[Count::kClosedOnTime], t[Count::kDueToClose]),
            Grouped(t.DeadlineMissed()), Grouped(records), Grouped(rate)});
  absl::StrAppend(&out, city.Print(), "\n");
  std::vector<TextTable::Column> names = {{""}};
  std::vector<TextTable::Cell> lags = {"lag"};
  std::vector<TextTable::Cell> pendings = {"pending"};
  for (const auto& [service, at] : services) {
    names.push_back({service, TextTable::Align::kRight});
    lags.push_back({Grouped(at.first), at.first > 1000 ? Colour::kYellow : Colour::kNone});
    pendings.push_back(Grouped(at.second));
  }
  TextTable tasks(std::move(names));
  tasks.Add(std::move(lags));
  tasks.Add(std::move(pendings));
  absl::StrAppend(&out, tasks.Print(), "\n");
  for (const engine::Live::Stopped& stopped : look.stopped) {
    absl::StrAppend(
        &out,
        Paint(Colour::kRed, FitTo(absl::StrCat("partition ", stopped.partition.value,
                                               " stopped: ", std::string(stopped.why.message())),
                                  width)),
        "\n");
  }
  absl::StrAppend(
      &out, Paint(Colour::kBold, "newest decisions"),
      reported > 0 ? absl::StrCat("   (simulated people have said ", Grouped(reported), " things)")
                   : "",
      "\n");
  const std::string below = absl::StrCat(
      "\n", Paint(Colour::kDim, "Try in another terminal"), "\n", "  gridledger metrics  --data ",
      data_, " --by category\n", "  gridledger incident --data ", data_, " ",
      example_.empty() ? "ID" : example_, "\n", "  gridledger replay   --data ", data_, "\n",
      Paint(Colour::kDim, "Your own city (a worked example: deploy/mappings/boston311.yaml)"),
      "\n  gridledger import --data mycity --mapping MAPPING.yaml FILE.csv.gz\n",
      Paint(Colour::kDim, "Ctrl-C ends it; the same command goes on from there."), "\n");
  // The rest of the screen is for decisions; its last row holds the cursor.
  const int room = TerminalHeight(STDOUT_FILENO) - 1 - RowsOf(out, width) - RowsOf(below, width);
  const size_t shown = std::clamp<int>(room, 1, kDecisionsShown);
  for (size_t i = 0; i < shown; ++i) {
    if (i < decisions_.size()) {
      absl::StrAppend(&out, FitTo(decisions_[decisions_.size() - 1 - i].words, width));
    }
    out += '\n';
  }
  absl::StrAppend(&out, below);
  return out;
}

}  // namespace gridledger::cli
