#include "services/gateway/city/city_watch.h"

#include <algorithm>
#include <utility>

#include "services/runtime/engine/task.h"

namespace gridledger::gateway {

CityWatch::CityWatch(int partitions) {
  for (int p = 0; p < partitions; ++p) kept_.push_back(std::make_unique<Kept>(Partition{p}));
}

void CityWatch::Changed(const engine::Task& task, const incident::Change& change) {
  Kept& kept = Of(task.id().partition);
  kept.open.Change(change);
  if (!kept.first.has_value()) {
    kept.first = Judged{.partition = task.id().partition,
                        .offset = change.moment.offset,
                        .verdict = change.verdict,
                        .reason = change.reason,
                        .stage = change.now == nullptr ? Stage{} : change.now->stage,
                        .at = change.moment.at};
  }
  if (sink_ == nullptr || !sink_->Listens()) return;
  Happened& happened = kept.happened.emplace_back();
  happened.partition = task.id().partition;
  happened.offset = change.moment.offset;
  happened.ordinal = static_cast<uint32_t>(kept.happened.size() - 1);
  happened.at = change.moment.at;
  happened.incident = change.fact->incident_id();
  happened.kind = static_cast<uint32_t>(change.fact->kind_case());
  happened.verdict = change.verdict;
  happened.reason = change.reason;
  if (change.now != nullptr) happened.now = *change.now;
}

void CityWatch::Folded(const engine::Task& task, const incident::Moment& moment,
                       const v1::Entry* entry) {
  Kept& kept = Of(task.id().partition);
  if (entry == nullptr) {
    kept.first = Judged{.partition = task.id().partition,
                        .offset = moment.offset,
                        .dead_letter = true,
                        .stage = {},
                        .at = moment.at};
  }
  if (kept.first.has_value() && (entry == nullptr || entry->has_fact())) {
    kept.judged.push_back(*kept.first);
    if (kept.judged.size() > kJudgedMax) kept.judged.pop_front();
  }
  kept.first.reset();
  for (Happened& happened : kept.happened) {
    if (entry != nullptr && entry->has_decision()) {
      happened.service = entry->decision().service();
      happened.rule = entry->decision().rule();
    }
    sink_->Take(std::move(happened));
  }
  kept.happened.clear();
}

std::optional<Judged> CityWatch::FindJudged(Partition partition, Offset offset) {
  const std::deque<Judged>& judged = Of(partition).judged;
  const auto at =
      std::lower_bound(judged.begin(), judged.end(), offset,
                       [](const Judged& one, Offset wanted) { return one.offset < wanted; });
  if (at == judged.end() || at->offset != offset) return std::nullopt;
  return *at;
}

}  // namespace gridledger::gateway
