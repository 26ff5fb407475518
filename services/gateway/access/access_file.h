// The file of people and keys of one data folder: DIR/access.json, mode 0600. Any number of
// programs may read and change it at once: a change is made under a lock (DIR/access.lock) to what
// is there by then, and put in place as a whole; readers look at each call whether it is another
// file.
//
// A key is shown once, to whoever makes it. Here are hashes alone.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/domain/intake/principal.h"
#include "services/gateway/access/people.h"
#include "services/gateway/access/secrets.h"

namespace gridledger::access {

// A user who is not disabled.
struct Account {
  intake::Principal principal;
  uint64_t generation = 0;  // sessions of another one have ended
};

struct NewKey {
  std::string name;
  Rights rights;
  std::optional<absl::Time> expires_at = {};
};

struct MadeKey {
  std::string id;
  std::string text;  // "glk_<id>_<43 characters>"; nobody can tell it again
};

// Thread-safe.
//
// Errors of all of it: Unavailable when the disk fails; DataLoss when the file is damaged, and then
// nobody is let in; FailedPrecondition when a later build wrote it. No error names anybody.
class AccessFile {
 public:
  // Of those who log in at once, one after the other, so that they take 64 MiB together. Further
  // ones are told to come again; 16 take about two seconds.
  static constexpr int kWaitingMax = 16;

  // A folder or file that is not there yet has nobody; the first change makes them.
  static absl::StatusOr<std::unique_ptr<AccessFile>> Open(const std::string& folder,
                                                          Cost cost = InteractiveCost());
  ~AccessFile();
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;

  // ---- changes. NotFound, AlreadyExists and InvalidArgument are the caller's mistakes.

  absl::Status AddUser(const std::string& name, const Rights& rights, absl::string_view password,
                       absl::Time now);
  // Ends the user's sessions.
  absl::Status SetPassword(const std::string& name, absl::string_view password);
  // Ends the user's sessions; who is enabled again logs in anew.
  absl::Status SetDisabled(const std::string& name, bool disabled);
  absl::StatusOr<MadeKey> AddKey(const NewKey& key, absl::Time now);
  // Twice is no mistake.
  absl::Status RevokeKey(const std::string& id);

  // ---- questions

  // Everybody, sorted, as the file has it now: hashes too.
  absl::StatusOr<std::shared_ptr<const People>> Everybody();
  // Whose key it is; nothing for one that is not there, was revoked, or is not valid any more.
  absl::StatusOr<std::optional<intake::Principal>> FindKey(absl::string_view text, absl::Time now);
  // Nothing when there is no such user, when the password is another, or the user is disabled: each
  // takes as long. ResourceExhausted when too many log in at once. Blocks for a tenth of a second.
  absl::StatusOr<std::optional<Account>> CheckPassword(const std::string& name,
                                                       absl::string_view password);
  // Nothing when there is no such user, or the user is disabled.
  absl::StatusOr<std::optional<Account>> FindAccount(const std::string& name);

 private:
  AccessFile(std::string folder, Cost cost);
  absl::Status Change(absl::FunctionRef<absl::Status(People&)> change);
  absl::Status PutInPlace(const People& people);

  const std::string folder_;
  const std::string path_;
  const Cost cost_;

  absl::Mutex reading_;
  std::shared_ptr<const People> people_ ABSL_GUARDED_BY(reading_);
  // Of what `people_` says, kept open: no other file can be taken for it.
  int file_ ABSL_GUARDED_BY(reading_) = -1;

  absl::Mutex waiting_lock_;
  int waiting_ ABSL_GUARDED_BY(waiting_lock_) = 0;
  absl::Mutex hashing_;
};

}  // namespace gridledger::access
