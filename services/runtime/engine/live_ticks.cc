// How the live driver sends time: a tick when a timer is due by the clock, and how long the next
// one waits. Never folds one: what time it is says the log.
#include <algorithm>
#include <utility>

#include "services/runtime/engine/live.h"

namespace gridledger::engine {
namespace {

// While a log is away ticks gather that say how late it is by then, so that what has become due
// meanwhile does not wait for a second journey: one after so long, or an eighth of the time that
// they have been gathering for.
constexpr absl::Duration kTickAgain = absl::Milliseconds(250);
constexpr int kTickAgainPart = 8;
// So they are some 70 after an hour: 8 in two seconds, then ln(1800) / ln(9/8); and these after a
// day. Then another one would tell nothing new. × ~200 B ≈ 20 KB a partition.
constexpr size_t kTicksMax = 96;
// A tick that came back and was not late enough says how far the clock of whoever stamped it is
// behind: the next one waits for as long, and no longer than this, for that clock may be set.
constexpr absl::Duration kTickHoldMax = absl::Seconds(5);
// The log has taken so many, and they do not come back to be read: then it stands still, and more
// of them would only wait there, too.
constexpr size_t kTicksUnreadMax = 4;

}  // namespace

void Live::Tick(Group& group, Owned& owned) {
  const absl::Time now = clock_->Steady();
  while (!owned.ticks.empty() && owned.ticks.front().flight->answered) {
    const std::shared_ptr<Flight> first = owned.ticks.front().flight;
    if (!CameThrough(group, owned, *first, "a tick")) {
      owned.ticks.clear();  // those behind it fail as well
      return;
    }
    if (owned.task->next() <= first->first) break;  // answered, but not yet read back
    const bool late_enough = owned.task->now() >= owned.ticks.front().due;
    owned.ticks.pop_front();
    owned.ticked_at = late_enough ? absl::InfinitePast() : now;
    owned.ticked_to = owned.task->now();
  }
  if (now < owned.retry_at || now < TickAt(owned, now)) return;
  if (!owned.ticks.empty()) {
    const bool unread = owned.ticks.front().flight->answered;
    if (owned.ticks.size() >= (unread ? kTicksUnreadMax : kTicksMax)) return;
    const absl::Duration away = owned.ticks.back().at - owned.ticks.front().at;
    if (now - owned.ticks.back().at < std::max(kTickAgain, away / kTickAgainPart)) return;
  }
  std::vector<NewRecord> records;
  records.push_back(
      owned.task->MakeTick(std::max(clock_->Now(), owned.task->now()), owned.ticks.size()));
  const absl::Time due = owned.task->EarliestTimer();
  owned.ticks.push_back({Append(group.partition, std::move(records)), now, due});
}

// A timer fires when a record is read back that is late enough, whatever our clock says (L6). Who
// stamps the ticks may have another clock than we think: what a tick came back with tells.
absl::Time Live::TickAt(const Owned& owned, absl::Time now) const {
  const absl::Time due = owned.task->EarliestTimer();
  if (due == absl::InfiniteFuture()) return due;
  const absl::Duration left = due - std::max(clock_->Now(), owned.task->now());
  const absl::Time at = now + std::max(left, absl::ZeroDuration());
  if (owned.task->now() >= due) return at;
  return std::max(at,
                  owned.ticked_at + std::clamp(due - owned.ticked_to, kTickAgain, kTickHoldMax));
}

}  // namespace gridledger::engine
