// A mapping's AreaByPoint, compiled: the area that a point lies in, by polygons that somebody else
// looks it up in.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/annex.h"

namespace gridledger::mapping {

class AreaRule {
 public:
  // InvalidArgument names the field, and the feature whose name is no code. `areas` is null where
  // nobody has read them.
  static absl::StatusOr<AreaRule> Compile(const v1::IncidentColumns& incident,
                                          std::shared_ptr<const Areas> areas);

  // Whether the point stands for "somewhere".
  bool IsUnknown(PointE7 point) const { return unknown_.contains(point); }
  // The area's name, folded, in place as long as this rule; empty where there is none.
  absl::string_view AreaOf(PointE7 point) const;

 private:
  std::shared_ptr<const Areas> areas_;
  std::vector<std::string> names_;  // folded, by feature
  std::string outside_;
  std::set<PointE7> unknown_;
};

}  // namespace gridledger::mapping
