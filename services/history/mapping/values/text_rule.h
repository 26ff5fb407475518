// A mapping's Value, compiled: the text of a column with its spellings folded together.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/columns.h"
#include "services/history/mapping/values/folding.h"

namespace gridledger::mapping {

// Of an id or a code, in bytes: a key of the ledger; the longest known, a city's own case title as
// a category, has some 100.
inline constexpr size_t kCodeBytesMax = 256;

class TextRule {
 public:
  // `strip` strips blanks whatever the value says; a table is one of the columns' annex's.
  // InvalidArgument names `where`.
  static absl::StatusOr<TextRule> Compile(absl::string_view where, const v1::Value& value,
                                          const Columns& columns, bool strip);

  enum class Answer { kText, kMissing, kTooLong, kNotText, kControl, kNotInTable };
  // `*text` lives as long as the row, this rule and the next Read.
  Answer Read(Row row, absl::string_view* text);
  // The column's name; empty for a constant.
  const std::string& column() const { return column_; }

 private:
  absl::Status CompileTable(absl::string_view where, const v1::Lookup& lookup,
                            const Columns& columns);
  absl::string_view Fold(absl::string_view text);

  std::optional<ColumnText> text_;
  std::string joined_;  // of two columns
  std::string column_;
  std::string constant_;
  std::optional<std::string> default_;
  bool strip_ = false;
  std::vector<std::string> missing_;
  absl::flat_hash_map<std::string, std::string> replace_;  // lookups only
  Folding folding_;
  std::string made_;  // the text, where it is not the row's own
  std::shared_ptr<const Table> table_;
  std::optional<std::string> otherwise_;
};

// Whether `text` may be an id or a code: kText, or what is wrong with it.
TextRule::Answer CheckCode(absl::string_view text);

// What a person is told about it; empty for kText.
absl::string_view WhyNot(TextRule::Answer answer);

}  // namespace gridledger::mapping
