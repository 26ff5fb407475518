// What the first rows of a file with one row an event become: told and walked as an import does it,
// beside all other rows of the same incidents, and folded as the ledger does it. What services add
// is not in it.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"
#include "services/domain/incident/incident.h"
#include "services/domain/mapping/case_teller.h"
#include "services/domain/mapping/life_walk.h"
#include "services/domain/mapping/observation.h"

namespace gridledger::cli {

class FirstLives {
 public:
  // What a row tells, one fact at a time; or that it tells nothing.
  struct Told {
    int64_t row = 0;
    int64_t line = 0;
    std::string incident_id;
    mapping::CaseTeller::Answer answer = mapping::CaseTeller::Answer::kTold;
    // Of kTold:
    absl::Time at;
    v1::Fact fact;
    incident::VoidReason void_reason = incident::VoidReason::kNone;
  };

  // Of the rows up to `rows`. The policy may be empty.
  static absl::StatusOr<std::unique_ptr<FirstLives>> Make(const v1::Mapping& mapping,
                                                          const v1::Policy& policy, int64_t rows);
  // The rows in the order of the file; keeps those of incidents that the first rows name.
  void Add(const mapping::Event& event, int64_t row, int64_t line);
  // By line.
  std::vector<Told> Tell();
  // Whether an incident has so many rows that not all of them were looked at.
  bool cut() const { return cut_; }

 private:
  static constexpr size_t kEventsMax = 50'000;  // × ~500 B = 25 MB

  struct Kept {
    mapping::Event event;
    int64_t row = 0;
    int64_t line = 0;
  };

  explicit FirstLives(mapping::LifeWalk::Setting setting, uint32_t first_fact, int64_t rows)
      : setting_(std::move(setting)), first_fact_(first_fact), rows_(rows) {}

  void TellLife(std::vector<Kept>& life, std::vector<Told>* all);
  incident::VoidReason Fold(v1::Fact fact, const IncidentId& id, absl::Time at);

  const mapping::LifeWalk::Setting setting_;
  const uint32_t first_fact_;
  const int64_t rows_;
  std::vector<std::vector<Kept>> lives_;
  absl::flat_hash_map<std::string, size_t> places_;  // in lives_; look-ups only
  size_t events_ = 0;
  bool cut_ = false;
  TableSet tables_;
  incident::State state_{tables_};
  int64_t offset_ = 0;
};

}  // namespace gridledger::cli
