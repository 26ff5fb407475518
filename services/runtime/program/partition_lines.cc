#include "services/runtime/program/partition_lines.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace gridledger::host {
namespace {

constexpr absl::Duration kRefusedEvery = absl::Seconds(10);  // between lines of what goes on

}  // namespace

void PartitionLines::SayStopped(const CityLook& look) {
  std::set<Partition> stopped;
  for (const engine::Live::Stopped& one : look.stopped) {
    stopped.insert(one.partition);
    if (stopped_said_.contains(one.partition)) continue;
    const std::string why(one.why.message());
    const std::string damage(one.bad_place ? DamageName(one.bad_place->damage) : "");
    Log(LogLevel::kError, "partition_stopped",
        absl::StrCat("partition ", one.partition.value, " stopped at offset ", one.at.value,
                     damage.empty() ? "" : absl::StrCat(" (", damage, ")"), ": ", why),
        {{"service", service_},
         {"partition", int64_t{one.partition.value}},
         {"offset", one.at.value},
         {"damage", damage},
         {"reason", why}});
  }
  stopped_said_ = std::move(stopped);
}

void PartitionLines::SayRefused(const CityLook& look, absl::Time now) {
  if (look.refused == refused_said_ || !look.last_refusal.has_value()) return;
  if (refused_said_ > 0 && now - refused_said_at_ < kRefusedEvery) return;
  refused_said_at_ = now;
  refused_said_ = look.refused;
  const engine::Live::Refusal& last = *look.last_refusal;
  Log(LogLevel::kWarning, "append_refused", last.text,
      {{"service", service_},
       {"partition", int64_t{last.partition.value}},
       {"offset", last.at.value},
       {"refused", look.refused}});
}

void PartitionLines::SayStalls(const std::vector<Stall>& stalls) {
  std::set<Partition> stalled;
  for (const Stall& one : stalls) {
    stalled.insert(one.partition);
    if (stalled_said_.contains(one.partition)) continue;
    Log(LogLevel::kWarning, "partition_stalled",
        absl::StrCat("partition ", one.partition.value, " stands still at offset ", one.next.value,
                     ": the log ends at ", one.end.value, ", and nothing comes"),
        {{"service", service_},
         {"partition", int64_t{one.partition.value}},
         {"offset", one.next.value},
         {"end", one.end.value}});
  }
  for (const Partition partition : stalled_said_) {
    if (stalled.contains(partition)) continue;
    Log(LogLevel::kInfo, "partition_reads_on",
        absl::StrCat("partition ", partition.value, " is read on, or no longer here"),
        {{"service", service_}, {"partition", int64_t{partition.value}}});
  }
  stalled_ = static_cast<int64_t>(stalled.size());
  stalled_said_ = std::move(stalled);
}

void PartitionLines::SayLive(const CityLook& look) {
  const size_t running = look.tasks.size() - look.stopped.size();
  if (!look.live || said_live_ || running == 0) return;
  LogCount(LogLevel::kInfo, "live", " is live on ", static_cast<int64_t>(running), " partitions");
  said_live_ = true;
}

void PartitionLines::SayTakenOver(const CityLook& look) {
  if (look.taken_over > taken_over_said_) {
    taken_over_said_ = look.taken_over;
    LogCount(LogLevel::kWarning, "took_over", " took over: ", taken_over_said_,
             " partitions had nobody who settled what was due");
  }
  if (look.stood_down > stood_down_said_) {
    stood_down_said_ = look.stood_down;
    LogCount(LogLevel::kWarning, "stood_down", " stood down: ", stood_down_said_,
             " partitions have an owner again, who settles what is due");
  }
}

void PartitionLines::LogCount(LogLevel level, absl::string_view event, absl::string_view before,
                              int64_t count, absl::string_view after) const {
  Log(level, event, absl::StrCat(service_, before, count, after),
      {{"service", service_}, {"partitions", count}});
}

}  // namespace gridledger::host
