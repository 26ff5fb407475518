// Who fails again and again waits ever longer before the next attempt. Pure: time comes in as a
// value. One thread at a time.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <string>
#include <utility>

namespace gridledger::access {

struct Pace {
  int free = 2;                             // failures that nobody waits for: a slip of the hand
  absl::Duration first = absl::Seconds(1);  // after the next one; doubled by each further one
  absl::Duration longest = absl::Minutes(1);
  absl::Duration forgotten_after = absl::Minutes(15);  // without a failure
};

class Slowdown {
 public:
  static constexpr size_t kNamesMax = 16'384;  // × ~300 B ≈ 5 MB; beyond, the oldest is forgotten

  explicit Slowdown(Pace pace, size_t names_max = kNamesMax) : pace_(pace), names_max_(names_max) {}

  // How long until the next attempt in that name; zero: now.
  absl::Duration Wait(absl::string_view name, absl::Time now) const;
  // An attempt failed; told before it is made, it counts too while it is under way.
  void Failed(absl::string_view name, absl::Time now);
  // The newest failure was none.
  void TakeBack(absl::string_view name);
  void Forget(absl::string_view name);
  size_t names() const { return failures_.size(); }

 private:
  struct Failures {
    int count = 0;
    absl::Time newest_at;
    absl::Time next_at;  // not before that
  };

  const Pace pace_;
  const size_t names_max_;
  absl::btree_map<std::string, Failures> failures_;
  absl::btree_set<std::pair<absl::Time, std::string>> by_newest_;
};

}  // namespace gridledger::access
