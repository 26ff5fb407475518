// Figures as JSON: the counts and rates of a sheet, for `gridledger metrics --json` and whoever
// else answers with them. Counts nothing itself.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/domain/metrics/metrics.h"
#include "services/domain/policy/zone.h"

namespace gridledger::answers {

// Nothing for a name that is none of them, and for "total", which is always told.
std::optional<metrics::Dimension> DimensionCalled(absl::string_view name);

// A row with its key as JSON says it: the key itself, "(other names)" for metrics::kOtherNames.
using KeyedRow = std::pair<std::string, metrics::Row>;
// The sheet's rows of that dimension, by key.
std::vector<KeyedRow> ChooseRows(const metrics::Sheet& sheet, metrics::Dimension dimension);

// {"reported": …, …, "rates": {"filing": {"numerator": …, "denominator": …, "text": …}, …}}
nlohmann::ordered_json RowJson(const metrics::Row& row);

// {"as_of", "present", "formulas_version", "by", "total", "rows": [{"key", …}, …]}. `present` is
// the ledger's, as far as it was read; none: nothing was. `by` is a dimension's name; with an empty
// one, or one that is none, there is the total alone.
nlohmann::ordered_json FiguresJson(const metrics::Sheet& sheet, std::optional<absl::Time> present,
                                   absl::string_view by, const policy::Zone& zone);

}  // namespace gridledger::answers
