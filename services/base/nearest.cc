#include "services/base/nearest.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "services/base/characters.h"

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

std::string DidYouMean(absl::string_view found, absl::Span<const std::string> names) {
  std::vector<absl::string_view> near;
  const std::string lower = absl::AsciiStrToLower(found.substr(0, kFoundMax));
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kFoundMax) continue;
    if (EditDistance(lower, absl::AsciiStrToLower(name)) <= 1 + name.size() / 4) {
      near.push_back(name);
    }
  }
  return near.empty() ? "" : absl::StrCat("; did you mean ", absl::StrJoin(near, " or "), "?");
}

std::string Instead(absl::string_view found, absl::Span<const std::string> names) {
  std::string near = DidYouMean(found, names);
  if (!near.empty() || names.empty()) return near;
  return absl::StrCat("; expected ", absl::StrJoin(names.subspan(0, kNamesMax), ", "),
                      names.size() > kNamesMax ? ", …" : "");
}

bool ReadsAsName(absl::string_view text) {
  constexpr size_t kNameMax = 80;  // bytes; SQL's have at most 63
  if (text.size() > kNameMax) return false;
  int digits = 0;
  while (!text.empty()) {
    const char32_t code = TakeCharacter(&text);
    digits = code >= '0' && code <= '9' ? digits + 1 : 0;
    const bool mark = (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x2029);
    if (code == kNotUtf8 || code == '@' || digits == 3 || mark || IsControl(code)) return false;
  }
  return true;
}

}  // namespace gridledger
