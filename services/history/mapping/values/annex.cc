#include "services/history/mapping/values/annex.h"

#include <absl/strings/str_cat.h>

#include "services/history/mapping/values/text_rule.h"

namespace gridledger::mapping {

absl::Status Table::Add(absl::string_view from, absl::string_view to) {
  if (const absl::string_view why = WhyNot(CheckCode(to)); !why.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("what is told of it is ", why));
  }
  const auto [at, added] = rows_.emplace(from, to);
  if (!added && at->second != to) {
    return absl::InvalidArgumentError("the table has it already, and says something else of it");
  }
  return absl::OkStatus();
}

const std::string* Table::Find(absl::string_view from) const {
  const auto at = rows_.find(from);
  return at == rows_.end() ? nullptr : &at->second;
}

}  // namespace gridledger::mapping
