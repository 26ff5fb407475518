#include "services/gateway/access/sessions.h"

#include <algorithm>
#include <utility>

#include "services/gateway/access/secrets.h"

namespace gridledger::access {
namespace {

constexpr size_t kAddressBytesMax = 64;  // an IPv6 address with a zone has at most 62

}  // namespace

Sessions::Sessions(AccessFile* file, SessionLimits limits)
    : file_(file), limits_(limits), names_(limits.names), addresses_(limits.addresses) {}

absl::StatusOr<LoginAnswer> Sessions::LogIn(const Login& login, absl::Time now) {
  const std::string name(login.name);
  // What is compared may be cut: no user has a longer name.
  const std::string counted(login.name.substr(0, kNameBytesMax + 1));
  const std::string address(login.address.substr(0, kAddressBytesMax));
  LoginAnswer answer;
  {
    absl::MutexLock lock(&lock_);
    answer.wait = std::max(names_.Wait(counted, now), addresses_.Wait(address, now));
    if (answer.wait > absl::ZeroDuration()) return answer;
    // Counted before it is tried, so that many at once are slowed, too.
    names_.Failed(counted, now);
    addresses_.Failed(address, now);
  }
  absl::StatusOr<std::optional<Account>> account = file_->CheckPassword(name, login.password);
  absl::MutexLock lock(&lock_);
  if (!account.ok()) {
    names_.TakeBack(counted);
    addresses_.TakeBack(address);
    return account.status();
  }
  if (!account->has_value()) return answer;
  names_.Forget(counted);
  // Not forgotten: whoever has one account must not try others' passwords the quicker for it.
  addresses_.TakeBack(address);
  if (!login.cookie.empty()) held_.erase(HashOf(login.cookie));
  MakeRoom(name, now);
  Held held{.user = name,
            .generation = (*account)->generation,
            .csrf = RandomToken(),
            .begun_at = now,
            .used_at = now};
  answer.cookie = RandomToken();
  answer.session = Session{(*account)->principal, held.csrf, ExpiryOf(held)};
  held_[HashOf(answer.cookie)] = std::move(held);
  return answer;
}

absl::StatusOr<std::optional<Session>> Sessions::Find(absl::string_view cookie, absl::Time now) {
  if (cookie.size() != kTokenCharacters) return std::nullopt;
  const std::string hash = HashOf(cookie);
  Held held;
  {
    absl::MutexLock lock(&lock_);
    const auto found = held_.find(hash);
    if (found == held_.end()) return std::nullopt;
    if (ExpiryOf(found->second) <= now) {
      held_.erase(found);
      return std::nullopt;
    }
    found->second.used_at = std::max(found->second.used_at, now);
    held = found->second;
  }
  const absl::StatusOr<std::optional<Account>> account = file_->FindAccount(held.user);
  if (!account.ok()) return account.status();
  if (!account->has_value() || (*account)->generation != held.generation) {
    LogOut(cookie);
    return std::nullopt;
  }
  return Session{(*account)->principal, held.csrf, ExpiryOf(held)};
}

void Sessions::LogOut(absl::string_view cookie) {
  absl::MutexLock lock(&lock_);
  held_.erase(HashOf(cookie));
}

size_t Sessions::size() const {
  absl::MutexLock lock(&lock_);
  return held_.size();
}

bool Sessions::IsCsrf(const Session& session, absl::string_view token) {
  return !session.csrf.empty() && SameBytes(session.csrf, token);
}

absl::Time Sessions::ExpiryOf(const Held& held) const {
  return std::min(held.used_at + limits_.idle, held.begun_at + limits_.absolute);
}

// Walks all of them: some microseconds beside the tenth of a second that a password takes.
void Sessions::MakeRoom(const std::string& user, absl::Time now) {
  absl::erase_if(held_, [&](const auto& one) { return ExpiryOf(one.second) <= now; });
  auto oldest = held_.end();
  auto oldest_of_user = held_.end();
  size_t of_user = 0;
  for (auto one = held_.begin(); one != held_.end(); ++one) {
    if (oldest == held_.end() || one->second.used_at < oldest->second.used_at) oldest = one;
    if (one->second.user != user) continue;
    ++of_user;
    if (oldest_of_user == held_.end() || one->second.used_at < oldest_of_user->second.used_at) {
      oldest_of_user = one;
    }
  }
  if (of_user >= limits_.of_a_user_max) {
    held_.erase(oldest_of_user);
  } else if (held_.size() >= limits_.sessions_max) {
    held_.erase(oldest);
  }
}

}  // namespace gridledger::access
