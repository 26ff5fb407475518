// The middle of an import: the rows of all inputs lie by incident, and what each tells beside the
// others of its incident goes into ledger order. What its two forms share: a row that is an
// incident's whole life, and one that is an event of it.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/base/layout.h"
#include "services/history/files/rows/row_format.h"
#include "services/history/files/sorting/sorter.h"
#include "services/history/importing/import_rows.h"
#include "services/history/importing/known_incidents.h"
#include "services/history/importing/rejected_rows.h"
#include "services/history/importing/row_bits.h"
#include "services/history/importing/row_store.h"
#include "services/history/mapping/lives/life_walk.h"
#include "services/history/mapping/lives/observation.h"

namespace gridledger::cli {

// What all inputs share while they are read.
struct AllRows {
  int partitions;
  const ReadRowsOptions& options;
  const std::string& source;      // of the mapping
  const files::RowOptions& rows;  // how inputs are read
  files::FactSorter* sorter;
  files::FactSorter* by_incident;  // the rows that were taken, or that are known
  const std::vector<mapping::Target>& targets;
  int round;  // of rows that no import has taken
  RowsRead read = {};
  int told = 0;
  std::vector<std::unique_ptr<RejectedRows>> rejected = {};  // by input
  std::vector<RowBits> late = {};                            // by input: see KeepLate
  std::string bytes = {};                                    // of an entry
  std::atomic<int64_t> position{0};
  int64_t position_before = 0;  // of the inputs that are done

  // DataLoss when they are more than may be. `why` stands in the list only, so that reasons stay
  // few.
  absl::Status Reject(ImportInput& input, uint32_t index, int64_t line, int64_t row,
                      absl::string_view column, absl::string_view reason,
                      absl::string_view why = "");
};

// A row, and the round that took it.
template <class Told>
struct RoundRow {
  int round = 0;
  uint64_t present = 0;  // its number through all inputs
  int64_t line = 0;
  Told told;
  template <class A>
  void Fields(A& a) {
    a(round, present, line);
    told.Fields(a);
  }
};
using RoundEvent = RoundRow<mapping::Event>;
using RoundLife = RoundRow<mapping::Life>;

// Goes through what was sorted by incident, `each` of one incident after the other. Two incidents
// may share a group: hashes do.
template <class State, class Each>
absl::Status EachOfIncident(const files::FactSorter& sorter, Each each) {
  auto reader = sorter.NewReader(Partition{0});
  if (!reader.ok()) return reader.status();
  uint64_t group = 0;
  absl::flat_hash_map<std::string, State> of_group;  // look-ups only
  files::SortedFact fact;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&fact);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    if (fact.place.group != group) of_group.clear();
    group = fact.place.group;
    if (absl::Status status = each(fact, of_group[fact.key]); !status.ok()) return status;
  }
}

// What the ledger has of an incident, asked once.
class Asked {
 public:
  absl::Status Ask(const std::string& id, const std::string& community, AllRows& all);
  const std::optional<KnownIncident>& known() const { return known_; }

 private:
  bool asked_ = false;
  std::optional<KnownIncident> known_;
};

// Puts a step where its incident is.
absl::Status AddTold(ToldRow& told, const std::optional<KnownIncident>& known,
                     const std::string& community, const files::FactPlace& place, AllRows& all);

// One row an incident: of rows with the same id in one input the first one counts; one of a later
// input is a later word. Where the ledger has the incident, or an earlier input, what is new in a
// row is told.
absl::Status TellRowsPerIncident(std::vector<ImportInput>& inputs, RowStore& store, AllRows& all);

// One row an event: what each row tells beside the others of its incident. A round is told beside
// the rows of its own time and before it; what is complete is not told again.
absl::Status TellRowsPerEvent(const v1::Mapping& mapping, std::vector<ImportInput>& inputs,
                              RowStore& store, AllRows& all);

}  // namespace gridledger::cli
