// Which facts does a row of a city's own file make? A mapping is compiled against the columns of an
// input, and then applied to its rows, one at a time. Pure but for its own scratch; says why a row
// makes nothing, and never repeats what is in it.
//
//   absl::StatusOr<std::unique_ptr<Mapper>> mapper = Mapper::Compile(mapping, header);
//   const absl::Span<const Mapper::Made> made = (*mapper)->Apply(fields);
//   if (made.empty()) …(*mapper)->rejection()
//
// Rules of time: a civil time in the hour that local clocks pass twice is the first pass, and one
// in the hour that they skip is as far behind the gap as it lies within it, unless the mapping says
// otherwise. A fact with an earlier time than the one before it in its row keeps that time as its
// word, and stands right behind the one before it in the ledger. A deadline stays as it is, before
// the report too.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/annex.h"
#include "services/history/mapping/values/area_rule.h"
#include "services/history/mapping/values/text_rule.h"
#include "services/history/mapping/values/time_rule.h"

namespace gridledger::mapping {

// Why a row makes nothing. Both live until the next row.
struct Rejection {
  absl::string_view column;
  absl::string_view reason;  // "without a value", "not text in UTF-8", …
};

class Mapper {
 public:
  struct Made {
    absl::Time at;         // its place in the ledger; whole milliseconds
    const v1::Fact* fact;  // lives until the next row
    size_t rule;           // which of the mapping's facts
  };

  // `header` are the columns of the input, `annex` what was read of all that the mapping names
  // beside itself. InvalidArgument names the field of the mapping and what is wrong with it, the
  // first fact as facts[first_fact].
  static absl::StatusOr<std::unique_ptr<Mapper>> Compile(const v1::Mapping& mapping,
                                                         absl::Span<const std::string> header,
                                                         const Annex& annex = {},
                                                         int first_fact = 1);
  // Another time of the same rows, for whoever reads more of them than facts.
  absl::StatusOr<TimeRule> CompileTime(absl::string_view where, const v1::TimeValue& value,
                                       bool may_be_ahead) const;
  const Columns& columns() const { return columns_; }

  // The facts of a row, in the order of its life, the report first; empty when the row is rejected.
  // REQUIRES: as many fields as columns.
  absl::Span<const Made> Apply(Row row);
  // Of the last row; empty texts when it was taken.
  const Rejection& rejection() const { return rejection_; }
  // Of the last row that was taken.
  const std::string& incident_id() const { return facts_[0].incident_id(); }
  const std::string& community() const { return facts_[0].reported().community(); }

 private:
  struct When {
    size_t column = 0;
    std::vector<std::string> equals;
  };
  struct Rule {
    TimeRule at;
    std::optional<When> when;
  };
  // Degrees of WGS84 in units of 1e-7.
  struct Coordinate {
    TextRule text;
    int32_t limit_e7;
  };

  TimeRule::Setting times() const {
    return {columns_, time_formats_, clock_ ? &*clock_ : nullptr, months_,
            columns_.annex().present};
  }

  explicit Mapper(Columns columns) : columns_(std::move(columns)) {}

  absl::Status CompileIncident(const v1::IncidentColumns& incident, const TimeRule::Setting& times);
  absl::Status CompileFacts(const v1::Mapping& mapping, const TimeRule::Setting& times,
                            int first_fact);
  bool ReadReport(Row row, v1::Fact* fact);
  bool ReadTexts(Row row, v1::Fact* fact);
  bool ReadPoint(Row row, v1::IncidentReported* reported);
  bool ReadFact(Row row, size_t rule);
  bool Holds(Row row, const When& when) const;
  bool Reject(absl::string_view column, absl::string_view reason);

  const Columns columns_;
  std::vector<std::string> time_formats_;
  std::optional<LocalClock> clock_;
  MonthNames months_;
  std::optional<TextRule> id_, category_, community_, area_, unit_, channel_;
  std::optional<TimeRule> due_;
  std::optional<Coordinate> latitude_, longitude_;
  char decimal_sign_ = '.';
  std::optional<AreaRule> area_by_point_;
  std::vector<Rule> rules_;
  std::vector<v1::Fact> facts_;  // one a rule, with all that does not hang on the row
  std::vector<Made> made_;
  Rejection rejection_;
};

// The delimiter of the mapping's inputs; 0 where it is not told, and the header decides.
// InvalidArgument when it is none.
absl::StatusOr<char> DelimiterOf(const v1::Mapping& mapping);

}  // namespace gridledger::mapping
