#include "services/gateway/api/incident_ids.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/time/civil_time.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdint>

#include "services/base/invariant.h"

namespace gridledger::gateway {
namespace {

constexpr char kLetters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's base 32

constexpr size_t kRepeatKeyBytesMax = 256;

}  // namespace

std::string NewIncidentId(absl::Time now) {
  uint64_t bits = 0;
  INVARIANT(RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof bits) == 1,
            "the system gave no random bits");
  std::string id = absl::StrCat("R", absl::FormatTime("%y%m%d", now, absl::UTCTimeZone()), "-");
  for (int i = 0; i < 10; ++i, bits >>= 5) id.push_back(kLetters[bits & 31]);
  return id;
}

bool IsRepeatKey(absl::string_view key) {
  return !key.empty() && key.size() <= kRepeatKeyBytesMax &&
         std::all_of(key.begin(), key.end(),
                     [](unsigned char c) { return absl::ascii_isprint(c); });
}

std::string RepeatableIncidentId(absl::string_view sender, absl::string_view key) {
  const std::string text = absl::StrCat(sender.size(), ":", sender, key);
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), hash, &size, EVP_sha256(), nullptr);
  std::string id = "K-";
  uint64_t bits = 0;
  int has = 0;
  for (int i = 0; i < 10; ++i) {
    bits = bits << 8 | hash[i];
    for (has += 8; has >= 5; has -= 5) id.push_back(kLetters[bits >> (has - 5) & 31]);
  }
  return id;
}

}  // namespace gridledger::gateway
