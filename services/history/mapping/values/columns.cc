#include "services/history/mapping/values/columns.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <string>
#include <vector>

#include "services/base/characters.h"
#include "services/base/nearest.h"

namespace gridledger::mapping {

absl::StatusOr<size_t> Columns::Find(absl::string_view where, absl::string_view name) const {
  if (name.empty()) return MappingError(where, "it names no column");
  for (const std::string& leak : leaks_) {
    if (leak == name) {
      return MappingError(where, absl::StrCat("\"", name, "\" stands under leaks: it tells at an ",
                                              "event what became known later"));
    }
  }
  for (size_t i = 0; i < header_.size(); ++i) {
    if (header_[i] == name) return i;
  }
  // A file without a header has somebody's row there.
  std::vector<std::string> names;
  for (const std::string& column : header_) {
    if (ReadsAsName(column)) names.push_back(column);
  }
  std::string instead = Instead(name, names);
  if (names.size() != header_.size() && DidYouMean(name, names).empty()) {
    instead = "; the first line looks like a row, and not like the names of its columns";
  }
  return MappingError(where, absl::StrCat("there is no column \"", name, "\"", instead));
}

absl::StatusOr<ColumnText> ColumnText::Compile(absl::string_view where, absl::string_view column,
                                               absl::string_view with, const Columns& columns) {
  ColumnText text;
  const absl::StatusOr<size_t> first = columns.Find(where, column);
  if (!first.ok()) return first.status();
  text.column_ = *first;
  if (with.empty()) return text;
  const absl::StatusOr<size_t> second = columns.Find(absl::StrCat(where, ".with"), with);
  if (!second.ok()) return second.status();
  text.with_ = *second;
  return text;
}

absl::string_view ColumnText::Of(Row row, const std::vector<std::string>& missing,
                                 std::string* made) const {
  const absl::string_view first = row[column_];
  if (!with_ || IsMissing(first, missing) || IsMissing(row[*with_], missing)) return first;
  *made = absl::StrCat(StripBlanks(first), " ", StripBlanks(row[*with_]));
  return *made;
}

bool IsMissing(absl::string_view text, const std::vector<std::string>& spellings) {
  const absl::string_view stripped = StripBlanks(text);
  if (stripped.empty()) return true;
  for (const std::string& spelling : spellings) {
    if (text == spelling || stripped == spelling) return true;
  }
  return false;
}

absl::Status MappingError(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

}  // namespace gridledger::mapping
