// The columns of an input by name, and what holds in all of them: the spellings of "no value", and
// the annex of the mapping, which their texts are looked up in.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/history/mapping/values/annex.h"

namespace gridledger::mapping {

using Row = absl::Span<const absl::string_view>;  // the texts, in the order of the header

class Columns {
 public:
  // `leaks` may not be used: they tell at an event what became known later.
  Columns(absl::Span<const std::string> header, std::vector<std::string> missing, Annex annex = {},
          std::vector<std::string> leaks = {})
      : header_(header.begin(), header.end()),
        missing_(std::move(missing)),
        annex_(std::move(annex)),
        leaks_(std::move(leaks)) {}

  // InvalidArgument "incident.id: there is no column "idd"; did you mean id?", or for one that
  // leaks.
  absl::StatusOr<size_t> Find(absl::string_view where, absl::string_view name) const;
  const std::string& name(size_t column) const { return header_[column]; }
  size_t size() const { return header_.size(); }
  const std::vector<std::string>& missing() const { return missing_; }
  const Annex& annex() const { return annex_; }

 private:
  const std::vector<std::string> header_;
  const std::vector<std::string> missing_;
  const Annex annex_;
  const std::vector<std::string> leaks_;
};

// The text of a column; or of two, with a blank between them where both have a value.
class ColumnText {
 public:
  ColumnText() = default;
  // InvalidArgument as Columns::Find. An empty `with` stands for no second column.
  static absl::StatusOr<ColumnText> Compile(absl::string_view where, absl::string_view column,
                                            absl::string_view with, const Columns& columns);

  // Lives as long as the row and `made`.
  absl::string_view Of(Row row, const std::vector<std::string>& missing, std::string* made) const;

 private:
  size_t column_ = 0;
  std::optional<size_t> with_;
};

// Whether `text`, or what is left of it without blanks at its ends, is one of `spellings` or empty.
bool IsMissing(absl::string_view text, const std::vector<std::string>& spellings);

// "where: what", for whoever writes the mapping.
absl::Status MappingError(absl::string_view where, absl::string_view what);

}  // namespace gridledger::mapping
