#include "services/base/layout.h"

namespace gridledger {

void AppendOrdered(std::string* out, int64_t value) {
  const uint64_t flipped = static_cast<uint64_t>(value) ^ (uint64_t{1} << 63);
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(flipped >> (56 - 8 * i));
  out->append(bytes, sizeof bytes);
}

bool TakeOrdered(absl::string_view* in, int64_t* value) {
  if (in->size() < 8) return false;
  uint64_t flipped = 0;
  for (int i = 0; i < 8; ++i) flipped = (flipped << 8) | static_cast<uint8_t>((*in)[i]);
  *value = static_cast<int64_t>(flipped ^ (uint64_t{1} << 63));
  in->remove_prefix(8);
  return true;
}

void AppendVarint(std::string* out, uint64_t value) {
  if (value < 0x80) return out->push_back(static_cast<char>(value));
  char bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out->append(bytes, size);
}

bool TakeVarint(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>((*in)[i]);
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *value = result;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace gridledger
