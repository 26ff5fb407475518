// What the rows of a file become: told and walked as an import does it, the rows of an incident
// beside one another, and folded as the ledger does it. What services add is not in it. In bounded
// memory, whatever the file's size.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"
#include "services/domain/incident/incident.h"
#include "services/history/files/sorting/sorter.h"
#include "services/history/mapping/lives/life_walk.h"
#include "services/history/mapping/lives/observation.h"

namespace gridledger::cli {

class DryRun {
 public:
  enum class What { kFact, kNothingNew, kTwice, kIdOfAnother };
  // What a row tells, one fact at a time; or why it tells nothing. Lives until the next one.
  struct Told {
    What what = What::kFact;
    int64_t row = 0;
    int64_t line = 0;
    absl::string_view incident_id;
    int64_t first_line = 0;  // of kIdOfAnother: where the row is that counts
    // Of kFact:
    absl::Time at = absl::InfinitePast();
    const v1::Fact* fact = nullptr;
    incident::VoidReason void_reason = incident::VoidReason::kNone;
  };
  using Sink = absl::FunctionRef<void(const Told&)>;

  // The policy may be empty. What does not fit in memory lies in `temp_folder` while this lives.
  static absl::StatusOr<std::unique_ptr<DryRun>> Make(const v1::Mapping& mapping,
                                                      const v1::Policy& policy,
                                                      const std::string& temp_folder);
  // The rows, in the order of the file. Unavailable when the disk fails.
  absl::Status Add(const mapping::Event& event, int64_t row, int64_t line);
  absl::Status Add(const mapping::Life& life, int64_t row, int64_t line);
  // After the last of them: one incident after the other, what it tells in the order of its life.
  absl::Status Tell(Sink sink);
  // Whether an incident has so many rows that not all of them were looked at.
  bool cut() const { return cut_; }

 private:
  static constexpr size_t kRowsMax = 50'000;  // of an incident × ~500 B = 25 MB

  template <class T>
  struct Row {
    int64_t row = 0;
    int64_t line = 0;
    T told;
    template <class A>
    void Fields(A& a) {
      a(row, line);
      told.Fields(a);
    }
  };
  struct Ledger {
    TableSet tables;
    incident::State state{tables};
  };

  DryRun(mapping::LifeWalk::Setting setting, uint32_t first_fact, const v1::Policy& policy)
      : setting_(std::move(setting)), first_fact_(first_fact), policy_(policy) {}

  template <class T>
  absl::Status Put(Row<T> row, absl::Time at, int64_t version);
  template <class T>
  absl::Status TellAll(Sink sink);
  void TellIncident(const std::vector<Row<mapping::Event>>& rows, Sink sink);
  void TellIncident(const std::vector<Row<mapping::Life>>& rows, Sink sink);
  // Whether it made a fact.
  bool Walk(const mapping::Observation& observation, absl::Time at, Told told, Sink sink);
  incident::VoidReason Fold(v1::Fact fact, const IncidentId& id, absl::Time at);
  void NewLedger();

  const mapping::LifeWalk::Setting setting_;
  const uint32_t first_fact_;
  const v1::Policy policy_;
  std::unique_ptr<files::FactSorter> sorter_;
  std::string bytes_;
  bool cut_ = false;
  std::unique_ptr<Ledger> ledger_;
  int64_t offset_ = 0;
};

}  // namespace gridledger::cli
