#include "services/history/exporting/step_row.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <google/protobuf/descriptor.h>
#include <nlohmann/json.hpp>

#include "services/history/mapping/values/degrees.h"

namespace gridledger::cli {
namespace {

// ROLE_SHIFT_LEADER → "shift_leader"; empty for UNSPECIFIED.
template <class Enum>
std::string Short(Enum value, absl::string_view prefix) {
  if (value == 0) return "";
  const auto* named = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value);
  if (named == nullptr) return absl::StrCat(static_cast<int>(value));  // of a later build
  return absl::AsciiStrToLower(absl::StripPrefix(named->name(), prefix));
}

std::string Instant(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

bool NeedsQuotes(absl::string_view text) {
  return text.find_first_of(",\"\r\n") != absl::string_view::npos;
}

}  // namespace

const std::array<ColumnForm, kColumns>& ColumnForms() {
  static constexpr std::array<ColumnForm, kColumns> kForms = {{
      {"incident_id", FieldForm::kText},    {"time", FieldForm::kInstant},
      {"fact", FieldForm::kText},           {"phase", FieldForm::kText},
      {"state", FieldForm::kText},          {"stage", FieldForm::kInt},
      {"happened_at", FieldForm::kInstant}, {"inferred", FieldForm::kBool},
      {"actor_role", FieldForm::kText},     {"actor_code", FieldForm::kText},
      {"community", FieldForm::kText},      {"category", FieldForm::kText},
      {"area", FieldForm::kText},           {"channel", FieldForm::kText},
      {"unit", FieldForm::kText},           {"member", FieldForm::kText},
      {"due_at", FieldForm::kInstant},      {"latitude", FieldForm::kDegrees},
      {"longitude", FieldForm::kDegrees},   {"named_unit", FieldForm::kText},
      {"disposition", FieldForm::kText},    {"reason", FieldForm::kText},
      {"pause", FieldForm::kText},          {"confirmed", FieldForm::kBool},
      {"level", FieldForm::kInt},           {"post", FieldForm::kText},
      {"light", FieldForm::kText},          {"stars", FieldForm::kInt},
      {"merged_into", FieldForm::kText},    {"candidates", FieldForm::kText},
      {"rule", FieldForm::kText},           {"policy_version", FieldForm::kText},
      {"cause", FieldForm::kInt},           {"source", FieldForm::kText},
      {"source_row", FieldForm::kInt},      {"partition", FieldForm::kInt},
      {"offset", FieldForm::kInt},          {"ordinal", FieldForm::kInt},
      {"said_at", FieldForm::kInt},
  }};
  return kForms;
}

void StepRow::Fill(const LifeStep& step) {
  for (std::string& field : fields_) field.clear();
  FillFact(step);
  FillState(step);
  FillKind(*step.fact);
  const Saying& saying = *step.saying;
  if (saying.cause.value >= 0) At(Column::kCause) = absl::StrCat(saying.cause.value);
  At(Column::kRule) = saying.rule;
  At(Column::kPolicyVersion) = saying.policy_version;
  At(Column::kSource) = saying.source;
  if (!saying.source.empty()) At(Column::kSourceRow) = absl::StrCat(saying.source_row);
  At(Column::kPartition) = absl::StrCat(step.partition.value);
  At(Column::kOffset) = absl::StrCat(step.place.offset.value);
  At(Column::kOrdinal) = absl::StrCat(step.place.ordinal);
  if (step.said_at) At(Column::kSaidAt) = absl::StrCat(step.said_at->value);
}

void StepRow::FillFact(const LifeStep& step) {
  const v1::Fact& fact = *step.fact;
  At(Column::kIncidentId) = fact.incident_id();
  At(Column::kTime) = Instant(step.at);
  At(Column::kFact) = v1::Fact::descriptor()->FindFieldByNumber(fact.kind_case())->name();
  At(Column::kHappenedAt) = Instant(FromMillis(fact.happened_at_ms()));
  At(Column::kInferred) = fact.inferred() ? "true" : "false";
  At(Column::kActorRole) = Short(fact.actor().role(), "ROLE_");
  At(Column::kActorCode) = fact.actor().code();
}

void StepRow::FillState(const LifeStep& step) {
  const incident::Incident& now = *step.now;
  At(Column::kPhase) = std::string(incident::PhaseName(now.phase));
  At(Column::kState) = now.paused_at ? "paused" : At(Column::kPhase);
  At(Column::kStage) = absl::StrCat(now.stage.value);
  At(Column::kCommunity) = now.community.text();
  At(Column::kCategory) = now.category.text();
  At(Column::kArea) = now.area.text();
  At(Column::kChannel) = now.channel;
  At(Column::kUnit) = now.unit.text();
  At(Column::kMember) = now.member.text();
  const std::optional<absl::Time>& due_at =
      step.fact->has_reported() ? now.named_due_at : now.due_at;
  if (due_at) At(Column::kDueAt) = Instant(*due_at);
}

void StepRow::FillKind(const v1::Fact& fact) {
  using v1::Fact;
  std::string& state = At(Column::kState);
  // "closed:unchecked"
  const auto in_kind = [&](const std::string& kind) {
    if (!kind.empty()) absl::StrAppend(&state, ":", kind);
  };
  switch (fact.kind_case()) {
    case Fact::kReported: {
      const v1::IncidentReported& reported = fact.reported();
      At(Column::kNamedUnit) = reported.unit();
      if (!reported.has_point()) break;
      At(Column::kLatitude) = mapping::PrintDegrees(reported.point().latitude_e7());
      At(Column::kLongitude) = mapping::PrintDegrees(reported.point().longitude_e7());
      break;
    }
    case Fact::kRefused:
      At(Column::kReason) = Short(fact.refused().reason(), "REFUSAL_REASON_");
      At(Column::kNamedUnit) = fact.refused().next_owner();
      in_kind(At(Column::kReason));
      break;
    case Fact::kVerified:
      At(Column::kConfirmed) = fact.verified().confirmed() ? "true" : "false";
      break;
    case Fact::kDispatched:
      At(Column::kReason) = Short(fact.dispatched().reason(), "DISPATCH_REASON_");
      for (const v1::Candidate& candidate : fact.dispatched().candidates()) {
        std::string& candidates = At(Column::kCandidates);
        absl::StrAppend(&candidates, candidates.empty() ? "" : " ", candidate.member(), ":",
                        candidate.load());
      }
      break;
    case Fact::kDispatchDeclined:
      At(Column::kReason) = Short(fact.dispatch_declined().reason(), "DECLINE_REASON_");
      break;
    case Fact::kDispatchReturned:
      At(Column::kNamedUnit) = fact.dispatch_returned().next_owner();
      break;
    case Fact::kHandlingPaused:
      At(Column::kPause) = Short(fact.handling_paused().kind(), "PAUSE_KIND_");
      in_kind(At(Column::kPause));
      break;
    case Fact::kClosed:
      At(Column::kDisposition) = Short(fact.closed().disposition(), "DISPOSITION_");
      in_kind(At(Column::kDisposition));
      break;
    case Fact::kVoided:
      At(Column::kReason) = Short(fact.voided().reason(), "VOIDING_REASON_");
      in_kind(At(Column::kReason));
      break;
    case Fact::kReopened:
      At(Column::kReason) = Short(fact.reopened().reason(), "REOPEN_REASON_");
      break;
    case Fact::kMerged: At(Column::kMergedInto) = fact.merged().into(); break;
    case Fact::kRated:
      At(Column::kStars) = absl::StrCat(fact.rated().stars());
      state.clear();
      break;
    case Fact::kDeadlineExtended:
    case Fact::kDeadlineMissed: state.clear(); break;
    case Fact::kDeadlineWarned:
      At(Column::kLight) = Short(fact.deadline_warned().light(), "LIGHT_");
      state.clear();
      break;
    case Fact::kEscalationRaised:
      At(Column::kLevel) = absl::StrCat(fact.escalation_raised().level());
      At(Column::kPost) = fact.escalation_raised().post();
      state.clear();
      break;
    case Fact::kAccepted:
    case Fact::kFiled:
    case Fact::kDispatchAccepted:
    case Fact::kHandlingStarted:
    case Fact::kHandlingResumed:
    case Fact::kHandlingFinished:
    case Fact::kCheckPassed:
    case Fact::kCheckFailed:
    case Fact::KIND_NOT_SET: break;
  }
}

void AppendCsvHeader(std::string* out) {
  absl::string_view comma = "";
  for (const ColumnForm& column : ColumnForms()) {
    absl::StrAppend(out, comma, column.name);
    comma = ",";
  }
  absl::StrAppend(out, "\r\n");
}

void AppendCsvRow(const StepRow& row, std::string* out) {
  for (size_t i = 0; i < kColumns; ++i) {
    if (i > 0) out->push_back(',');
    if (NeedsQuotes(row[i])) {
      absl::StrAppend(out, "\"", absl::StrReplaceAll(row[i], {{"\"", "\"\""}}), "\"");
    } else {
      out->append(row[i]);
    }
  }
  out->append("\r\n");
}

void AppendJsonRow(const StepRow& row, std::string* out) {
  absl::string_view comma = "{";
  for (size_t i = 0; i < kColumns; ++i) {
    const ColumnForm& column = ColumnForms()[i];
    if (row[i].empty()) continue;
    absl::StrAppend(out, comma, "\"", column.name, "\":");
    comma = ",";
    if (column.form == FieldForm::kText || column.form == FieldForm::kInstant) {
      absl::StrAppend(out, nlohmann::json(row[i]).dump(-1, ' ', false,
                                                       nlohmann::json::error_handler_t::replace));
    } else {
      out->append(row[i]);
    }
  }
  out->append("}\n");
}

}  // namespace gridledger::cli
