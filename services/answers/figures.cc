#include "services/answers/figures.h"

#include "services/domain/policy/instant_text.h"

namespace gridledger::answers {

using metrics::Dimension;
using policy::Rfc3339;

std::optional<Dimension> DimensionCalled(absl::string_view name) {
  for (int i = 1; i < metrics::kDimensions; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    if (metrics::DimensionName(dimension) == name) return dimension;
  }
  return std::nullopt;
}

std::vector<KeyedRow> ChooseRows(const metrics::Sheet& sheet, Dimension dimension) {
  std::vector<KeyedRow> rows;
  for (const auto& [key, row] : sheet.rows) {
    if (key.dimension != dimension) continue;
    const bool others = key.key == metrics::kOtherNames;
    rows.emplace_back(others ? metrics::ShownKey(key) : key.key, row);
  }
  return rows;
}

nlohmann::ordered_json RowJson(const metrics::Row& row) {
  nlohmann::ordered_json json;
  for (const metrics::NamedCount& count : metrics::NamedCounts()) {
    json[std::string(count.name)] = count.Of(row);
  }
  for (const metrics::Formula& formula : metrics::Formulas()) {
    const metrics::Rate rate = formula.Of(row);
    json["rates"][std::string(formula.name)] = {
        {"numerator", rate.numerator},
        {"denominator", rate.denominator},
        {"text", metrics::PrintedRate(rate.numerator, rate.denominator)}};
  }
  return json;
}

nlohmann::ordered_json FiguresJson(const metrics::Sheet& sheet, std::optional<absl::Time> present,
                                   absl::string_view by, const policy::Zone& zone) {
  nlohmann::ordered_json json;
  json["as_of"] = Rfc3339(sheet.as_of, zone);
  json["present"] =
      present ? nlohmann::ordered_json(Rfc3339(*present, zone)) : nlohmann::ordered_json();
  json["formulas_version"] = metrics::kFormulasVersion;
  json["by"] = by.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(std::string(by));
  json["total"] = RowJson(sheet.Total());
  json["rows"] = nlohmann::ordered_json::array();
  const std::optional<Dimension> dimension = DimensionCalled(by);
  if (!dimension) return json;
  for (const auto& [key, row] : ChooseRows(sheet, *dimension)) {
    nlohmann::ordered_json one;
    one["key"] = key;
    one.update(RowJson(row));
    json["rows"].push_back(std::move(one));
  }
  return json;
}

}  // namespace gridledger::answers
