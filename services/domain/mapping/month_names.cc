#include "services/domain/mapping/month_names.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "services/domain/mapping/columns.h"

namespace gridledger::mapping {
namespace {

constexpr absl::string_view kEnglish[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

absl::StatusOr<MonthNames> MonthNames::Compile(const v1::Mapping& mapping) {
  MonthNames months;
  if (mapping.month_names().empty()) return months;
  if (mapping.month_names_size() != 12) {
    return MappingError("month_names", absl::StrCat("twelve names, January first, and not ",
                                                    mapping.month_names_size()));
  }
  for (int i = 0; i < 12; ++i) {
    const std::string name =
        absl::AsciiStrToLower(absl::StripAsciiWhitespace(mapping.month_names(i)));
    if (name.empty()) return MappingError("month_names", absl::StrCat("the ", i + 1, ". is empty"));
    for (const auto& [other, english] : months.names_) {
      if (other == name) {
        return MappingError("month_names", absl::StrCat("\"", name, "\" stands there twice"));
      }
    }
    months.names_.emplace_back(name, kEnglish[i]);
  }
  // "mars" before "mar".
  std::stable_sort(months.names_.begin(), months.names_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  return months;
}

absl::string_view MonthNames::InEnglish(absl::string_view text, std::string* made) const {
  if (names_.empty()) return text;
  *made = absl::AsciiStrToLower(text);
  for (const auto& [name, english] : names_) {
    const size_t at = made->find(name);
    if (at == std::string::npos) continue;
    *made = absl::StrCat(text.substr(0, at), english, text.substr(at + name.size()));
    return *made;
  }
  return text;
}

}  // namespace gridledger::mapping
