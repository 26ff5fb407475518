#include "services/gateway/access/access_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gridledger::access {
namespace {

constexpr absl::string_view kKeyPrefix = "glk_";
constexpr size_t kFileBytesMax = size_t{64} << 20;  // all users and keys with some areas: ~10 MB

absl::Status Failed(absl::string_view act, const std::string& path, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", act, " ", path, ": ", std::strerror(error)));
}

// A descriptor that is closed at the end.
class File {
 public:
  explicit File(int number) : number_(number) {}
  ~File() {
    if (number_ >= 0) ::close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

absl::StatusOr<People> ReadFrom(int file, const std::string& path) {
  std::string text;
  char buffer[65'536];
  ssize_t got = 0;
  while ((got = ::read(file, buffer, sizeof buffer)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kFileBytesMax) {
      return absl::DataLossError(absl::StrCat(path, " is larger than any that we write"));
    }
  }
  absl::StatusOr<People> people = ReadPeople(text);
  if (people.ok()) return people;
  return absl::Status(people.status().code(), absl::StrCat(path, ": ", people.status().message()));
}

absl::Status WriteTo(int file, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t put = ::write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Failed("write", path, errno);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return ::fsync(file) == 0 ? absl::OkStatus() : Failed("sync", path, errno);
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_directory(folder, error)) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " is a file: --data names a folder"));
  }
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
}

absl::Status NoSuchUser() { return absl::NotFoundError("there is no user of that name"); }

std::string KeyText(absl::string_view id, absl::string_view token) {
  return absl::StrCat(kKeyPrefix, id, "_", token);
}

// The id in a key's text; empty when it has not the form of one.
std::string KeyId(absl::string_view text) {
  if (text.size() != kKeyPrefix.size() + kIdCharacters + 1 + kTokenCharacters) return "";
  if (!absl::StartsWith(text, kKeyPrefix)) return "";
  text.remove_prefix(kKeyPrefix.size());
  return text[kIdCharacters] == '_' ? std::string(text.substr(0, kIdCharacters)) : "";
}

std::optional<Account> AccountIn(const People& people, const std::string& name) {
  const auto found = people.users.find(name);
  if (found == people.users.end() || found->second.disabled) return std::nullopt;
  return Account{PrincipalOf(absl::StrCat("user:", name), found->second.rights),
                 found->second.generation};
}

}  // namespace

AccessFile::AccessFile(std::string folder, Cost cost)
    : folder_(std::move(folder)), path_(absl::StrCat(folder_, "/access.json")), cost_(cost) {}

AccessFile::~AccessFile() {
  if (file_ >= 0) ::close(file_);
}

absl::StatusOr<std::unique_ptr<AccessFile>> AccessFile::Open(const std::string& folder, Cost cost) {
  std::unique_ptr<AccessFile> file(new AccessFile(folder, cost));
  if (const auto everybody = file->Everybody(); !everybody.ok()) return everybody.status();
  return file;
}

absl::StatusOr<std::shared_ptr<const People>> AccessFile::Everybody() {
  absl::MutexLock lock(&reading_);
  struct stat there = {};
  struct stat held = {};
  if (::stat(path_.c_str(), &there) == 0 && file_ >= 0 && ::fstat(file_, &held) == 0 &&
      IsSame(there, held) && people_ != nullptr) {
    return people_;
  }
  File opened(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.number() < 0) {
    if (errno == ENOTDIR) {
      return absl::InvalidArgumentError(absl::StrCat(folder_, " is a file: --data names a folder"));
    }
    if (errno == ENOENT) return std::make_shared<const People>();
    return Failed("open", path_, errno);
  }
  absl::StatusOr<People> people = ReadFrom(opened.number(), path_);
  if (!people.ok()) return people.status();
  people_ = std::make_shared<const People>(*std::move(people));
  if (file_ >= 0) ::close(file_);
  file_ = opened.Release();
  return people_;
}

absl::Status AccessFile::Change(absl::FunctionRef<absl::Status(People&)> change) {
  if (absl::Status status = MakeFolder(folder_); !status.ok()) return status;
  const std::string lock_path = absl::StrCat(folder_, "/access.lock");
  // Never deleted: whoever waits for it must wait for the same file.
  const File lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.number() < 0) return Failed("open", lock_path, errno);
  // Held for as long as a small file is written.
  while (::flock(lock.number(), LOCK_EX) != 0) {
    if (errno != EINTR) return Failed("lock", lock_path, errno);
  }
  const auto before = Everybody();
  if (!before.ok()) return before.status();
  People people = **before;
  if (absl::Status status = change(people); !status.ok()) return status;
  return people == **before ? absl::OkStatus() : PutInPlace(people);
}

absl::Status AccessFile::PutInPlace(const People& people) {
  const std::string part = absl::StrCat(path_, ".part");
  ::unlink(part.c_str());  // of a program that was ended amid this
  {
    const File file(
        ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.number() < 0) return Failed("write", part, errno);
    if (::fchmod(file.number(), 0600) != 0) return Failed("write", part, errno);
    if (absl::Status status = WriteTo(file.number(), WritePeople(people), part); !status.ok()) {
      ::unlink(part.c_str());
      return status;
    }
  }
  if (::rename(part.c_str(), path_.c_str()) != 0) return Failed("write", path_, errno);
  const File folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0 || ::fsync(folder.number()) != 0) return Failed("sync", folder_, errno);
  return absl::OkStatus();
}

