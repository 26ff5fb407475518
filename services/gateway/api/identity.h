// Who sends a request: a key in `Authorization: Bearer glk_…`, a session's cookie, or the public.
// Also the routes of sessions: log in, who am I, log out.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <variant>

#include "services/domain/intake/principal.h"
#include "services/domain/intake/rate_limiter.h"
#include "services/gateway/access/access_file.h"
#include "services/gateway/access/sessions.h"
#include "services/gateway/http/router.h"
#include "services/runtime/ports/clock.h"

namespace gridledger::gateway {

struct IdentityOptions {
  access::AccessFile* file = nullptr;
  access::Sessions* sessions = nullptr;
  Clock* clock = nullptr;
  boost::asio::thread_pool* pool = nullptr;  // for passwords, which take their time
  bool public_reads = true;                  // without a key or a session
  bool public_reports = true;
};

class Identity {
 public:
  explicit Identity(IdentityOptions options) : options_(options) {}
  void AddTo(Router* router);

  // 401 for a key or a cookie that is none, or for nothing where something is wanted; 403 for a
  // session's change without its token; 429 for who sends too much. A request that changes
  // something takes from its sender's rate.
  std::variant<intake::Principal, Reply> Identify(const Request& request);
  // Whether the request may read what is for the public alone when that is switched on.
  std::optional<Reply> MayRead(const Request& request);

 private:
  boost::asio::awaitable<Reply> LogIn(Request& request);
  boost::asio::awaitable<Reply> WhoAmI(Request& request);
  boost::asio::awaitable<Reply> LogOut(Request& request);
  // Nobody: the public.
  std::variant<std::optional<intake::Principal>, Reply> Known(const Request& request);

  const IdentityOptions options_;
  absl::Mutex mutex_;
  // What the public sends is from one address: a family, an office.
  intake::RateLimiter of_public_ ABSL_GUARDED_BY(mutex_){
      intake::Rate{.burst = 600, .each = absl::Milliseconds(50)}};
  intake::RateLimiter of_known_ ABSL_GUARDED_BY(mutex_){
      intake::Rate{.burst = 20'000, .each = absl::Microseconds(100)}};
};

}  // namespace gridledger::gateway
