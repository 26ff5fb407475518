// When the live driver's partitions change hands: a standby takes over what nobody settles, stands
// down when somebody does, and an owner stands back. What both send is void once (law L4).
#include <utility>

#include "services/runtime/engine/live.h"

namespace gridledger::engine {
namespace {

// A standby that took over looks as often as it would take over whether another has three quarters
// of what was settled, and stands down when it was so each of so many times: one who comes back
// may fall behind again, and what is decided twice meanwhile costs little.
constexpr int kAbreastMax = 4;

}  // namespace

void Live::MaybeTakeOver(Group& group) {
  if (options_.takeover_after == absl::InfiniteDuration()) return;
  const absl::Time now = clock_->Steady();
  const absl::Time ledger_now = clock_->Now();
  for (Owned& owned : group.owned) {
    const PendingDecisions& pending = owned.task->pending();
    const Offset waiting = pending.empty() ? Offset{-1} : pending.front().cause;
    if (waiting != owned.waiting) {
      owned.waiting = waiting;
      owned.waiting_since = now;
    }
    const bool unsettled =
        waiting.value >= 0 && now - owned.waiting_since >= options_.takeover_after;
    const bool unticked = ledger_now - owned.task->EarliestTimer() >= options_.takeover_after;
    if (!unsettled && !unticked) continue;
    ++taken_over_;
    group.outputs = true;
    group.took_over = true;
    for (Owned& one : group.owned) {
      const Offset settled = one.task->Settled(one.task->id().service);
      one.rival = Rival{.lately = settled, .long_ago = settled, .looked_at = now};
    }
    return;
  }
}

// Costs nothing but time when it was wrong: what nobody settles is taken over again (L2, L4). None
// but a standby ever does so; two who do so at once take over again one after the other.
void Live::MaybeStandDown(Group& group) {
  const absl::Time now = clock_->Steady();
  bool stands_down = false;
  for (Owned& owned : group.owned) {
    Rival& rival = owned.rival;
    if (now - rival.looked_at < options_.takeover_after) continue;
    rival.looked_at = now;
    rival.long_ago = std::exchange(rival.lately, owned.task->Settled(owned.task->id().service));
    if (rival.settled == 0) continue;
    rival.abreast = rival.also_his * 4 >= rival.settled * 3 ? rival.abreast + 1 : 0;
    rival.settled = rival.also_his = 0;
    stands_down |= rival.abreast >= kAbreastMax;
  }
  if (!stands_down) return;
  ++stood_down_;
  group.outputs = false;
  group.took_over = false;
  for (Owned& owned : group.owned) owned.waiting = Offset{-1};  // counted anew
}

void Live::WatchRecord(Owned& owned, const v1::Entry& entry) {
  const TaskId& id = owned.task->id();
  if (!entry.has_decision() || entry.decision().service() != id.service.text()) return;
  Rival& rival = owned.rival;
  const Offset cause{entry.decision().cause()};
  if (cause <= rival.sent_again) return;
  if (cause > owned.task->Settled(id.service)) {
    ++rival.settled;
    if (cause > owned.sent) ++rival.also_his;  // before we had sent ours
  } else if (cause > rival.long_ago) {
    ++rival.also_his;
  }
}

void Live::StandBack(absl::Duration takeover_after) {
  options_.outputs = false;
  options_.takeover_after = takeover_after;
  for (Group& group : groups_) {
    group.outputs = false;
    group.took_over = false;
    for (Owned& owned : group.owned) owned.waiting = Offset{-1};  // counted from now on
  }
  Wake();
}

void Live::Promote() {
  options_.outputs = true;
  options_.takeover_after = owners_takeover_after_;
  for (Group& group : groups_) {
    group.outputs = true;
    group.took_over = false;
    group.live = false;
    group.live_at = Offset{-1};
    group.question.reset();  // what was asked before is of before
  }
  Wake();
}

}  // namespace gridledger::engine
