// The people and keys of one city, as the file of access has them, and that file's text: JSON, so
// that an operator can read who may do what. Holds hashes alone, no secret. Never touches a disk.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/domain/intake/principal.h"

namespace gridledger::access {

inline constexpr size_t kUsersMax =
    10'000;  // a city of a million has some thousands; × ~500 B = 5 MB
inline constexpr size_t kKeysMax = 10'000;  // probes and systems, revoked ones too; × ~500 B = 5 MB
inline constexpr size_t kNameBytesMax = 128;         // 42 Chinese characters
inline constexpr size_t kPlacesMax = 256;            // areas, or units, of one user or key
inline constexpr size_t kPasswordCharactersMin = 8;  // NIST SP 800-63B
inline constexpr size_t kPasswordBytesMax = 1024;

// What somebody may do.
struct Rights {
  std::vector<std::string> roles;  // intake::RoleNames(), "administrator", "viewer"; at least one
  std::string code = {};           // that the facts carry: no name of a person
  std::vector<std::string> areas = {};  // empty: everywhere
  std::vector<std::string> units = {};  // empty: all

  friend bool operator==(const Rights&, const Rights&) = default;
};

struct User {
  std::string name;
  Rights rights;
  std::string password;  // its argon2id hash
  bool disabled = false;
  uint64_t generation = 0;  // moves when the sessions of before end: a new password, disabled
  absl::Time created_at;

  friend bool operator==(const User&, const User&) = default;
};

struct Key {
  std::string id;
  std::string name;  // what it is for; several may have the same, while one replaces another
  Rights rights;
  std::string hash;  // 32 bytes
  bool revoked = false;
  std::optional<absl::Time> expires_at;
  absl::Time created_at;

  friend bool operator==(const Key&, const Key&) = default;
};

struct People {
  absl::btree_map<std::string, User> users;  // by name
  absl::btree_map<std::string, Key> keys;    // by id

  friend bool operator==(const People&, const People&) = default;
};

// All that `roles` may name.
const std::vector<std::string>& AllRoles();

// InvalidArgument, in words that repeat nothing of what was given.
absl::Status CheckName(absl::string_view name);
absl::Status CheckRights(const Rights& rights);
absl::Status CheckPasswordWords(absl::string_view password);

// `name` tells it apart from other principals. REQUIRES: CheckRights is OK.
intake::Principal PrincipalOf(std::string name, const Rights& rights);

// The text of the file, and back. DataLoss when it is none; FailedPrecondition when a later build
// wrote it.
std::string WritePeople(const People& people);
absl::StatusOr<People> ReadPeople(absl::string_view text);

// "2024-01-01T00:00:00.000Z"
std::string TimeText(absl::Time at);

}  // namespace gridledger::access
