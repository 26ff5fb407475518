#include "services/gateway/api/city_figures.h"

#include <absl/strings/str_cat.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

namespace gridledger::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct Keyed {
  const char* by;
  std::string key;
  metrics::Row row;
};

MetricFamily Family(std::string name, std::string help) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = MetricType::Gauge;
  return family;
}

ClientMetric Value(std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

void AddDimension(const metrics::Sheet& sheet, metrics::Dimension dimension, const char* by,
                  std::vector<Keyed>* rows) {
  std::vector<Keyed> own;
  for (const auto& [key, row] : sheet.rows) {
    if (key.dimension == dimension) own.push_back({by, metrics::ShownKey(key), row});
  }
  std::stable_sort(own.begin(), own.end(), [](const Keyed& a, const Keyed& b) {
    return a.row[metrics::Count::kReported] > b.row[metrics::Count::kReported];
  });
  if (own.size() > kKeysOfDimension) {
    Keyed others{by, "(others)", {}};
    for (size_t i = kKeysOfDimension; i < own.size(); ++i) others.row += own[i].row;
    own.resize(kKeysOfDimension);
    own.push_back(std::move(others));
  }
  std::move(own.begin(), own.end(), std::back_inserter(*rows));
}

}  // namespace

std::string CityFiguresText(const CityState& state) {
  std::vector<Keyed> rows = {{"total", "", state.sheet.Total()}};
  AddDimension(state.sheet, metrics::Dimension::kCategory, "category", &rows);
  AddDimension(state.sheet, metrics::Dimension::kUnit, "unit", &rows);
  std::vector<MetricFamily> families;
  for (const metrics::NamedCount& count : metrics::NamedCounts()) {
    families.push_back(
        Family(absl::StrCat("gridledger_city_", count.name),
               absl::StrCat("Incidents counted as ", count.name, ", by GB/T 30428.")));
    for (const Keyed& one : rows) {
      families.back().metric.push_back(
          Value({{"by", one.by}, {"key", one.key}}, static_cast<double>(count.Of(one.row))));
    }
  }
  MetricFamily numerators = Family("gridledger_city_rate_numerator",
                                   "What a rate counts; the rate is this by its denominator.");
  MetricFamily denominators = Family("gridledger_city_rate_denominator", "Of how many a rate is.");
  for (const metrics::Formula& formula : metrics::Formulas()) {
    for (const Keyed& one : rows) {
      const metrics::Rate rate = formula.Of(one.row);
      const std::vector<ClientMetric::Label> labels = {
          {"rate", std::string(formula.name)}, {"by", one.by}, {"key", one.key}};
      numerators.metric.push_back(Value(labels, static_cast<double>(rate.numerator)));
      denominators.metric.push_back(Value(labels, static_cast<double>(rate.denominator)));
    }
  }
  families.push_back(std::move(numerators));
  families.push_back(std::move(denominators));
  const std::pair<std::pair<const char*, const char*>, double> singles[] = {
      {{"gridledger_city_dead_letters",
        "Records that nobody could read and that wait for somebody."},
       static_cast<double>(state.dead_letters)},
      {{"gridledger_city_void_facts",
        "Facts that count for nothing, with their reason in the ledger."},
       static_cast<double>(state.voids)},
      {{"gridledger_city_as_of_seconds", "The ledger's time that the figures are as of."},
       absl::ToDoubleSeconds(state.sheet.as_of - absl::UnixEpoch())}};
  for (const auto& [what, value] : singles) {
    families.push_back(Family(what.first, what.second));
    families.back().metric.push_back(Value({}, value));
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace gridledger::gateway
