// Names of months in the language of a source, for formats that know the English ones.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

class MonthNames {
 public:
  // None: every text stays as it is.
  MonthNames() = default;
  // Those of the mapping. InvalidArgument when they are not twelve different ones.
  static absl::StatusOr<MonthNames> Compile(const v1::Mapping& mapping);

  // Those of languages that are known, full and shortened, for drafts: twelve each.
  static const std::vector<std::vector<std::string>>& Known();
  // REQUIRES: twelve different names.
  explicit MonthNames(const std::vector<std::string>& names);

  // `text` with the first of the names in it in English; lives as long as it and `made`.
  absl::string_view InEnglish(absl::string_view text, std::string* made) const;

 private:
  std::vector<std::pair<std::string, absl::string_view>> names_;  // longest first; in lower case
};

}  // namespace gridledger::mapping