absl::Status AccessFile::AddUser(const std::string& name, const Rights& rights,
                                 absl::string_view password, absl::Time now) {
  for (const absl::Status& status :
       {CheckName(name), CheckRights(rights), CheckPasswordWords(password)}) {
    if (!status.ok()) return status;
  }
  // Before it is locked: others need not wait for it.
  const absl::StatusOr<std::string> hash = HashPassword(password, cost_);
  if (!hash.ok()) return hash.status();
  return Change([&](People& people) {
    if (people.users.size() >= kUsersMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("there are ", kUsersMax, " users, which are the most"));
    }
    User user{.name = name, .rights = rights, .password = *hash, .created_at = now};
    if (people.users.emplace(name, std::move(user)).second) return absl::OkStatus();
    return absl::AlreadyExistsError("there is a user of that name");
  });
}

absl::Status AccessFile::SetPassword(const std::string& name, absl::string_view password) {
  if (absl::Status status = CheckPasswordWords(password); !status.ok()) return status;
  const absl::StatusOr<std::string> hash = HashPassword(password, cost_);
  if (!hash.ok()) return hash.status();
  return Change([&](People& people) {
    const auto found = people.users.find(name);
    if (found == people.users.end()) return NoSuchUser();
    found->second.password = *hash;
    ++found->second.generation;
    return absl::OkStatus();
  });
}

absl::Status AccessFile::SetDisabled(const std::string& name, bool disabled) {
  return Change([&](People& people) {
    const auto found = people.users.find(name);
    if (found == people.users.end()) return NoSuchUser();
    if (found->second.disabled != disabled) ++found->second.generation;
    found->second.disabled = disabled;
    return absl::OkStatus();
  });
}

absl::StatusOr<MadeKey> AccessFile::AddKey(const NewKey& key, absl::Time now) {
  for (const absl::Status& status : {CheckName(key.name), CheckRights(key.rights)}) {
    if (!status.ok()) return status;
  }
  if (key.expires_at && *key.expires_at <= now) {
    return absl::InvalidArgumentError("the instant at which the key expires has passed");
  }
  MadeKey made;
  const absl::Status changed = Change([&](People& people) {
    if (people.keys.size() >= kKeysMax) {
      return absl::FailedPreconditionError(
          absl::StrCat("there are ", kKeysMax, " keys, which are the most"));
    }
    do {
      made.id = RandomId();
    } while (people.keys.contains(made.id));
    made.text = KeyText(made.id, RandomToken());
    people.keys[made.id] = Key{.id = made.id,
                               .name = key.name,
                               .rights = key.rights,
                               .hash = HashOf(made.text),
                               .expires_at = key.expires_at,
                               .created_at = now};
    return absl::OkStatus();
  });
  if (!changed.ok()) return changed;
  return made;
}

absl::Status AccessFile::RevokeKey(const std::string& id) {
  return Change([&](People& people) {
    const auto found = people.keys.find(id);
    if (found == people.keys.end()) {
      return absl::NotFoundError("there is no key of that id: `gridledger keys list` names them");
    }
    found->second.revoked = true;
    return absl::OkStatus();
  });
}

absl::StatusOr<std::optional<intake::Principal>> AccessFile::FindKey(absl::string_view text,
                                                                     absl::Time now) {
  const auto people = Everybody();
  if (!people.ok()) return people.status();
  const std::string id = KeyId(text);
  if (id.empty()) return std::nullopt;
  const auto found = (*people)->keys.find(id);
  if (found == (*people)->keys.end()) return std::nullopt;
  const Key& key = found->second;
  if (!SameBytes(key.hash, HashOf(text))) return std::nullopt;
  if (key.revoked || (key.expires_at && *key.expires_at <= now)) return std::nullopt;
  return PrincipalOf(absl::StrCat("key:", id), key.rights);
}

absl::StatusOr<std::optional<Account>> AccessFile::CheckPassword(const std::string& name,
                                                                 absl::string_view password) {
  const auto people = Everybody();
  if (!people.ok()) return people.status();
  if (password.size() > kPasswordBytesMax) return std::nullopt;
  {
    absl::MutexLock lock(&waiting_lock_);
    if (waiting_ >= kWaitingMax) {
      return absl::ResourceExhaustedError("too many log in at once: try again in some seconds");
    }
    ++waiting_;
  }
  bool is_right = false;
  absl::Status hashed;
  {
    absl::MutexLock lock(&hashing_);
    const auto found = (*people)->users.find(name);
    if (found == (*people)->users.end()) {
      hashed = HashPassword(password, cost_).status();  // for the time that it takes
    } else {
      is_right = IsPassword(found->second.password, password);
    }
  }
  {
    absl::MutexLock lock(&waiting_lock_);
    --waiting_;
  }
  if (!hashed.ok()) return hashed;
  if (!is_right) return std::nullopt;
  return AccountIn(**people, name);
}

absl::StatusOr<std::optional<Account>> AccessFile::FindAccount(const std::string& name) {
  const auto people = Everybody();
  if (!people.ok()) return people.status();
  return AccountIn(**people, name);
}

}  // namespace gridledger::access
