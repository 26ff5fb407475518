#include "services/base/characters.h"

namespace gridledger {

char32_t TakeCharacter(absl::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char first = byte(0);
  size_t size = 1;
  char32_t code = first;
  if (first >= 0xF0 && first < 0xF8) {
    size = 4;
    code = first & 0x07;
  } else if (first >= 0xE0 && first < 0xF0) {
    size = 3;
    code = first & 0x0F;
  } else if (first >= 0xC2 && first < 0xE0) {
    size = 2;
    code = first & 0x1F;
  } else if (first >= 0x80) {
    code = kNotUtf8;
  }
  bool whole = size <= text->size();
  for (size_t i = 1; whole && i < size; ++i) {
    whole = (byte(i) & 0xC0) == 0x80;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  if (!whole) {
    text->remove_prefix(1);
    return kNotUtf8;
  }
  text->remove_prefix(size);
  return code;
}

bool IsControl(char32_t code) {
  const bool bidirectional =
      (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || bidirectional;
}

bool IsBlank(char32_t code) {
  return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200B) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000 || code == 0xFEFF;
}

absl::string_view StripBlanks(absl::string_view text) {
  while (!text.empty()) {
    absl::string_view rest = text;
    if (!IsBlank(TakeCharacter(&rest))) break;
    text = rest;
  }
  while (!text.empty()) {
    // The last character begins where no byte of a longer one goes on.
    size_t size = 1;
    while (size < 4 && size < text.size() &&
           (static_cast<unsigned char>(text[text.size() - size]) & 0xC0) == 0x80) {
      ++size;
    }
    absl::string_view last = text.substr(text.size() - size);
    if (!IsBlank(TakeCharacter(&last))) break;
    text.remove_suffix(size);
  }
  return text;
}

}  // namespace gridledger
