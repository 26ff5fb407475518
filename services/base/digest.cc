#include "services/base/digest.h"

#include <absl/strings/str_format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace gridledger {

std::string Digest::Hex() const { return absl::StrFormat("%016x%016x", high, low); }

Digest HashPair(absl::string_view key, absl::string_view value) {
  // The key's hash seeds the value's: two hashes of short texts cost less than one copy.
  const uint64_t seed = XXH3_64bits_withSeed(key.data(), key.size(), value.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(value.data(), value.size(), seed);
  // Values may be empty: the key must still reach all 128 bits.
  const XXH128_hash_t name = XXH3_128bits(key.data(), key.size());
  return Digest{hash.high64 ^ (name.high64 * 0x9E3779B185EBCA87ULL), hash.low64 + name.low64};
}

uint64_t Fingerprint(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace gridledger
