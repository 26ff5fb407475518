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
  if (sink_ == nullptr || !sink_->Wants(change.moment.at)) return;
  Happened& happened = kept.changes.emplace_back();
  happened.incident = change.fact->incident_id();
  happened.kind = static_cast<uint32_t>(change.fact->kind_case());
  happened.actor = change.fact->actor();
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
  if (entry != nullptr && !entry->has_fact() && !entry->has_decision() && !entry->has_tick()) {
    kept.policy.reset();  // it may be another one now
  }
  if (sink_ == nullptr) return;
  const bool taken = !kept.changes.empty();
  if (taken) {
    HappenedRecord record{.partition = task.id().partition,
                          .offset = moment.offset,
                          .at = moment.at,
                          .service = {},
                          .rule = {},
                          .policy_version = {},
                          .changes = std::move(kept.changes)};
    kept.changes.clear();
    if (entry != nullptr && entry->has_decision()) {
      record.service = entry->decision().service();
      record.rule = entry->decision().rule();
      record.policy_version = entry->decision().policy_version();
      record.cause = entry->decision().cause();
    }
    sink_->Take(std::move(record));
  }
  sink_->Passed(task.id().partition, moment.offset, taken || sink_->Wants(moment.at));
}

std::shared_ptr<const policy::Compiled> CityWatch::PolicyOf(Partition partition,
                                                            const incident::State& state) {
  Kept& kept = Of(partition);
  if (kept.policy == nullptr) {
    kept.policy = std::make_shared<const policy::Compiled>(state.policy.now());
  }
  return kept.policy;
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
