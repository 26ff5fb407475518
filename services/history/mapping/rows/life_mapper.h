// What does a row say that is an incident's whole life? A mapping without `events`, compiled
// against the columns of an input, and then applied to its rows, one at a time. Which of its facts
// are lawful shows when its turn in the ledger comes: life_walk.h. Never repeats what is in a row.
#pragma once

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <memory>
#include <string>
#include <utility>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/lives/observation.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/history/mapping/rows/row_content.h"

namespace gridledger::mapping {

class LifeMapper {
 public:
  // As Mapper::Compile. REQUIRES: !mapping.has_events().
  static absl::StatusOr<std::unique_ptr<LifeMapper>> Compile(const v1::Mapping& mapping,
                                                             absl::Span<const std::string> header,
                                                             const Annex& annex = {});

  // Null when the row is rejected; lives until the next row. REQUIRES: as many fields as columns.
  const Life* Apply(Row row);
  const Rejection& rejection() const { return mapper_->rejection(); }

 private:
  LifeMapper(std::unique_ptr<Mapper> mapper, RowContent content)
      : mapper_(std::move(mapper)), content_(std::move(content)) {}

  const std::unique_ptr<Mapper> mapper_;
  RowContent content_;
  Life life_;
};

}  // namespace gridledger::mapping
