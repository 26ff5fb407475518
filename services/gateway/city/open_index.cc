#include "services/gateway/city/open_index.h"

namespace gridledger::gateway {

using answers::UrgencyKey;

UrgencyKey OpenIndex::KeyOf(const IncidentId& id, const std::optional<absl::Time>& due_at,
                            absl::Time reported_at) const {
  return UrgencyKey{.due_at = due_at.value_or(absl::InfiniteFuture()),
                    .reported_at = reported_at,
                    .id = id,
                    .partition = partition_};
}

void OpenIndex::Change(const incident::Change& change) {
  if (change.verdict != incident::Verdict::kApplied || change.now == nullptr) return;
  const IncidentId id(change.fact->incident_id());
  const bool was = incident::IsOpen(change.before.phase);
  const bool is = incident::IsOpen(change.now->phase);
  if (was && is && change.before.due_at == change.now->due_at) return;
  if (was) keys_.erase(KeyOf(id, change.before.due_at, change.now->reported_at));
  if (is) keys_.insert(KeyOf(id, change.now->due_at, change.now->reported_at));
}

bool OpenIndex::Load(const incident::State& state, size_t most) {
  if (loaded_) return true;
  std::optional<IncidentId> last;
  // The first one of a step was the last of the step before.
  const bool more =
      state.incidents.ScanFrom(loaded_to_.value_or(IncidentId()), most,
                               [&](const IncidentId& id, const incident::Incident& is) {
                                 if (incident::IsOpen(is.phase))
                                   keys_.insert(answers::UrgencyOf(id, partition_, is));
                                 last = id;
                               });
  loaded_ = !more;
  loaded_to_ = last;
  return loaded_;
}

void OpenIndex::Scan(const std::optional<UrgencyKey>& after,
                     absl::FunctionRef<bool(const UrgencyKey&)> visit) const {
  auto at = after ? keys_.upper_bound(*after) : keys_.begin();
  for (; at != keys_.end(); ++at) {
    if (!visit(*at)) return;
  }
}

}  // namespace gridledger::gateway
