#include "services/history/mapping/rows/event_mapper.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <algorithm>

#include "services/base/characters.h"
#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/history/mapping/lives/life_walk.h"

namespace gridledger::mapping {
absl::StatusOr<std::unique_ptr<EventMapper>> EventMapper::Compile(
    const v1::Mapping& mapping, absl::Span<const std::string> header, const Annex& annex) {
  INVARIANT(mapping.has_events(), "a mapping of events has them");
  const v1::EventColumns& events = mapping.events();
  if (!events.has_at()) {
    return MappingError("events.at", "it names the column that tells when an event happened");
  }
  // An event's row read as if it were its incident's: the report, with the event's own time, and
  // the facts as a whole.
  v1::Mapping as_rows = mapping;
  as_rows.clear_events();
  as_rows.clear_facts();
  v1::FactRule& report = *as_rows.add_facts();
  report.set_fact("reported");
  *report.mutable_at() = events.at();
  for (const v1::FactRule& fact : mapping.facts()) *as_rows.add_facts() = fact;
  const absl::StatusOr<std::vector<Target>> targets = TargetsOf(mapping);
  if (!targets.ok()) return targets.status();
  auto mapper = Mapper::Compile(as_rows, header, annex, 0);
  if (!mapper.ok()) {
    return absl::InvalidArgumentError(
        absl::StrReplaceAll(mapper.status().message(), {{"facts[0].at", "events.at"}}));
  }
  std::unique_ptr<EventMapper> made(
      new EventMapper(*std::move(mapper), RowContent(mapping, header)));
  made->facts_ = static_cast<size_t>(mapping.facts_size());
  made->no_unit_ = mapping.incident().unit().default_();
  if (absl::Status status = made->CompileStates(mapping); !status.ok()) return status;
  if (!events.version().empty()) {
    const auto column = made->report_->columns().Find("events.version", events.version());
    if (!column.ok()) return column.status();
    made->version_ = *column;
    made->version_column_ = events.version();
  }
  const auto compile = [&](absl::string_view where, bool told, const v1::TimeValue& value,
                           bool may_be_ahead, std::optional<TimeRule>* out) {
    if (!told) return absl::OkStatus();
    absl::StatusOr<TimeRule> rule = made->report_->CompileTime(where, value, may_be_ahead);
    if (rule.ok()) out->emplace(*std::move(rule));
    return rule.status();
  };
  absl::Status status = compile("events.reported_at", events.has_reported_at(),
                                events.reported_at(), false, &made->reported_at_);
  status.Update(compile("events.due", events.has_due(), events.due(), true, &made->due_));
  if (!status.ok()) return status;
  return made;
}

absl::Status EventMapper::CompileStates(const v1::Mapping& mapping) {
  const v1::EventColumns& events = mapping.events();
  if (events.has_state() != !events.states().empty()) {
    return MappingError("events", "state and states stand together");
  }
  if (!events.has_state()) return absl::OkStatus();
  absl::StatusOr<TextRule> rule =
      TextRule::Compile("events.state", events.state(), report_->columns(), true);
  if (!rule.ok()) return rule.status();
  state_.emplace(*std::move(rule));
  bool needs_unit = false;
  for (int i = 0; i < events.states_size(); ++i) {
    const v1::StateRule& state = events.states(i);
    const std::string where = absl::StrCat("events.states[", i + 1, "]");
    for (const std::string& name : state.names()) {
      const std::string stripped(StripBlanks(name));
      if (!states_.emplace(stripped, static_cast<uint32_t>(i + 1)).second) {
        return MappingError(where,
                            absl::StrCat("\"", stripped, "\" stands here for the second time"));
      }
    }
    reports_.push_back(state.fact() == "reported");
    needs_unit = needs_unit || state.fact() == "dispatched" ||
                 state.fact() == "dispatch_accepted" || state.fact() == "handling_started" ||
                 state.fact() == "handling_finished" || state.fact() == "check_passed";
  }
  if (needs_unit && !mapping.incident().has_unit()) {
    return MappingError("incident.unit",
                        "these states need a unit: name its column, or a constant");
  }
  return absl::OkStatus();
}

const Event* EventMapper::Apply(Row row) {
  rejection_ = {};
  const absl::Span<const Mapper::Made> made = report_->Apply(row);
  if (made.empty()) {
    rejection_ = report_->rejection();
    return nullptr;
  }
  const v1::Fact& report = *made[0].fact;
  event_.incident_id = report.incident_id();
  event_.community = report.reported().community();
  event_.at_ms = report.happened_at_ms();
  event_.unit = report.reported().unit() == no_unit_ ? std::string() : report.reported().unit();
  event_.facts_at_ms.assign(facts_, 0);
  for (const Mapper::Made& fact : made.subspan(1)) {
    event_.facts_at_ms[fact.rule - 1] = fact.fact->happened_at_ms();
  }
  if (!ReadTime(row, reported_at_, &event_.reported_at_ms) ||
      !ReadTime(row, due_, &event_.due_at_ms)) {
    return nullptr;
  }
  if (!ReadState(row) || !ReadVersion(row)) return nullptr;
  event_.content = content_.Of(row);
  // The report itself carries no unit: the ledger then holds the source's own dispatches, and no
  // service's guess at the first of them.
  v1::Fact stripped = report;
  stripped.mutable_reported()->clear_unit();
  stripped.clear_happened_at_ms();
  event_.report.clear();
  stripped.SerializeToString(&event_.report);
  return &event_;
}

bool EventMapper::ReadState(Row row) {
  event_.state = 0;
  event_.reports = false;
  if (!state_) return true;
  absl::string_view text;
  const TextRule::Answer answer = state_->Read(row, &text);
  if (answer == TextRule::Answer::kMissing) return true;
  if (answer != TextRule::Answer::kText) return Reject(state_->column(), mapping::WhyNot(answer));
  const auto found = states_.find(text);
  if (found == states_.end()) {
    return Reject(state_->column(), "a state that events.states does not name");
  }
  event_.state = found->second;
  event_.reports = reports_[event_.state - 1];
  return true;
}

bool EventMapper::ReadTime(Row row, std::optional<TimeRule>& rule, int64_t* at_ms) {
  *at_ms = 0;
  if (!rule) return true;
  const TimeRule::Answer answer = rule->Read(row, at_ms);
  if (answer == TimeRule::Answer::kInstant) return true;
  *at_ms = 0;
  return answer == TimeRule::Answer::kMissing || Reject(rule->column(), rule->WhyNot(answer));
}

bool EventMapper::ReadVersion(Row row) {
  event_.version = 0;
  if (!version_) return true;
  const absl::string_view text = row[*version_];
  if (IsMissing(text, report_->columns().missing())) return true;
  if (!absl::SimpleAtoi(text, &event_.version) || event_.version < 0) {
    return Reject(version_column_, "not a whole number from 0 on");
  }
  return true;
}

bool EventMapper::Reject(absl::string_view column, absl::string_view reason) {
  rejection_ = Rejection{column, reason};
  return false;
}

}  // namespace gridledger::mapping
