#include "services/history/mapping/rows/life_mapper.h"

#include "services/base/invariant.h"
#include "services/base/layout.h"

namespace gridledger::mapping {

absl::StatusOr<std::unique_ptr<LifeMapper>> LifeMapper::Compile(
    const v1::Mapping& mapping, absl::Span<const std::string> header, const Annex& annex) {
  INVARIANT(!mapping.has_events(), "a mapping of lives has no events");
  auto mapper = Mapper::Compile(mapping, header, annex);
  if (!mapper.ok()) return mapper.status();
  return std::unique_ptr<LifeMapper>(
      new LifeMapper(*std::move(mapper), RowContent(mapping, header)));
}

const Life* LifeMapper::Apply(Row row) {
  const absl::Span<const Mapper::Made> made = mapper_->Apply(row);
  if (made.empty()) return nullptr;
  const v1::Fact& report = *made.front().fact;
  life_.incident_id = report.incident_id();
  life_.community = report.reported().community();
  life_.unit = report.reported().unit();
  life_.reported_at_ms = ToMillis(made.front().at);
  life_.report.clear();
  report.SerializeToString(&life_.report);
  life_.steps.clear();
  for (const Mapper::Made& one : made.subspan(1)) {
    life_.steps.push_back({.at_ms = ToMillis(one.at),
                           .happened_at_ms = one.fact->happened_at_ms(),
                           .target = static_cast<uint32_t>(one.rule)});
  }
  life_.content = content_.Of(row);
  return &life_;
}

}  // namespace gridledger::mapping
