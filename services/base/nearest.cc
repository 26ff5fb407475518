#include "services/base/nearest.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cstdint>
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

bool ReadsAsName(absl::string_view text) {
  constexpr size_t kNameMax = 80;  // bytes; SQL's have at most 63
  if (text.size() > kNameMax) return false;
  int digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    digits = absl::ascii_isdigit(byte) ? digits + 1 : 0;
    if (digits == 3 || byte == '@' || absl::ascii_iscntrl(byte)) return false;
    const absl::string_view rest = text.substr(i);
    // U+0080 to U+009F; U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
    if (byte == 0xc2 && rest.size() > 1 && static_cast<uint8_t>(rest[1]) < 0xa0) return false;
    if (byte != 0xe2 || rest.size() < 3) continue;
    const int last = static_cast<uint8_t>(rest[2]);
    if (rest[1] == '\x80' && ((last >= 0x8e && last <= 0x8f) || (last >= 0xa8 && last <= 0xae))) {
      return false;
    }
    if (rest[1] == '\x81' && last >= 0xa6 && last <= 0xa9) return false;
  }
  return true;
}

}  // namespace gridledger
