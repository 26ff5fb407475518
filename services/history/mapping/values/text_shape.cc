#include "services/history/mapping/values/text_shape.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <cstdint>

#include "services/base/characters.h"

namespace gridledger::mapping {

std::string ShapeOf(absl::string_view text) {
  constexpr int64_t kShownMax = 24;
  if (text.empty()) return "nothing";
  if (!google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                           static_cast<int>(text.size()))) {
    return "bytes that are no text";
  }
  if (StripBlanks(text).empty()) return "blanks";
  std::string shape;
  int64_t characters = 0;
  int64_t letters = 0;
  int64_t digits = 0;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x80 && byte < 0xc0) continue;  // of the character before
    ++characters;
    if (byte >= 0x80) {
      ++letters;
      shape += "字";
    } else if (absl::ascii_isalpha(c)) {
      ++letters;
      shape += 'a';
    } else if (absl::ascii_isdigit(c)) {
      ++digits;
      shape += '9';
    } else {
      shape += absl::ascii_iscntrl(c) ? '?' : c;
    }
  }
  if (letters == characters) return absl::StrCat(letters, letters == 1 ? " letter" : " letters");
  if (digits == characters) return absl::StrCat(digits, digits == 1 ? " digit" : " digits");
  if (characters > kShownMax) return absl::StrCat(characters, " characters");
  return shape;
}

}  // namespace gridledger::mapping
