// How often each principal may ask: a bucket of tokens for each, one taken by each request, and
// filled again as time goes by. Pure: time comes in as a value. One thread at a time.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace gridledger::intake {

struct Rate {
  int64_t burst = 60;                             // tokens of a full bucket; from 1
  absl::Duration each = absl::Milliseconds(100);  // until one more is there: ten a second
};

class RateLimiter {
 public:
  // Of whom a bucket is kept that is not full: 65,536 × ~250 B ≈ 16 MB. Beyond, the one nearest to
  // full is taken for full.
  static constexpr size_t kPrincipalsMax = 65'536;

  explicit RateLimiter(Rate rate, size_t principals_max = kPrincipalsMax)
      : rate_(rate), principals_max_(principals_max) {}

  // Takes one token of the principal's. Zero when there was one; else how long until there is, and
  // then nothing is taken.
  absl::Duration Take(absl::string_view principal, absl::Time now);
  // Of whom a bucket is kept.
  size_t principals() const { return full_at_.size(); }

 private:
  void Set(absl::string_view principal, absl::Time full_at);
  void Drop(absl::string_view principal);

  const Rate rate_;
  const size_t principals_max_;
  // A bucket is known by the instant at which it is full; one that is full needs not be kept.
  absl::btree_map<std::string, absl::Time> full_at_;
  absl::btree_set<std::pair<absl::Time, std::string>> by_full_at_;
};

}  // namespace gridledger::intake
