#include "services/gateway/access/secrets.h"

#include <sodium.h>

#include <array>

#include "services/base/invariant.h"

namespace gridledger::access {
namespace {

// Finds the system's source of chance; costs nothing the second time.
void Begin() { INVARIANT(sodium_init() >= 0, "libsodium finds no source of chance"); }

}  // namespace

std::string RandomToken() {
  Begin();
  std::array<unsigned char, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  std::string text(sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.resize(kTokenCharacters);  // without the zero behind it
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

std::string RandomId() {
  Begin();
  std::array<unsigned char, kIdCharacters / 2> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  std::string text(kIdCharacters + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.resize(kIdCharacters);
  return text;
}

std::string HashOf(absl::string_view secret) {
  Begin();
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), nullptr,
                     0);
  return hash;
}

bool SameBytes(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

Cost InteractiveCost() {
  return {crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE};
}

Cost LeastCost() { return {crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN}; }

absl::StatusOr<std::string> HashPassword(absl::string_view password, Cost cost) {
  Begin();
  std::array<char, crypto_pwhash_STRBYTES> hash;
  if (crypto_pwhash_str(hash.data(), password.data(), password.size(), cost.passes,
                        cost.memory_bytes) != 0) {
    return absl::ResourceExhaustedError("no memory to hash a password");
  }
  return std::string(hash.data());
}

bool IsPassword(const std::string& hash, absl::string_view password) {
  Begin();
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

}  // namespace gridledger::access
