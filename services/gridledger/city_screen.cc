#include "services/gridledger/city_screen.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "services/gridledger/terminal.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::cli {
namespace {

constexpr size_t kDecisionsShown = 8;
constexpr int kReadBatch = 1024;
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

}  // namespace

CityScreen::CityScreen(host::Folder* folder, std::string data)
    : folder_(folder), data_(std::move(data)) {
  if (!IsScreen()) return;
  reader_ = folder_->log().NewReader();
  for (int p = 0; p < folder_->log().partitions(); ++p) {
    const absl::StatusOr<Offset> end = folder_->log().End(Partition{p});
    if (end.ok()) reader_->Assign(Partition{p}, *end).IgnoreError();  // only the newest are shown
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
  v1::Entry entry;
  do {
    if (!reader_->Poll(absl::ZeroDuration(), kReadBatch, &batch_).ok()) return;
    for (const Record& record : batch_.records()) {
      if (!engine::DecodeEntry(record.value, &entry).ok() || !entry.has_decision()) continue;
      for (const v1::Fact& fact : entry.decision().facts()) {
        decisions_.push_back(absl::StrCat(
            absl::FormatTime("%H:%M:%S", record.timestamp, absl::LocalTimeZone()), "  ",
            absl::StrFormat("%-10s ", entry.decision().service()),
            absl::StrFormat("%-15s ", Printable(fact.incident_id())), Printable(Describe(fact))));
        if (decisions_.size() > kDecisionsShown) decisions_.pop_front();
      }
    }
  } while (!batch_.records().empty());
}

std::string CityScreen::Picture(const host::CityLook& look, int64_t reported) {
  const int width = std::max(kWidthMin, TerminalWidth(STDOUT_FILENO));
  const absl::Time now = absl::Now();
  const metrics::Row& t = look.totals;
  int64_t records = 0;
  std::map<std::string, std::pair<int64_t, int64_t>> services;  // lag, pending
  for (const host::TaskLook& task : look.tasks) {
    auto& [lag, pending] = services[task.task.service.text()];
    lag += task.end.value - task.next.value;
    pending += static_cast<int64_t>(task.pending);
    if (task.task.service == look.tasks.front().task.service) records += task.end.value;
  }
  const double since = absl::ToDoubleSeconds(now - shown_at_);
  const int64_t rate =
      records_before_ == 0 || since <= 0
          ? 0
          : static_cast<int64_t>(static_cast<double>(records - records_before_) / since);
  records_before_ = records;

  std::string out = absl::StrCat(
      Paint(Colour::kBold, "gridledger"), "  ", data_, "  ",
      absl::FormatTime("%Y-%m-%d %H:%M:%S", now, absl::LocalTimeZone()), "  ",
      look.live ? Paint(Colour::kGreen, "live") : Paint(Colour::kYellow, "catching up"), "\n\n");
  TextTable city({{"incidents", TextTable::Align::kRight},
                  {"open", TextTable::Align::kRight},
                  {"closed", TextTable::Align::kRight},
                  {"rectified", TextTable::Align::kRight},
                  {"on time", TextTable::Align::kRight},
                  {"missed", TextTable::Align::kRight},
                  {"records", TextTable::Align::kRight},
                  {"per second", TextTable::Align::kRight}});
  city.Add({Grouped(look.incidents), Grouped(look.open), Grouped(look.closed),
            metrics::PrintedRate(t.closed, t.filed),
            metrics::PrintedRate(t.closed_on_time, t.due_to_close), Grouped(t.deadline_missed()),
            Grouped(records), Grouped(rate)});
  absl::StrAppend(&out, city.Print(), "\n");
  TextTable tasks(
      {{"service"}, {"lag", TextTable::Align::kRight}, {"pending", TextTable::Align::kRight}});
  for (const auto& [service, at] : services) {
    tasks.Add({service,
               {Grouped(at.first), at.first > 1000 ? Colour::kYellow : Colour::kNone},
               Grouped(at.second)});
  }
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
  for (size_t i = 0; i < kDecisionsShown; ++i) {
    absl::StrAppend(
        &out, i < decisions_.size() ? FitTo(decisions_[decisions_.size() - 1 - i], width) : "",
        "\n");
  }
  absl::StrAppend(
      &out, "\n", Paint(Colour::kDim, "Try in another terminal"), "\n",
      "  gridledger metrics  --data ", data_, " --by category\n", "  gridledger incident --data ",
      data_, " YT-00000042\n", "  gridledger replay   --data ", data_, "\n",
      Paint(Colour::kDim, "Your own city"), "\n",
      "  gridledger import --data mycity --mapping deploy/mappings/boston311.yaml FILE.csv.gz\n",
      Paint(Colour::kDim, "Ctrl-C ends it; nothing is lost."), "\n");
  return out;
}

}  // namespace gridledger::cli
