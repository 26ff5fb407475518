#include "services/domain/incident/limits.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/message.h>

#include <vector>

namespace gridledger::incident {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using v1::Fact;

// All texts but these are codes.
constexpr absl::string_view kWords[] = {
    "gridledger.v1.AreaDefined.name",
    "gridledger.v1.Category.name",
    "gridledger.v1.DeadLetterDiscarded.reason",
    "gridledger.v1.Decision.rule",
};

bool IsCode(const std::string& text) { return text.size() <= kCodeBytesMax; }

// Everything in the message but facts, whose owner is the fold.
std::string TooLong(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        const std::string& text =
            field->is_repeated()
                ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                : reflection.GetStringReference(message, field, &scratch);
        if (text.size() <= BytesMax(*field)) continue;
        return absl::StrCat(field->containing_type()->name(), ".", field->name(),
                            " is longer than ", BytesMax(*field), " bytes");
      }
      if (field->type() != FieldDescriptor::TYPE_MESSAGE ||
          field->message_type() == Fact::descriptor()) {
        continue;
      }
      std::string found =
          TooLong(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                       : reflection.GetMessage(message, field));
      if (!found.empty()) return found;
    }
  }
  return "";
}

// Nearly all records are facts, ticks and decisions: those are looked at by name, which costs
// little. But for facts and their source's name, all of such an entry fits.
bool FitsByName(const v1::Entry& entry) {
  if (entry.has_fact()) return true;
  if (entry.has_tick()) return IsCode(entry.tick().service());
  if (!entry.has_decision()) return false;
  const v1::Decision& decision = entry.decision();
  return IsCode(decision.service()) && IsCode(decision.policy_version()) &&
         decision.rule().size() <= kWordsBytesMax;
}

}  // namespace

size_t BytesMax(const FieldDescriptor& field) {
  for (const absl::string_view name : kWords) {
    if (field.full_name() == name) return kWordsBytesMax;
  }
  return kCodeBytesMax;
}

bool TextsFit(const Fact& fact) {
  if (!IsCode(fact.incident_id()) || !IsCode(fact.actor().code())) return false;
  switch (fact.kind_case()) {
    case Fact::kReported: {
      const v1::IncidentReported& reported = fact.reported();
      return IsCode(reported.category()) && IsCode(reported.community()) &&
             IsCode(reported.area()) && IsCode(reported.unit()) && IsCode(reported.channel());
    }
    case Fact::kRefused: return IsCode(fact.refused().next_owner());
    case Fact::kDispatched: {
      const v1::IncidentDispatched& dispatched = fact.dispatched();
      if (!IsCode(dispatched.unit()) || !IsCode(dispatched.member()) ||
          dispatched.candidates_size() > kCandidatesMax) {
        return false;
      }
      for (const v1::Candidate& candidate : dispatched.candidates()) {
        if (!IsCode(candidate.member())) return false;
      }
      return true;
    }
    case Fact::kDispatchReturned: return IsCode(fact.dispatch_returned().next_owner());
    case Fact::kMerged: return IsCode(fact.merged().into());
    case Fact::kEscalationRaised: return IsCode(fact.escalation_raised().post());
    case Fact::kAccepted:
    case Fact::kVerified:
    case Fact::kFiled:
    case Fact::kDispatchAccepted:
    case Fact::kDispatchDeclined:
    case Fact::kHandlingStarted:
    case Fact::kHandlingPaused:
    case Fact::kHandlingResumed:
    case Fact::kDeadlineExtended:
    case Fact::kHandlingFinished:
    case Fact::kCheckPassed:
    case Fact::kCheckFailed:
    case Fact::kClosed:
    case Fact::kVoided:
    case Fact::kReopened:
    case Fact::kRated:
    case Fact::kDeadlineWarned:
    case Fact::kDeadlineMissed:
    case Fact::KIND_NOT_SET: return true;
  }
  return true;
}

std::string TooLongIn(const v1::Entry& entry) {
  if (FitsByName(entry) && IsCode(entry.source().source())) return "";
  return TooLong(entry);
}

bool InstantsFit(const Fact& fact) {
  if (fact.happened_at_ms() < 0 || fact.happened_at_ms() > kLatestMs) return false;
  int64_t due_ms = 0;
  switch (fact.kind_case()) {
    case Fact::kReported: due_ms = fact.reported().due_at_ms(); break;
    case Fact::kFiled: due_ms = fact.filed().due_at_ms(); break;
    case Fact::kDeadlineExtended: due_ms = fact.deadline_extended().due_at_ms(); break;
    default: break;  // a warning or a miss only repeats what the incident has
  }
  return due_ms >= 0 && due_ms <= kLatestMs;
}

}  // namespace gridledger::incident
