#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "services/base/layout.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/known_incidents.h"
#include "services/history/importing/row_order.h"
#include "services/history/mapping/lives/case_teller.h"
#include "services/history/mapping/lives/life_teller.h"

namespace gridledger::cli {
namespace {

class RowsPerIncident {
 public:
  RowsPerIncident(std::vector<ImportInput>& inputs, RowStore& store, AllRows& all)
      : inputs_(inputs),
        store_(store),
        all_(all),
        rounds_(all.read.rounds.begin(), all.read.rounds.end()) {}

  absl::Status Tell() {
    auto left_out = files::FactSorter::Open({.memory_bytes = all_.options.memory_bytes / 8,
                                             .temp_folder = all_.options.temp_folder,
                                             .partitions = 1});
    if (!left_out.ok()) return left_out.status();
    left_out_ = *std::move(left_out);
    absl::Status status = EachOfIncident<One>(
        *all_.by_incident,
        [this](const files::SortedFact& sorted, One& one) { return TellRow(sorted, one); });
    if (status.ok()) status = RejectLeftOut();
    return status;
  }

 private:
  // The first row of an incident in an input.
  struct First {
    int64_t line = 0;
    uint32_t input = 0;
    uint64_t content = 0;
  };
  // A row with the id of another one.
  struct LeftOut {
    int64_t line = 0;
    int64_t first_line = 0;
    template <class A>
    void Fields(A& a) {
      a(line, first_line);
    }
  };
  struct One {
    std::string community;  // of the first of all: an incident stays where it is
    std::vector<First> firsts;
    std::vector<std::string> reports;                 // that these rows tell
    std::vector<std::pair<uint32_t, int64_t>> steps;  // likewise: target, and when it happened
    Asked asked;
  };

  absl::Status TellRow(const files::SortedFact& sorted, One& one) {
    if (!ParseLayout(sorted.entry, &row_)) {
      return absl::DataLossError("a sorted row does not parse");
    }
    const RowOf at = RowOfPresent(inputs_, row_.present);
    const bool is_new = row_.round == all_.round;
    for (const First& first : one.firsts) {
      if (!is_new) break;
      if (first.content == row_.told.content) {
        inputs_[at.input].twice.Set(at.row);
        return absl::OkStatus();
      }
      if (first.input == at.input) return LeaveOut(at, first);
    }
    absl::Status status;
    if (is_new || rounds_.contains(row_.round)) {
      status = one.asked.Ask(row_.told.incident_id, row_.told.community, all_);
      if (!status.ok()) return status;
    }
    // What was kept because of its id, and has it still, is no later word.
    if (is_new && one.asked.known() && inputs_[at.input].corrects) return LeaveOut(at, First());
    if (one.firsts.empty()) {
      ++all_.read.incidents;
      one.community = row_.told.community;
    }
    one.firsts.push_back({row_.line, static_cast<uint32_t>(at.input), row_.told.content});
    if (is_new) {
      status = store_.Take({.incident = sorted.place.group,
                            .content = row_.told.content,
                            .round = row_.round,
                            .row = row_.present});
      if (!status.ok()) return status;
    }
    if (rounds_.contains(row_.round)) {
      if (is_new && (one.asked.known() || one.firsts.size() > 1)) ++all_.read.changed;
      status = TellLife(sorted.place.row, one);
      if (!status.ok()) return status;
    }
    one.reports.push_back(row_.told.report);
    for (const mapping::Life::Step& step : row_.told.steps) {
      one.steps.emplace_back(step.target, step.happened_at_ms);
    }
    return absl::OkStatus();
  }

  absl::Status LeaveOut(const RowOf& at, const First& first) {
    inputs_[at.input].twice.Set(at.row);
    all_.late[at.input].Set(at.row);
    LeftOut left_out{row_.line, first.line};
    all_.bytes.clear();
    AppendLayout(left_out, &all_.bytes);
    return left_out_->Add(Partition{0}, {.at = absl::UnixEpoch(), .row = row_.present}, "",
                          all_.bytes);
  }

