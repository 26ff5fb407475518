#include "services/gridledger/first_lives.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::cli {

absl::StatusOr<std::unique_ptr<FirstLives>> FirstLives::Make(const v1::Mapping& mapping,
                                                             const v1::Policy& policy,
                                                             int64_t rows) {
  absl::StatusOr<std::vector<mapping::Target>> targets = mapping::TargetsOf(mapping);
  if (!targets.ok()) return targets.status();
  mapping::LifeWalk::Setting setting = {.targets = *std::move(targets),
                                        .after_closing = mapping.events().after_closing(),
                                        .actor = mapping.source(),
                                        .default_unit = mapping.incident().unit().default_()};
  // Else a service would send it there.
  if (setting.default_unit.empty()) setting.default_unit = policy.default_unit();
  std::unique_ptr<FirstLives> lives(new FirstLives(
      std::move(setting), static_cast<uint32_t>(mapping.events().states_size() + 1), rows));
  lives->state_.policy.Activate(policy);
  return lives;
}

void FirstLives::Add(const mapping::Event& event, int64_t row, int64_t line) {
  if (row <= rows_) {
    const auto [place, is_new] = places_.emplace(event.incident_id, lives_.size());
    if (is_new) lives_.emplace_back();
  }
  const auto place = places_.find(event.incident_id);
  if (place == places_.end()) return;
  if (events_ == kEventsMax) {
    cut_ = true;
    return;
  }
  ++events_;
  lives_[place->second].push_back({event, row, line});
}

std::vector<FirstLives::Told> FirstLives::Tell() {
  std::vector<Told> all;
  for (std::vector<Kept>& life : lives_) TellLife(life, &all);
  std::erase_if(all, [this](const Told& told) { return told.row > rows_; });
  std::stable_sort(all.begin(), all.end(),
                   [](const Told& a, const Told& b) { return a.row < b.row; });
  return all;
}

void FirstLives::TellLife(std::vector<Kept>& life, std::vector<Told>* all) {
  const auto place_of = [](const Kept& one) {
    return std::make_tuple(one.event.at_ms, one.event.version, one.row);
  };
  std::sort(life.begin(), life.end(),
            [&](const Kept& a, const Kept& b) { return place_of(a) < place_of(b); });
  struct Observed {
    mapping::CaseTeller::Place place;
    mapping::Observation observation;
    const Kept* from;
  };
  std::vector<Observed> observed;
  mapping::CaseTeller teller(first_fact_);
  for (const Kept& one : life) {
    auto answer = mapping::CaseTeller::Answer::kTold;
    const absl::Status told = teller.Tell(
        one.event, &answer,
        [&](const mapping::CaseTeller::Place& place, const mapping::Observation& observation) {
          observed.push_back({place, observation, &one});
          return absl::OkStatus();
        });
    INVARIANT(told.ok(), "the sink takes all");
    if (answer == mapping::CaseTeller::Answer::kTold) continue;
    all->push_back({one.row, one.line, one.event.incident_id, answer, {}, {}});
  }
  const auto order = [](const Observed& one) {
    return std::make_tuple(one.place.at_ms, one.place.version, one.from->row, one.place.ordinal);
  };
  std::stable_sort(observed.begin(), observed.end(),
                   [&](const Observed& a, const Observed& b) { return order(a) < order(b); });
  mapping::LifeWalk walk(&setting_);
  v1::Fact fact;
  for (const Observed& one : observed) {
    const absl::Time at = FromMillis(one.place.at_ms);
    const IncidentId id(one.observation.incident_id);
    bool told = false;
    for (walk.Begin(&one.observation); walk.Next(state_.incidents.Find(id), &fact); told = true) {
      all->push_back({one.from->row, one.from->line, one.observation.incident_id,
                      mapping::CaseTeller::Answer::kTold, at, fact, Fold(fact, id, at)});
    }
    if (told) continue;
    all->push_back({one.from->row,
                    one.from->line,
                    one.observation.incident_id,
                    mapping::CaseTeller::Answer::kNothingNew,
                    {},
                    {}});
  }
}

incident::VoidReason FirstLives::Fold(v1::Fact fact, const IncidentId& id, absl::Time at) {
  fact.set_stage(incident::PresentStage(state_, id).value);
  auto reason = incident::VoidReason::kNone;
  incident::Evolve(state_, incident::Moment{Offset{offset_++}, at}, fact,
                   [&](const incident::Change& change) { reason = change.reason; });
  return reason;
}

}  // namespace gridledger::cli
