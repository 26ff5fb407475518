// The policy in force as Open311's services: a service is a category, and what its definition asks
// for is where in the city it lies. Nothing is written twice: without a policy there is no service.
#pragma once

#include <absl/strings/string_view.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <string>

#include "gridledger/v1/policy.pb.h"

namespace gridledger::gateway::open311 {

// Where reports may lie, as far as policy and figures tell.
struct Places {
  std::set<std::string> communities;  // 社区; the key of a report
  std::set<std::string> areas;        // 网格 and other areas inside communities
};
// Of what reports have named, and of the places of the policy's responsibility list.
Places PlacesOf(const v1::Policy& policy, const std::set<std::string>& reported_communities,
                const std::set<std::string>& reported_areas);

// GET services: a list of service_code, service_name, description, metadata, type, keywords, group.
nlohmann::ordered_json ServicesJson(const v1::Policy& policy, const Places& places);
// GET services/CODE: service_code and attributes. Nothing for a category that the policy has not.
std::optional<nlohmann::ordered_json> DefinitionJson(const v1::Policy& policy, const Places& places,
                                                     absl::string_view code);
// The name of a category; its code when the policy has none.
std::string ServiceNameOf(const v1::Policy& policy, absl::string_view code);

// The codes of the attributes.
inline constexpr absl::string_view kCommunity = "community";
inline constexpr absl::string_view kArea = "area";

}  // namespace gridledger::gateway::open311
