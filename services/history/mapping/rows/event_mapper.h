// What does a row say that is one event of an incident's life? A mapping with `events`, compiled
// against the columns of an input, and then applied to its rows, one at a time. What a row changes
// is seen only beside the incident's other rows: case_teller.h. Never repeats what is in a row.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/lives/observation.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/history/mapping/rows/row_content.h"

namespace gridledger::mapping {

class EventMapper {
 public:
  // As Mapper::Compile. REQUIRES: mapping.has_events().
  static absl::StatusOr<std::unique_ptr<EventMapper>> Compile(const v1::Mapping& mapping,
                                                              absl::Span<const std::string> header,
                                                              const Annex& annex = {});

  // Null when the row is rejected; lives until the next row. REQUIRES: as many fields as columns.
  const Event* Apply(Row row);
  const Rejection& rejection() const { return rejection_; }

 private:
  EventMapper(std::unique_ptr<Mapper> report, RowContent content)
      : report_(std::move(report)), content_(std::move(content)) {}

  absl::Status CompileStates(const v1::Mapping& mapping);
  bool ReadState(Row row);
  bool ReadVersion(Row row);
  // 0 where there is no rule, or no value.
  bool ReadTime(Row row, std::optional<TimeRule>& rule, int64_t* at_ms);
  bool Reject(absl::string_view column, absl::string_view reason);

  const std::unique_ptr<Mapper> report_;  // makes the report, and the facts as a whole
  RowContent content_;
  size_t facts_ = 0;
  std::string no_unit_;  // what stands for a unit where a row tells none
  std::optional<size_t> version_;
  std::string version_column_;
  std::optional<TextRule> state_;
  std::optional<TimeRule> reported_at_;
  std::optional<TimeRule> due_;
  absl::flat_hash_map<std::string, uint32_t> states_;  // look-ups only; 1 + the target's place
  std::vector<bool> reports_;                          // by target: it is the report
  Event event_;
  Rejection rejection_;
};

}  // namespace gridledger::mapping