  // In the order of the rows.
  absl::Status RejectLeftOut() {
    if (absl::Status status = left_out_->Finish(); !status.ok()) return status;
    auto reader = left_out_->NewReader(Partition{0});
    if (!reader.ok()) return reader.status();
    files::SortedFact sorted;
    LeftOut left_out;
    size_t input = 0;
    while (true) {
      const absl::StatusOr<bool> more = (*reader)->Next(&sorted);
      if (!more.ok()) return more.status();
      if (!*more) return all_.rejected[input]->Pause();
      if (!ParseLayout(sorted.entry, &left_out)) {
        return absl::DataLossError("a sorted rejection does not parse");
      }
      const RowOf at = RowOfPresent(inputs_, sorted.place.row);
      if (at.input != input) {
        if (absl::Status paused = all_.rejected[input]->Pause(); !paused.ok()) return paused;
        input = at.input;
      }
      absl::Status rejected =
          all_.Reject(inputs_[at.input], static_cast<uint32_t>(at.input), left_out.line,
                      static_cast<int64_t>(at.row), all_.options.id_column, "the id of another row",
                      left_out.first_line == 0 ? ", which is in the ledger"
                                               : absl::StrCat(", at line ", left_out.first_line));
      if (!rejected.ok()) return rejected;
    }
  }

  // What nobody has told of it.
  absl::Status TellLife(uint64_t number, const One& one) {
    return mapping::TellLife(row_.told,
                             [&](const mapping::CaseTeller::Place& place,
                                 const mapping::Observation& told) -> absl::Status {
                               const absl::StatusOr<bool> is_told = IsTold(told, one);
                               if (!is_told.ok() || *is_told) return is_told.status();
                               told_.present = row_.present;
                               told_.observation = told;
                               return AddTold(told_, one.asked.known(), one.community,
                                              {.at = FromMillis(place.at_ms),
                                               .version = place.version,
                                               .row = number,
                                               .ordinal = place.ordinal,
                                               .group = static_cast<uint64_t>(row_.round)},
                                              all_);
                             });
  }

  // Whether a row before it says so, or the ledger.
  absl::StatusOr<bool> IsTold(const mapping::Observation& told, const One& one) {
    const std::optional<KnownIncident>& known = one.asked.known();
    v1::Fact fact;
    if (!told.report.empty()) {
      if (std::count(one.reports.begin(), one.reports.end(), told.report) > 0) return true;
      if (!known) return false;
      if (!fact.ParseFromString(told.report)) {
        return absl::DataLossError("a sorted report does not parse");
      }
      return IsKnown(fact, *known);
    }
    const std::pair<uint32_t, int64_t> step(told.target, told.happened_at_ms);
    if (std::count(one.steps.begin(), one.steps.end(), step) > 0) return true;
    if (!known) return false;
    fact = all_.targets[told.target - 1].fact;
    fact.set_happened_at_ms(told.happened_at_ms);
    return IsKnown(fact, *known);
  }

  // Whether somebody has said that of the incident, but for this round itself: what it has told
  // before it was cut off is told as what it was.
  absl::StatusOr<bool> IsKnown(const v1::Fact& fact, const KnownIncident& known) {
    for (const KnownFact& there : known.facts) {
      if (there.kind != fact.kind_case() || there.happened_at_ms != fact.happened_at_ms()) continue;
      if (row_.round == all_.round && !fact.has_reported()) return true;
      const absl::StatusOr<const v1::Entry*> entry =
          all_.options.known->Read(known.partition, there.offset);
      if (!entry.ok()) return entry.status();
      if ((*entry)->source().source() == RoundName(all_.source, row_.round)) continue;
      if (!fact.has_reported() || IsSameReport((*entry)->fact(), fact)) return true;
    }
    return false;
  }

  static bool IsSameReport(const v1::Fact& a, const v1::Fact& b) {
    return a.reported().SerializeAsString() == b.reported().SerializeAsString();
  }

  std::vector<ImportInput>& inputs_;
  RowStore& store_;
  AllRows& all_;
  const std::set<int> rounds_;
  std::unique_ptr<files::FactSorter> left_out_;
  RoundLife row_;
  ToldRow told_;
};

}  // namespace

absl::Status TellRowsPerIncident(std::vector<ImportInput>& inputs, RowStore& store, AllRows& all) {
  return RowsPerIncident(inputs, store, all).Tell();
}

}  // namespace gridledger::cli
