#include "services/domain/policy/policy.h"

#include <algorithm>

namespace gridledger::policy {
namespace {

std::string BytesWithoutRules(v1::Policy policy) {
  policy.clear_zone_rules();
  return policy.SerializeAsString();
}

}  // namespace

std::optional<Zone> FindZone(const v1::Policy& policy) {
  if (policy.has_zone_rules()) {
    absl::StatusOr<Zone> zone = Zone::Of(policy.zone(), policy.zone_rules());
    return zone.ok() ? std::optional<Zone>(*std::move(zone)) : std::nullopt;
  }
  return policy.zone().empty() ? Zone() : Zone::Named(policy.zone());
}

absl::Status CheckZoneRules(const v1::Policy& policy) {
  return policy.has_zone_rules() ? Zone::Of(policy.zone(), policy.zone_rules()).status()
                                 : absl::OkStatus();
}

Compiled::Compiled(const v1::Policy& policy)
    : version_(policy.version()),
      zone_(FindZone(policy).value_or(Zone())),
      default_unit_(policy.default_unit()),
      warn_percent_(static_cast<int>(policy.escalation().warn_percent())) {
  for (const v1::Category& category : policy.categories()) {
    categories_.insert(category.code());
    if (category.limit_minutes() > 0) {
      limits_[category.code()] = absl::Minutes(category.limit_minutes());
    }
  }
  for (const v1::Responsibility& item : policy.responsibilities()) {
    const int index = static_cast<int>(list_.size());
    list_.push_back(Entry{item.category(), item.area(), UnitCode(item.unit())});
    units_.insert(item.unit());
    (item.category().empty() ? any_category_ : by_category_[item.category()]).push_back(index);
  }
  for (const v1::Level& level : policy.escalation().levels()) {
    ladder_.push_back(Rung{absl::Minutes(level.after_minutes()), level.post()});
  }
  std::stable_sort(ladder_.begin(), ladder_.end(),
                   [](const Rung& a, const Rung& b) { return a.after < b.after; });
  if (ladder_.size() > kLevelsMax) ladder_.resize(kLevelsMax);
  units_.insert(policy.default_unit());
}

std::optional<absl::Duration> Compiled::Limit(const CategoryCode& category) const {
  const auto at = limits_.find(category.text());
  if (at == limits_.end()) return std::nullopt;
  return at->second;
}

Responsible Compiled::ResponsibleFor(const CategoryCode& category, const CommunityCode& community,
                                     const AreaCode& area) const {
  int best = static_cast<int>(list_.size());
  const auto consider = [&](const std::vector<int>& indexes) {
    for (const int index : indexes) {
      if (index >= best) return;
      const std::string& place = list_[index].place;
      if (place.empty() || place == area.text() || place == community.text()) {
        best = index;
        return;
      }
    }
  };
  const auto own = by_category_.find(category.text());
  if (own != by_category_.end()) consider(own->second);
  consider(any_category_);
  if (best == static_cast<int>(list_.size())) return Responsible{default_unit_, false};
  return Responsible{list_[best].unit, true};
}

void State::Activate(const v1::Policy& policy) {
  in_force_.Change().bytes = policy.SerializeAsString();  // no maps in it: canonical for one build
  is_compiled_ = false;
}

const Compiled& State::now() const {
  if (!is_compiled_) {
    compiled_ = Compiled(Activated());
    is_compiled_ = true;
  }
  return compiled_;
}

v1::Policy State::Activated() const {
  v1::Policy policy;
  INVARIANT(policy.ParseFromString(in_force_.Get().bytes), "the policy in force does not parse");
  return policy;
}

bool State::IsInForce(const v1::Policy& policy, absl::Time since) const {
  if (BytesWithoutRules(policy) != BytesWithoutRules(Activated())) return false;
  return Zone::AgreeFrom(now().zone(), FindZone(policy).value_or(Zone()), since);
}

}  // namespace gridledger::policy
