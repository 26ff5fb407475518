// The digest of a set of key/value pairs: an order-independent 128-bit sum of one hash a pair.
// Replicas, replays and builds compare it at any offset. It finds accidents, not forgers.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>

namespace gridledger {

struct Digest {
  uint64_t high = 0;
  uint64_t low = 0;

  // Sums and differences are modulo 2^128, so that what was added can be taken out again.
  Digest& operator+=(const Digest& other) {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
    return *this;
  }
  Digest& operator-=(const Digest& other) {
    const bool borrow = low < other.low;
    low -= other.low;
    high -= other.high + (borrow ? 1 : 0);
    return *this;
  }
  friend bool operator==(const Digest&, const Digest&) = default;

  // 32 lower-case hexadecimal digits.
  std::string Hex() const;
};

// The hash of one pair: XXH3-128 of length-prefixed key, then value. Never zero in practice; the
// digest of the empty set is.
Digest HashPair(absl::string_view key, absl::string_view value);

// A short fingerprint of bytes, for naming things (not for digests): XXH3-64.
uint64_t Fingerprint(absl::string_view bytes);

}  // namespace gridledger
