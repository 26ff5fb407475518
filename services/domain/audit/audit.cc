#include "services/domain/audit/audit.h"

#include "services/domain/incident/limits.h"

namespace gridledger::audit {
namespace {

// Its length first: no id's bytes then begin with those of another.
void AppendId(const IncidentId& id, std::string* out) {
  AppendVarint(out, id.text().size());
  out->append(id.text());
}

}  // namespace

void LineKey::AppendKey(std::string* out) const {
  AppendId(id, out);
  AppendOrdered(out, offset.value);
  AppendOrdered(out, ordinal);
}

bool LineKey::ParseKey(absl::string_view bytes) {
  uint64_t size = 0;
  if (!TakeVarint(&bytes, &size) || size > bytes.size()) return false;
  id = IncidentId(bytes.substr(0, size));
  bytes.remove_prefix(size);
  int64_t number = 0;
  if (!TakeOrdered(&bytes, &offset.value) || !TakeOrdered(&bytes, &number)) return false;
  ordinal = static_cast<uint32_t>(number);
  return bytes.empty();
}

void VoidKey::AppendKey(std::string* out) const {
  AppendOrdered(out, offset.value);
  AppendOrdered(out, ordinal);
}

bool VoidKey::ParseKey(absl::string_view bytes) {
  int64_t number = 0;
  if (!TakeOrdered(&bytes, &offset.value) || !TakeOrdered(&bytes, &number)) return false;
  ordinal = static_cast<uint32_t>(number);
  return bytes.empty();
}

void EvolveChange(State& state, const incident::Change& change) {
  if (state.record != change.moment.offset) {
    state.record = change.moment.offset;
    state.ordinal = 0;
  }
  const v1::Fact& fact = *change.fact;
  const auto kind = static_cast<uint32_t>(fact.kind_case());
  if (change.verdict == incident::Verdict::kVoid) {
    state.voids.Add(VoidKey{change.moment.offset, state.ordinal}, Void{kind, change.reason});
  }
  // A fact with an id that no incident can have is nobody's, as one without any is.
  const bool is_id = fact.incident_id().size() <= incident::kCodeBytesMax;
  const IncidentId id(is_id ? fact.incident_id() : std::string());
  state.lines.Add(LineKey{id, change.moment.offset, state.ordinal++},
                  Line{.kind = kind,
                       .verdict = change.verdict,
                       .reason = change.reason,
                       .at = change.moment.at,
                       .happened_at = FromMillis(fact.happened_at_ms()),
                       .by_service = fact.actor().role() == v1::ROLE_SERVICE,
                       .stage = change.now == nullptr ? Stage{} : change.now->stage});
  if (change.verdict != incident::Verdict::kApplied) return;
  std::vector<uint64_t>& by_kind = state.applied.Change().by_kind;
  if (by_kind.size() <= kind) by_kind.resize(kind + 1);
  ++by_kind[kind];
}

std::vector<TimelineItem> Timeline(const State& state, const IncidentId& id) {
  std::string prefix;
  AppendId(id, &prefix);
  std::vector<TimelineItem> timeline;
  state.lines.Scan(prefix, [&](const LineKey& key, const Line& line) {
    timeline.push_back(TimelineItem{key.offset, line});
  });
  return timeline;
}

void EachVoid(const State& state, absl::FunctionRef<void(const VoidKey&, const Void&)> each) {
  state.voids.Scan("", [&](const VoidKey& key, const Void& item) { each(key, item); });
}

uint64_t AppliedOf(const State& state, v1::Fact::KindCase kind) {
  const std::vector<uint64_t>& by_kind = state.applied.Get().by_kind;
  return static_cast<size_t>(kind) < by_kind.size() ? by_kind[kind] : 0;
}

}  // namespace gridledger::audit
