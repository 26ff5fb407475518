#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/known_incidents.h"
#include "services/history/importing/row_order.h"
#include "services/history/mapping/lives/case_teller.h"

namespace gridledger::cli {
namespace {

// Up to where each round has told an incident, a group ahead of what is told: so that a row that
// comes to light in the midst of a life is known as such. A row that tells no state leaves one
// behind it as it is.
class TakenAhead {
 public:
  TakenAhead(std::unique_ptr<files::SortedFacts> rows, const std::vector<mapping::Target>& targets)
      : rows_(std::move(rows)), targets_(targets) {}

  // Groups come in order.
  absl::Status GoTo(uint64_t group) {
    if (started_ && group == group_) return absl::OkStatus();
    group_ = group;
    newest_.clear();
    if (!std::exchange(started_, true)) {
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    while (more_ && sorted_.place.group == group) {
      if (!ParseLayout(sorted_.entry, &row_)) {
        return absl::DataLossError("a sorted event does not parse");
      }
      const mapping::Event& event = row_.told;
      const mapping::Target* const target = event.state == 0 ? nullptr : &targets_[event.state - 1];
      const bool tells_state = target != nullptr && !target->tells_nothing;
      Newest& newest = newest_[event.incident_id][row_.round];
      const Place here{event.at_ms, event.version,
                       tells_state && target->phase == incident::Phase::kClosed};
      if (tells_state) newest.state = here;
      if (tells_state || !event.unit.empty()) newest.unit = here;
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Whether a row that `round` takes stands before one that an earlier round took, be it in this
  // import or in one that was cut off and goes on. What stands beside the end comes before it.
  bool IsBehind(const mapping::Event& event, int round, bool moves_state) const {
    const auto found = newest_.find(event.incident_id);
    if (found == newest_.end()) return false;
    for (const auto& [taken, newest] : found->second) {
      if (taken >= round) break;
      const Place& place = moves_state ? newest.state : newest.unit;
      const auto here = std::tie(event.at_ms, event.version);
      const auto there = std::tie(place.at_ms, place.version);
      if (here < there || (here == there && place.closes)) return true;
    }
    return false;
  }

 private:
  struct Place {
    int64_t at_ms = std::numeric_limits<int64_t>::min();
    int64_t version = 0;
    bool closes = false;
  };
  struct Newest {
    Place state;
    Place unit;
  };

  absl::Status Read() {
    const absl::StatusOr<bool> more = rows_->Next(&sorted_);
    if (!more.ok()) return more.status();
    more_ = *more;
    return absl::OkStatus();
  }

  const std::unique_ptr<files::SortedFacts> rows_;
  const std::vector<mapping::Target>& targets_;
  bool started_ = false;
  bool more_ = false;
  uint64_t group_ = 0;
  files::SortedFact sorted_;
  RoundEvent row_;
  absl::flat_hash_map<std::string, std::map<int, Newest>> newest_;  // by round; look-ups only
};

// Where an incident stood when the ledger last heard of it.
struct LastHeard {
  int64_t at_ms = 0;
  int64_t state_at_ms = 0;  // of more than its unit and its deadline
  bool closed = false;      // at the very instant `at_ms`
  int round = 0;            // that told so; 0 for another source, or a person
  int64_t version = std::numeric_limits<int64_t>::max();
};

absl::StatusOr<LastHeard> LastHeardOf(const KnownIncident& known, AllRows& all) {
  const auto is_state = [&](const KnownFact& fact) {
    if (fact.kind == v1::Fact::kDeadlineExtended) return false;
    return fact.kind != v1::Fact::kDispatched ||
           std::any_of(all.targets.begin(), all.targets.end(),
                       [](const mapping::Target& target) { return target.fact.has_dispatched(); });
  };
  LastHeard last;
  std::vector<KnownFact> states;
  for (const KnownFact& fact : known.facts) {
    last.at_ms = std::max(last.at_ms, fact.happened_at_ms);
    if (is_state(fact)) states.push_back(fact);
  }
  // The newest first: it is hardly ever another one.
  std::stable_sort(states.begin(), states.end(), [](const KnownFact& a, const KnownFact& b) {
    return a.happened_at_ms > b.happened_at_ms;
  });
  for (const KnownFact& fact : states) {
    const absl::StatusOr<const v1::Entry*> entry =
        all.options.known->Read(known.partition, fact.offset);
    if (!entry.ok()) return entry.status();
    // Another unit begins anew what the one before it had begun: inferred, it tells no state.
    if ((*entry)->fact().inferred()) continue;
    last.state_at_ms = fact.happened_at_ms;
    break;
  }
  for (const KnownFact& fact : known.facts) {
    if (!known.is_closed || fact.kind != v1::Fact::kClosed || fact.happened_at_ms != last.at_ms) {
      continue;
    }
    const absl::StatusOr<const v1::Entry*> entry =
        all.options.known->Read(known.partition, fact.offset);
    if (!entry.ok()) return entry.status();
    last.closed = true;
    const int round = RoundOf((*entry)->source().source(), all.source);
    if (round != 0) {  // one that the record knows, or nothing would have been read: CheckRounds
      last.round = round;
      last.version = (*entry)->source().version();
    }
  }
  return last;
}

// What the ledger has of an incident that others have said than one round.
class SaidBefore {
 public:
  struct Item {
    int64_t happened_at_ms = 0;
    v1::Fact::KindCase kind = v1::Fact::KIND_NOT_SET;
    int64_t due_at_ms = 0;  // 0 where it sets no deadline
  };

  static absl::StatusOr<SaidBefore> Of(const KnownIncident& known, const std::string& round,
                                       AllRows& all) {
    SaidBefore said;
    for (const KnownFact& fact : known.facts) {
      const absl::StatusOr<const v1::Entry*> entry =
          all.options.known->Read(known.partition, fact.offset);
      if (!entry.ok()) return entry.status();
      if ((*entry)->source().source() == round) continue;
      const v1::Fact& told = (*entry)->fact();
      said.items_.push_back({fact.happened_at_ms, fact.kind, told.deadline_extended().due_at_ms()});
      if (told.has_dispatched()) {
        said.units_.push_back({fact.happened_at_ms, said.units_.size(), told.dispatched().unit()});
      }
    }
    std::stable_sort(said.items_.begin(), said.items_.end(), [](const Item& a, const Item& b) {
      return a.happened_at_ms < b.happened_at_ms;
    });
    std::stable_sort(said.units_.begin(), said.units_.end(), [](const Unit& a, const Unit& b) {
      return a.happened_at_ms < b.happened_at_ms;
    });
    // Of those up to an instant the one counts that the ledger heard of last.
    for (size_t i = 1; i < said.units_.size(); ++i) {
      const Unit& before = said.units_[i - 1];
      Unit& unit = said.units_[i];
      if (before.order > unit.order) {
        unit.order = before.order;
        unit.name = before.name;
      }
    }
    return said;
  }

  // At that very instant, in the order of the ledger.
  absl::Span<const Item> At(int64_t at_ms) const {
    const auto begin = std::partition_point(items_.begin(), items_.end(), [&](const Item& item) {
      return item.happened_at_ms < at_ms;
    });
    const auto end = std::partition_point(
        begin, items_.end(), [&](const Item& item) { return item.happened_at_ms == at_ms; });
    return {items_.data() + (begin - items_.begin()), static_cast<size_t>(end - begin)};
  }
  // Empty before the first.
  absl::string_view UnitAt(int64_t at_ms) const {
    const auto behind = std::partition_point(units_.begin(), units_.end(), [&](const Unit& unit) {
      return unit.happened_at_ms <= at_ms;
    });
    return behind == units_.begin() ? absl::string_view() : std::prev(behind)->name;
  }

 private:
  struct Unit {
    int64_t happened_at_ms = 0;
    size_t order = 0;
    std::string name;
  };
  std::vector<Item> items_;  // by time
  std::vector<Unit> units_;  // likewise
};

class RowsPerEvent {
 public:
  RowsPerEvent(const v1::Mapping& mapping, std::vector<ImportInput>& inputs, RowStore& store,
               AllRows& all)
      : first_fact_(static_cast<uint32_t>(mapping.events().states_size() + 1)),
        final_closing_(mapping.events().after_closing() == v1::AFTER_CLOSING_VOID),
        inputs_(inputs),
        store_(store),
        all_(all),
        rounds_(all.read.rounds.begin(), all.read.rounds.end()) {}

  absl::Status Tell() {
    if (!store_.empty()) {
      auto reader = all_.by_incident->NewReader(Partition{0});
      if (!reader.ok()) return reader.status();
      ahead_ = std::make_unique<TakenAhead>(*std::move(reader), all_.targets);
    }
    return EachOfIncident<Case>(
        *all_.by_incident,
        [this](const files::SortedFact& sorted, Case& one) { return TellRow(sorted, one); });
  }

 private:
  struct Case {
    std::map<int, mapping::CaseTeller> tellers;  // by round
    std::map<int, SaidBefore> said;              // likewise
    Asked asked;
    LastHeard last;
    bool open = false;
    bool is_asked = false;
  };

  void Open(Case& one) {
    if (std::exchange(one.open, true)) return;
    ++all_.read.incidents;
    for (const int round : rounds_) one.tellers.emplace(round, first_fact_);
  }

  // When something is to be told of it.
  absl::Status Ask(Case& one) {
    if (std::exchange(one.is_asked, true)) return absl::OkStatus();
    absl::Status status = one.asked.Ask(row_.told.incident_id, row_.told.community, all_);
    if (!status.ok() || !one.asked.known()) return status;
    absl::StatusOr<LastHeard> last = LastHeardOf(*one.asked.known(), all_);
    if (last.ok()) one.last = *last;
    return last.status();
  }

  absl::Status TellRow(const files::SortedFact& sorted, Case& one) {
    if (!ParseLayout(sorted.entry, &row_)) {
      return absl::DataLossError("a sorted event does not parse");
    }
    Open(one);
    if (ahead_ != nullptr) {
      if (absl::Status status = ahead_->GoTo(sorted.place.group); !status.ok()) return status;
    }
    bool twice = false;
    for (auto& [round, teller] : one.tellers) {
      if (row_.round > round) continue;
      auto answer = mapping::CaseTeller::Answer::kTold;
      absl::Status status = teller.Tell(
          row_.told, &answer,
          [&](const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
            // A row of an earlier round may be the one that opens a later one's view of a life.
            return row_.round == round ? Put(sorted, one, teller.community(), place, told)
                                       : absl::OkStatus();
          });
      if (!status.ok()) return status;
      twice = round == all_.round && answer == mapping::CaseTeller::Answer::kTwice;
    }
    if (twice) {
      const RowOf at = RowOfPresent(inputs_, row_.present);
      inputs_[at.input].twice.Set(at.row);
    }
    if (twice || row_.round != all_.round) return absl::OkStatus();
    return store_.Take({.incident = sorted.place.group,
                        .content = row_.told.content,
                        .round = row_.round,
                        .row = row_.present});
  }

  bool IsOvertaken(const Case& one, const mapping::CaseTeller::Place& place,
                   const mapping::Observation& told) const {
    const bool closes = told.target_changed && told.target != 0 &&
                        all_.targets[told.target - 1].phase == incident::Phase::kClosed;
    // Where nothing opens an incident anew its end is one, whenever it is heard of.
    if (closes && final_closing_) return false;
    const LastHeard& last = one.last;
    if (place.at_ms < (told.target_changed ? last.state_at_ms : last.at_ms)) return true;
    // What stands at the very instant of the end comes before it, unless its version says
    // otherwise.
    if (place.at_ms == last.at_ms && last.closed && last.round != row_.round &&
        place.version <= last.version) {
      return true;
    }
    return ahead_ != nullptr && ahead_->IsBehind(row_.told, row_.round, told.target_changed);
  }

  // Takes off what an earlier round, or somebody else, has said already: a row that says more than
  // before repeats the rest.
  absl::Status LeaveOutSaid(Case& one, mapping::Observation& told) const {
    auto said = one.said.find(row_.round);
    if (said == one.said.end()) {
      absl::StatusOr<SaidBefore> before =
          SaidBefore::Of(*one.asked.known(), RoundName(all_.source, row_.round), all_);
      if (!before.ok()) return before.status();
      said = one.said.emplace(row_.round, *std::move(before)).first;
    }
    for (const SaidBefore::Item& item : said->second.At(told.happened_at_ms)) {
      if (told.target_changed && all_.targets[told.target - 1].fact.kind_case() == item.kind) {
        told.target_changed = false;
      }
      if (item.due_at_ms == told.new_due_at_ms) told.new_due_at_ms = 0;
    }
    if (said->second.UnitAt(told.happened_at_ms) == told.unit) told.unit_changed = false;
    return absl::OkStatus();
  }

  absl::Status Put(const files::SortedFact& sorted, Case& one, const std::string& community,
                   const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
    if (absl::Status status = Ask(one); !status.ok()) return status;
    told_.present = row_.present;
    told_.observation = told;
    told_.observation.overtaken = told.report.empty() && IsOvertaken(one, place, told);
    if (told_.observation.overtaken && one.asked.known()) {
      mapping::Observation& left = told_.observation;
      absl::Status status = LeaveOutSaid(one, left);
      const bool any = left.target_changed || left.unit_changed || left.new_due_at_ms != 0;
      if (!status.ok() || !any) return status;
    }
    return AddTold(told_, one.asked.known(), community,
                   {.at = FromMillis(place.at_ms),
                    .version = place.version,
                    .row = sorted.place.row,
                    .ordinal = place.ordinal,
                    .group = static_cast<uint64_t>(row_.round)},
                   all_);
  }

  const uint32_t first_fact_;
  const bool final_closing_;  // nothing opens an incident anew
  std::vector<ImportInput>& inputs_;
  RowStore& store_;
  AllRows& all_;
  const std::set<int> rounds_;  // that are told
  std::unique_ptr<TakenAhead> ahead_;
  RoundEvent row_;
  ToldRow told_;
};

}  // namespace

absl::Status TellRowsPerEvent(const v1::Mapping& mapping, std::vector<ImportInput>& inputs,
                              RowStore& store, AllRows& all) {
  return RowsPerEvent(mapping, inputs, store, all).Tell();
}

}  // namespace gridledger::cli
