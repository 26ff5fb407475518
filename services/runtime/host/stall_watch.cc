#include "services/runtime/host/stall_watch.h"

#include <algorithm>
#include <set>

namespace gridledger::host {
namespace {

constexpr absl::Duration kStepMax = absl::Seconds(1);
constexpr int kCatchingUpTimes = 10;

}  // namespace

std::vector<Stall> StallWatch::Check(const CityLook& look, absl::Time now) {
  const absl::Duration step = std::clamp(now - looked_at_, absl::ZeroDuration(), kStepMax);
  looked_at_ = now;
  std::set<Partition> stopped;
  for (const engine::Live::Stopped& one : look.stopped) stopped.insert(one.partition);
  std::map<Partition, Stall> behind;  // of each partition the task that is furthest behind
  for (const TaskLook& task : look.tasks) {
    const Partition partition = task.task.partition;
    if (stopped.contains(partition) || !task.end.has_value() || task.next >= *task.end) continue;
    const auto [at, is_new] = behind.try_emplace(partition, Stall{partition, task.next, *task.end});
    if (!is_new && task.next < at->second.next) at->second.next = task.next;
  }
  std::erase_if(standing_, [&](const auto& one) { return !behind.contains(one.first); });
  const absl::Duration limit = look.live ? after_ : kCatchingUpTimes * after_;
  std::vector<Stall> stalls;
  for (const auto& [partition, stall] : behind) {
    const auto [at, is_new] = standing_.try_emplace(partition, Standing{stall.next, {}});
    Standing& standing = at->second;
    if (!is_new && standing.next == stall.next) {
      standing.stood += step;
    } else {
      standing = Standing{stall.next, {}};
    }
    if (standing.stood >= limit) stalls.push_back(stall);
  }
  return stalls;
}

}  // namespace gridledger::host
