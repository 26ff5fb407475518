// Random secrets, and what is kept of secrets: hashes. The only file that knows libsodium. Never
// keeps a secret, and never writes one anywhere.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace gridledger::access {

inline constexpr size_t kTokenCharacters = 43;  // 256 bits in base64url, without padding
inline constexpr size_t kIdCharacters = 16;     // 64 bits in hexadecimal

// 256 bits of the system's chance, in base64url.
std::string RandomToken();
// 64 bits of it, in hexadecimal: names something, and is no secret.
std::string RandomId();

// BLAKE2b-256. Enough for secrets of 256 random bits: nobody can try them out, so a slow hash would
// only slow each request.
std::string HashOf(absl::string_view secret);
// In a time that tells nothing of where they differ.
bool SameBytes(absl::string_view a, absl::string_view b);

// What it costs to hash a password with argon2id.
struct Cost {
  uint64_t passes = 0;
  size_t memory_bytes = 0;
};
// libsodium's "interactive": 2 passes over 64 MiB, a tenth of a second of one core. "Moderate"
// takes 256 MiB, a quarter of the gateway's one memory limit, for each login; OWASP asks for 2
// passes over 19 MiB at least.
Cost InteractiveCost();
Cost LeastCost();  // for tests

// "$argon2id$v=19$…", with its own salt and cost in it. ResourceExhausted without the memory for
// it.
absl::StatusOr<std::string> HashPassword(absl::string_view password, Cost cost);
bool IsPassword(const std::string& hash, absl::string_view password);

}  // namespace gridledger::access
