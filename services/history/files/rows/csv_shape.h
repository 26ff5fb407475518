// What a CSV file's beginning looks like, for drafts of mappings: how many lines of a title stand
// above its header, whether it has one, and what delimits its fields.
#pragma once

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>

namespace gridledger::files {

struct CsvShape {
  int64_t skip_lines = 0;
  char delimiter = ',';
  size_t columns = 0;
  bool has_header = true;  // false where the first row reads as the others do
};

// `beginning` may end in the midst of a row; a delimiter that is told is not looked for.
CsvShape LookAtCsv(absl::string_view beginning, char told = 0);

}  // namespace gridledger::files
