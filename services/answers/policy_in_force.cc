#include "services/answers/policy_in_force.h"

#include <absl/time/time.h>

#include <set>
#include <string>
#include <utility>

#include "services/domain/policy/policy.h"

namespace gridledger::answers {

nlohmann::ordered_json PolicyJson(const v1::Policy& policy) {
  const policy::Compiled compiled(policy);
  nlohmann::ordered_json json;
  json["version"] = policy.version();
  json["zone"] = compiled.zone().name();
  json["categories"] = nlohmann::ordered_json::array();
  for (const v1::Category& category : policy.categories()) {
    json["categories"].push_back(
        {{"code", category.code()},
         {"name", category.name()},
         {"limit_minutes", category.limit_minutes() > 0
                               ? nlohmann::ordered_json(category.limit_minutes())
                               : nlohmann::ordered_json()}});
  }
  std::set<std::string> units;
  if (!policy.default_unit().empty()) units.insert(policy.default_unit());
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const v1::Responsibility& item : policy.responsibilities()) {
    units.insert(item.unit());
    list.push_back({{"category", item.category()}, {"area", item.area()}, {"unit", item.unit()}});
  }
  json["units"] = units;
  json["default_unit"] = policy.default_unit();
  json["responsibilities"] = std::move(list);
  json["warn_percent"] = compiled.warn_percent();
  json["ladder"] = nlohmann::ordered_json::array();
  for (const policy::Rung& rung : compiled.ladder()) {
    json["ladder"].push_back({{"level", json["ladder"].size() + 1},
                              {"after_minutes", absl::ToInt64Minutes(rung.after)},
                              {"post", rung.post}});
  }
  return json;
}

}  // namespace gridledger::answers
