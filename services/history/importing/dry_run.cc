#include "services/history/importing/dry_run.h"

#include <absl/container/btree_map.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/history/mapping/lives/case_teller.h"
#include "services/history/mapping/lives/life_teller.h"

namespace gridledger::cli {
namespace {

constexpr size_t kSorterBytes = size_t{64} << 20;
constexpr int64_t kOffsetsMax = 100'000;  // facts in memory × ~300 B = 30 MB; then a new ledger

}  // namespace

absl::StatusOr<std::unique_ptr<DryRun>> DryRun::Make(const v1::Mapping& mapping,
                                                     const v1::Policy& policy,
                                                     const std::string& temp_folder) {
  absl::StatusOr<mapping::LifeWalk::Setting> setting = mapping::LifeWalk::SettingOf(mapping);
  if (!setting.ok()) return setting.status();
  // Else a service would send it there.
  if (setting->default_unit.empty()) setting->default_unit = policy.default_unit();
  std::unique_ptr<DryRun> lives(new DryRun(
      *std::move(setting), static_cast<uint32_t>(mapping.events().states_size() + 1), policy));
  auto sorter = files::FactSorter::Open(
      {.memory_bytes = kSorterBytes, .temp_folder = temp_folder, .partitions = 1});
  if (!sorter.ok()) return sorter.status();
  lives->sorter_ = *std::move(sorter);
  lives->NewLedger();
  return lives;
}

template <class T>
absl::Status DryRun::Put(Row<T> row, absl::Time at, int64_t version) {
  bytes_.clear();
  AppendLayout(row, &bytes_);
  return sorter_->Add(Partition{0},
                      {.at = at,
                       .version = version,
                       .row = static_cast<uint64_t>(row.row),
                       .group = Fingerprint(row.told.incident_id)},
                      "", bytes_);
}

absl::Status DryRun::Add(const mapping::Event& event, int64_t row, int64_t line) {
  return Put(Row<mapping::Event>{row, line, event}, FromMillis(event.at_ms), event.version);
}

absl::Status DryRun::Add(const mapping::Life& life, int64_t row, int64_t line) {
  return Put(Row<mapping::Life>{row, line, life}, absl::UnixEpoch(), 0);
}

absl::Status DryRun::Tell(Sink sink) {
  if (absl::Status status = sorter_->Finish(); !status.ok()) return status;
  return setting_.by_facts ? TellAll<mapping::Life>(sink) : TellAll<mapping::Event>(sink);
}

// Two incidents may share a group: hashes do.
template <class T>
absl::Status DryRun::TellAll(Sink sink) {
  auto reader = sorter_->NewReader(Partition{0});
  if (!reader.ok()) return reader.status();
  absl::btree_map<std::string, std::vector<Row<T>>> of_group;
  uint64_t group = 0;
  size_t rows = 0;
  const auto tell = [&] {
    for (const auto& [id, of_id] : of_group) TellIncident(of_id, sink);
    of_group.clear();
    rows = 0;
    if (offset_ > kOffsetsMax) NewLedger();
  };
  files::SortedFact sorted;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&sorted);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (sorted.place.group != group) tell();
    group = sorted.place.group;
    if (++rows > kRowsMax) {
      cut_ = true;
      continue;
    }
    Row<T> row;
    if (!ParseLayout(sorted.entry, &row)) {
      return absl::DataLossError("a sorted row does not parse");
    }
    of_group[row.told.incident_id].push_back(std::move(row));
  }
  tell();
  return absl::OkStatus();
}

void DryRun::TellIncident(const std::vector<Row<mapping::Event>>& rows, Sink sink) {
  struct Observed {
    mapping::CaseTeller::Place place;
    mapping::Observation observation;
    const Row<mapping::Event>* from;
  };
  std::vector<Observed> observed;
  mapping::CaseTeller teller(first_fact_);
  const auto told_of = [](const Row<mapping::Event>& row, What what) {
    return Told{
        .what = what, .row = row.row, .line = row.line, .incident_id = row.told.incident_id};
  };
  for (const Row<mapping::Event>& row : rows) {
    auto answer = mapping::CaseTeller::Answer::kTold;
    const absl::Status told = teller.Tell(
        row.told, &answer,
        [&](const mapping::CaseTeller::Place& place, const mapping::Observation& observation) {
          observed.push_back({place, observation, &row});
          return absl::OkStatus();
        });
    INVARIANT(told.ok(), "the sink takes all");
    if (answer == mapping::CaseTeller::Answer::kTold) continue;
    const bool twice = answer == mapping::CaseTeller::Answer::kTwice;
    sink(told_of(row, twice ? What::kTwice : What::kNothingNew));
  }
  const auto order = [](const Observed& one) {
    return std::make_tuple(one.place.at_ms, one.place.version, one.from->row, one.place.ordinal);
  };
  std::stable_sort(observed.begin(), observed.end(),
                   [&](const Observed& a, const Observed& b) { return order(a) < order(b); });
  for (const Observed& one : observed) {
    const Told told = told_of(*one.from, What::kFact);
    if (!Walk(one.observation, FromMillis(one.place.at_ms), told, sink)) {
      sink(told_of(*one.from, What::kNothingNew));
    }
  }
}

void DryRun::TellIncident(const std::vector<Row<mapping::Life>>& rows, Sink sink) {
  const Row<mapping::Life>& first = rows.front();
  const mapping::Life& life = first.told;
  const Told told{.row = first.row, .line = first.line, .incident_id = life.incident_id};
  const absl::Status walked = mapping::TellLife(
      life, [&](const mapping::CaseTeller::Place& place, const mapping::Observation& observation) {
        Walk(observation, FromMillis(place.at_ms), told, sink);
        return absl::OkStatus();
      });
  INVARIANT(walked.ok(), "the sink takes all");
  for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
    const bool twice = row->told.content == life.content;
    sink(Told{.what = twice ? What::kTwice : What::kIdOfAnother,
              .row = row->row,
              .line = row->line,
              .incident_id = life.incident_id,
              .first_line = first.line});
  }
}

bool DryRun::Walk(const mapping::Observation& observation, absl::Time at, Told told, Sink sink) {
  mapping::LifeWalk walk(&setting_);
  const IncidentId id(observation.incident_id);
  v1::Fact fact;
  bool made = false;
  for (walk.Begin(&observation); walk.Next(ledger_->state.incidents.Find(id), &fact);) {
    told.at = at;
    told.fact = &fact;
    told.void_reason = Fold(fact, id, at);
    sink(told);
    made = true;
  }
  return made;
}

incident::VoidReason DryRun::Fold(v1::Fact fact, const IncidentId& id, absl::Time at) {
  fact.set_stage(incident::PresentStage(ledger_->state, id).value);
  auto reason = incident::VoidReason::kNone;
  incident::Evolve(ledger_->state, incident::Moment{Offset{offset_++}, at}, fact,
                   [&](const incident::Change& change) { reason = change.reason; });
  return reason;
}

void DryRun::NewLedger() {
  ledger_ = std::make_unique<Ledger>();
  ledger_->state.policy.Activate(policy_);
  offset_ = 0;
}

}  // namespace gridledger::cli
