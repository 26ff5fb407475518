#include "services/gateway/open311/catalogue.h"

#include <absl/strings/str_cat.h>

#include "services/base/ids.h"
#include "services/domain/policy/policy.h"

namespace gridledger::gateway::open311 {
namespace {

using nlohmann::ordered_json;

// Who knows one community alone needs not be asked for it.
bool AsksForPlace(const Places& places) {
  return places.communities.size() != 1 || !places.areas.empty();
}

std::string LimitText(uint32_t minutes) {
  if (minutes % (24 * 60) == 0) return absl::StrCat(minutes / (24 * 60), " d");
  if (minutes % 60 == 0) return absl::StrCat(minutes / 60, " h");
  return absl::StrCat(minutes, " min");
}

ordered_json AttributeJson(absl::string_view code, bool required, int order,
                           absl::string_view description, const std::set<std::string>& values) {
  ordered_json json;
  json["variable"] = true;
  json["code"] = std::string(code);
  json["datatype"] = values.empty() ? "string" : "singlevaluelist";
  json["required"] = required;
  json["datatype_description"] = nullptr;
  json["order"] = order;
  json["description"] = std::string(description);
  if (!values.empty()) {
    json["values"] = ordered_json::array();
    for (const std::string& value : values) {
      json["values"].push_back({{"key", value}, {"name", value}});
    }
  }
  return json;
}

}  // namespace

Places PlacesOf(const v1::Policy& policy, const std::set<std::string>& reported_communities,
                const std::set<std::string>& reported_areas) {
  Places places;
  places.communities = reported_communities;
  for (const std::string& area : reported_areas) {
    // A report without an area is counted under its community.
    if (!reported_communities.contains(area)) places.areas.insert(area);
  }
  for (const v1::Responsibility& item : policy.responsibilities()) {
    if (!item.area().empty() && !places.areas.contains(item.area())) {
      places.communities.insert(item.area());
    }
  }
  return places;
}

ordered_json ServicesJson(const v1::Policy& policy, const Places& places) {
  const policy::Compiled compiled(policy);
  ordered_json list = ordered_json::array();
  for (const v1::Category& category : policy.categories()) {
    ordered_json json;
    json["service_code"] = category.code();
    json["service_name"] = ServiceNameOf(policy, category.code());
    json["description"] =
        category.limit_minutes() > 0
            ? absl::StrCat(ServiceNameOf(policy, category.code()),
                           ". Time limit once filed: ", LimitText(category.limit_minutes()))
            : ServiceNameOf(policy, category.code());
    json["metadata"] = AsksForPlace(places);
    json["type"] = "realtime";
    json["keywords"] = category.code();
    const UnitCode unit =
        compiled.ResponsibleFor(CategoryCode(category.code()), CommunityCode(), AreaCode()).unit;
    json["group"] = unit.empty() ? ordered_json() : ordered_json(unit.text());
    list.push_back(std::move(json));
  }
  return list;
}

std::optional<ordered_json> DefinitionJson(const v1::Policy& policy, const Places& places,
                                           absl::string_view code) {
  for (const v1::Category& category : policy.categories()) {
    if (category.code() != code) continue;
    ordered_json json;
    json["service_code"] = category.code();
    json["attributes"] = ordered_json::array();
    if (!AsksForPlace(places)) return json;
    json["attributes"].push_back(AttributeJson(kCommunity, places.communities.size() != 1, 1,
                                               "The community in which it lies (社区)",
                                               places.communities));
    json["attributes"].push_back(AttributeJson(
        kArea, false, 2, "The grid or other area inside the community (网格)", places.areas));
    return json;
  }
  return std::nullopt;
}

std::string ServiceNameOf(const v1::Policy& policy, absl::string_view code) {
  for (const v1::Category& category : policy.categories()) {
    if (category.code() == code && !category.name().empty()) return category.name();
  }
  return std::string(code);
}

}  // namespace gridledger::gateway::open311
