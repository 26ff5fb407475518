#include "services/history/mapping/lives/fact_kinds.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "services/base/nearest.h"
#include "services/history/mapping/values/columns.h"

namespace gridledger::mapping {
namespace {

// What a row of an incident can tell. Pauses, returns and merges need histories, not rows.
const std::vector<std::string>& Names() {
  static const auto* const names = new std::vector<std::string>{"reported",
                                                                "accepted",
                                                                "refused",
                                                                "verified",
                                                                "filed",
                                                                "dispatched",
                                                                "dispatch_accepted",
                                                                "handling_started",
                                                                "handling_finished",
                                                                "check_passed",
                                                                "check_failed",
                                                                "closed",
                                                                "voided",
                                                                "reopened"};
  return *names;
}

// The value that goes by its short name, DUPLICATE for REFUSAL_REASON_DUPLICATE.
absl::Status SetEnum(absl::string_view where, absl::string_view told, absl::string_view prefix,
                     const google::protobuf::EnumDescriptor& type, int* number) {
  const std::string name = absl::StrCat(prefix, absl::AsciiStrToUpper(told));
  const auto* value = type.FindValueByName(name);
  if (value != nullptr && value->number() != 0) {
    *number = value->number();
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name().substr(prefix.size()));
  }
  return MappingError(where, told.empty()
                                 ? absl::StrCat("nothing is told", Instead("", names))
                                 : absl::StrCat("there is no ", told, Instead(told, names)));
}

}  // namespace

absl::Status SetKind(absl::string_view where, const v1::FactRule& rule, v1::Fact* fact) {
  const std::string& name = rule.fact();
  bool known = false;
  for (const std::string& other : Names()) known = known || other == name;
  if (!known) {
    return MappingError(absl::StrCat(where, ".fact"),
                        absl::StrCat("there is no fact \"", name, "\"", Instead(name, Names())));
  }
  const auto* field = v1::Fact::descriptor()->FindFieldByName(name);
  fact->GetReflection()->MutableMessage(fact, field);

  const std::string disposition = absl::StrCat(where, ".disposition");
  const std::string reason = absl::StrCat(where, ".reason");
  int number = 0;
  absl::Status status;
  bool takes_disposition = false;
  bool takes_reason = false;
  switch (fact->kind_case()) {
    case v1::Fact::kClosed:
      takes_disposition = true;
      status = SetEnum(disposition, rule.disposition(), "DISPOSITION_",
                       *v1::Disposition_descriptor(), &number);
      fact->mutable_closed()->set_disposition(static_cast<v1::Disposition>(number));
      break;
    case v1::Fact::kRefused:
      takes_reason = true;
      status = SetEnum(reason, rule.reason(), "REFUSAL_REASON_", *v1::RefusalReason_descriptor(),
                       &number);
      fact->mutable_refused()->set_reason(static_cast<v1::RefusalReason>(number));
      break;
    case v1::Fact::kVoided:
      takes_reason = true;
      status = SetEnum(reason, rule.reason(), "VOIDING_REASON_", *v1::VoidingReason_descriptor(),
                       &number);
      fact->mutable_voided()->set_reason(static_cast<v1::VoidingReason>(number));
      break;
    case v1::Fact::kReopened:
      takes_reason = true;
      status =
          SetEnum(reason, rule.reason(), "REOPEN_REASON_", *v1::ReopenReason_descriptor(), &number);
      fact->mutable_reopened()->set_reason(static_cast<v1::ReopenReason>(number));
      break;
    case v1::Fact::kVerified: fact->mutable_verified()->set_confirmed(true); break;
    case v1::Fact::kDispatched:
      fact->mutable_dispatched()->set_reason(v1::DISPATCH_REASON_NAMED_BY_SOURCE);
      break;
    default: break;  // a time is all that the others need
  }
  if (!status.ok()) return status;
  if (!takes_disposition && !rule.disposition().empty()) {
    return MappingError(disposition, absl::StrCat("\"", name, "\" has none; only \"closed\" has"));
  }
  if (!takes_reason && !rule.reason().empty()) {
    return MappingError(reason, absl::StrCat("\"", name, "\" has none; only \"refused\", ",
                                             "\"voided\" and \"reopened\" have"));
  }
  return absl::OkStatus();
}

}  // namespace gridledger::mapping
