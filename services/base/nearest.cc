#include "services/base/nearest.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace gridledger {
namespace {

constexpr size_t kNamesMax = 40;   // of a list that still reads; the largest message of ours has 10
constexpr size_t kFoundMax = 100;  // bytes: 100 × 100 steps for a name

// Insertions, deletions and substitutions from one to the other (Levenshtein).
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({change, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string Instead(absl::string_view found, absl::Span<const std::string> names) {
  std::vector<absl::string_view> near;
  const std::string lower = absl::AsciiStrToLower(found.substr(0, kFoundMax));
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kFoundMax) continue;
    if (EditDistance(lower, absl::AsciiStrToLower(name)) <= 1 + name.size() / 4) {
      near.push_back(name);
    }
  }
  if (!near.empty()) return absl::StrCat("; did you mean ", absl::StrJoin(near, " or "), "?");
  if (names.empty()) return "";
  return absl::StrCat("; expected ", absl::StrJoin(names.subspan(0, kNamesMax), ", "),
                      names.size() > kNamesMax ? ", …" : "");
}

}  // namespace gridledger
