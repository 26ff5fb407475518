#include "services/history/mapping/values/area_rule.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "services/base/characters.h"
#include "services/history/mapping/values/columns.h"
#include "services/history/mapping/values/degrees.h"
#include "services/history/mapping/values/folding.h"
#include "services/history/mapping/values/text_rule.h"

namespace gridledger::mapping {
namespace {

constexpr absl::string_view kWhere = "incident.area_by_point";
constexpr int kUnknownPointsMax = 1000;  // × 48 B; a geocoder has a handful

// "42.3594,-71.0587"
std::optional<PointE7> ParsePoint(absl::string_view text) {
  const size_t comma = text.find(',');
  if (comma == absl::string_view::npos) return std::nullopt;
  PointE7 point;
  const bool read =
      ParseDegrees(StripBlanks(text.substr(0, comma)), kLatitudeMaxE7, &point.latitude) &&
      ParseDegrees(StripBlanks(text.substr(comma + 1)), kLongitudeMaxE7, &point.longitude);
  return read ? std::make_optional(point) : std::nullopt;
}

}  // namespace

absl::StatusOr<AreaRule> AreaRule::Compile(const v1::IncidentColumns& incident,
                                           std::shared_ptr<const Areas> areas) {
  const v1::AreaByPoint& told = incident.area_by_point();
  if (told.polygons().empty()) return MappingError(kWhere, "it names no file of polygons");
  if (told.property().empty()) {
    return MappingError(kWhere, "it names no property: which one of a polygon is its name?");
  }
  if (!incident.area().default_().empty() || !incident.area().constant().empty()) {
    return MappingError(kWhere,
                        "no polygon is ever asked, for incident.area always has a value; leave its "
                        "default out, or tell it here as \"outside\"");
  }
  if (areas == nullptr) {
    return MappingError(kWhere, absl::StrCat(told.polygons(), " was not loaded"));
  }
  AreaRule rule;
  rule.areas_ = std::move(areas);
  const absl::StatusOr<Folding> folding = Folding::Compile(kWhere, told);
  if (!folding.ok()) return folding.status();
  for (const std::string& name : rule.areas_->names()) {
    std::string made;
    const absl::string_view folded = folding->Apply(StripBlanks(name), &made);
    const absl::string_view why =
        folded.empty() ? "without a value when its prefix is taken off" : WhyNot(CheckCode(folded));
    if (!why.empty()) {
      return MappingError(kWhere,
                          absl::StrCat(told.polygons(), ": the ", told.property(), " of feature ",
                                       rule.names_.size() + 1, " is ", why));
    }
    rule.names_.emplace_back(folded);
  }
  rule.outside_ = told.outside();
  if (const absl::string_view why = WhyNot(CheckCode(rule.outside_)); !why.empty()) {
    return MappingError(kWhere, absl::StrCat("\"outside\" is ", why));
  }
  if (told.unknown_points_size() > kUnknownPointsMax) {
    return MappingError(kWhere, absl::StrCat("more than ", kUnknownPointsMax, " unknown_points"));
  }
  for (const std::string& text : told.unknown_points()) {
    const std::optional<PointE7> point = ParsePoint(text);
    if (!point) {
      return MappingError(kWhere,
                          absl::StrCat("\"", text, "\" is no point; write its latitude and its ",
                                       "longitude, as in \"42.3594,-71.0587\""));
    }
    rule.unknown_.insert(*point);
  }
  return rule;
}

absl::string_view AreaRule::AreaOf(PointE7 point) const {
  const std::optional<size_t> feature = areas_->Find(point);
  return feature ? names_[*feature] : outside_;
}

}  // namespace gridledger::mapping
