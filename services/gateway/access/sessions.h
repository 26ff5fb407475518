// Who is logged in, in memory: a cookie stands for a user for some hours. A session ends on the
// server, too: by a logout, and when the user is disabled or gets another password, in whatever
// program that is done. Cookies are kept as hashes alone.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "services/domain/intake/principal.h"
#include "services/gateway/access/access_file.h"
#include "services/gateway/access/slowdown.h"

namespace gridledger::access {

struct SessionLimits {
  absl::Duration idle = absl::Hours(8);       // a shift
  absl::Duration absolute = absl::Hours(24);  // since the login
  size_t sessions_max = 10'000;               // × ~400 B = 4 MB; beyond, the one longest idle ends
  size_t of_a_user_max = 32;                  // nobody ends the sessions of all others
  Pace names = {};
  // Many people may share an address, behind one router or one proxy.
  Pace addresses = {.free = 10};
};

struct Session {
  intake::Principal principal;  // as the file of access has it now
  std::string csrf;             // to be sent with whatever changes something
  absl::Time expires_at;        // if nothing comes before
};

struct Login {
  absl::string_view name;
  absl::string_view password;
  absl::string_view address;  // of the client; of IPv6 best its first 64 bits
  absl::string_view cookie;   // of a session that the client has now; it ends. May be empty
};

struct LoginAnswer {
  std::optional<Session> session;  // nothing: wrong name or password, or not tried yet
  std::string cookie;              // of the new session: 43 characters of base64url
  absl::Duration wait;             // not zero: nothing was tried, and nothing will be for so long
};

// Thread-safe.
class Sessions {
 public:
  // `file` outlives it.
  explicit Sessions(AccessFile* file, SessionLimits limits = {});

  // Blocks as long as AccessFile::CheckPassword, whose errors it has.
  absl::StatusOr<LoginAnswer> LogIn(const Login& login, absl::Time now);
  // Whose session it is; the session goes on from now. Nothing when there is none, or it has ended.
  absl::StatusOr<std::optional<Session>> Find(absl::string_view cookie, absl::Time now);
  // Once or twice, for a session that is there or not.
  void LogOut(absl::string_view cookie);
  size_t size() const;

  // Whether the token that a client sent is that of its session.
  static bool IsCsrf(const Session& session, absl::string_view token);

 private:
  struct Held {
    std::string user;
    uint64_t generation = 0;
    std::string csrf;
    absl::Time begun_at;
    absl::Time used_at;
  };
  absl::Time ExpiryOf(const Held& held) const;
  void MakeRoom(const std::string& user, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  AccessFile* const file_;
  const SessionLimits limits_;
  mutable absl::Mutex lock_;
  absl::flat_hash_map<std::string, Held> held_ ABSL_GUARDED_BY(lock_);  // by the cookie's hash
  Slowdown names_ ABSL_GUARDED_BY(lock_);
  Slowdown addresses_ ABSL_GUARDED_BY(lock_);
};

}  // namespace gridledger::access
