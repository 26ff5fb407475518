#include "services/history/mapping/lives/case_teller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>

#include "gridledger/v1/fact.pb.h"
#include "services/base/invariant.h"

namespace gridledger::mapping {
namespace {

constexpr int64_t kAfterAll = std::numeric_limits<int64_t>::max();
// Rows of one incident, instant and version × ~18 B = 18 MB, while they are compared.
constexpr size_t kAtOnceMax = size_t{1} << 20;

}  // namespace

absl::Status CaseTeller::Tell(const Event& event, Answer* answer, Sink sink) {
  const bool first = !open_;
  if (!first && event.at_ms == at_ms_ && event.version == version_) {
    if (contents_.contains(event.content)) {
      *answer = Answer::kTwice;
      return absl::OkStatus();
    }
    if (contents_.size() >= kAtOnceMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kAtOnceMax,
                       " different rows are of one incident at one instant: is incident.id the "
                       "right column?"));
    }
  } else {
    contents_.clear();
  }
  at_ms_ = event.at_ms;
  version_ = event.version;
  contents_.insert(event.content);
  if (first) {
    if (absl::Status status = Open(event, sink); !status.ok()) return status;
  }

  Observation told;
  told.incident_id = event.incident_id;
  told.happened_at_ms = event.at_ms;
  told.target_changed = event.state != 0 && event.state != state_;
  told.unit_changed = !event.unit.empty() && event.unit != unit_;
  if (event.state != 0) state_ = event.state;
  if (told.unit_changed) unit_ = event.unit;
  told.target = state_;
  told.unit = unit_;
  *answer = first ? Answer::kTold : Answer::kNothingNew;
  if (event.due_at_ms != 0 && event.due_at_ms != due_at_ms_) {
    due_at_ms_ = told.new_due_at_ms = event.due_at_ms;
  }
  if (!told.target_changed && !told.unit_changed && told.new_due_at_ms == 0) {
    return absl::OkStatus();
  }
  *answer = Answer::kTold;
  place_ms_ = std::max(place_ms_, event.at_ms);
  return sink(Place{place_ms_, event.version, first ? 1u : 0u}, told);
}

absl::Status CaseTeller::Open(const Event& event, Sink sink) {
  open_ = true;
  community_ = event.community;
  const bool told = event.reported_at_ms != 0 && event.reported_at_ms <= event.at_ms;
  v1::Fact report;
  INVARIANT(report.ParseFromString(event.report), "a report read from a row does not parse");
  place_ms_ = told ? event.reported_at_ms : event.at_ms;
  report.set_happened_at_ms(place_ms_);
  // Without a word on it, that it was reported by then is all that is known.
  report.set_inferred(!told && !event.reports);
  Observation observation;
  observation.incident_id = event.incident_id;
  observation.happened_at_ms = place_ms_;
  report.SerializeToString(&observation.report);
  if (absl::Status status = sink(Place{place_ms_, 0, 0}, observation); !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < event.facts_at_ms.size(); ++i) {
    if (event.facts_at_ms[i] == 0) continue;
    Observation fact;
    fact.incident_id = event.incident_id;
    fact.happened_at_ms = event.facts_at_ms[i];
    fact.target = first_fact_ + static_cast<uint32_t>(i);
    fact.target_changed = true;
    fact.unit = event.unit;
    const Place place{std::max(place_ms_, fact.happened_at_ms), kAfterAll,
                      static_cast<uint32_t>(i + 1) * kFactsMax};
    if (absl::Status status = sink(place, fact); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace gridledger::mapping
