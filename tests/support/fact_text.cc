#include "tests/support/fact_text.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <vector>

#include "services/base/layout.h"

namespace gridledger::tests {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// "DISPOSITION_" of Disposition: what all its values begin with.
std::string EnumPrefix(const EnumDescriptor& type) {
  return std::string(absl::StripSuffix(type.value(0)->name(), "UNSPECIFIED"));
}

const EnumValueDescriptor* FindEnum(const EnumDescriptor& type, absl::string_view text) {
  return type.FindValueByName(absl::StrCat(EnumPrefix(type), absl::AsciiStrToUpper(text)));
}

std::string EnumText(const EnumValueDescriptor& value) {
  if (value.number() == 0) return "";
  return absl::AsciiStrToLower(absl::StripPrefix(value.name(), EnumPrefix(*value.type())));
}

const FieldDescriptor* FindKind(absl::string_view kind) {
  const FieldDescriptor* field = v1::Fact::descriptor()->FindFieldByName(std::string(kind));
  return field != nullptr && field->containing_oneof() != nullptr ? field : nullptr;
}

bool IsInstant(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 &&
         absl::EndsWith(absl::string_view(field.name()), "_at_ms");
}

absl::StatusOr<const FieldDescriptor*> FindField(const v1::Fact& fact, absl::string_view name) {
  const FieldDescriptor* kind = v1::Fact::descriptor()->FindFieldByNumber(fact.kind_case());
  if (kind == nullptr) return absl::InvalidArgumentError("a fact without a kind has no fields");
  for (const std::string& full : {std::string(name), absl::StrCat(name, "_ms")}) {
    const FieldDescriptor* field = kind->message_type()->FindFieldByName(full);
    if (field != nullptr) return field;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", kind->name(), "' has no field '", name, "'"));
}

absl::Status SetValue(const FieldDescriptor& field, absl::string_view value, absl::TimeZone zone,
                      Message* message) {
  const google::protobuf::Reflection& set = *message->GetReflection();
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(field.name(), "=", value, " is not ", what));
  };
  if (field.is_repeated()) return wrong("something a scenario can say");
  if (IsInstant(field)) {
    const absl::StatusOr<absl::Time> at = ParseInstant(value, zone);
    if (!at.ok()) return at.status();
    set.SetInt64(message, &field, ToMillis(*at));
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    set.SetString(message, &field, std::string(value));
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(value, &number)) return wrong("a number");
    set.SetUInt32(message, &field, number);
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    if (value != "yes" && value != "no") return wrong("yes or no");
    set.SetBool(message, &field, value == "yes");
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const EnumValueDescriptor* named = FindEnum(*field.enum_type(), value);
    if (named == nullptr) return wrong(absl::StrCat("one of ", field.enum_type()->name()));
    set.SetEnum(message, &field, named);
  } else {
    return wrong("something a scenario can say");
  }
  return absl::OkStatus();
}

std::string CandidatesText(const v1::Fact& fact) {
  return absl::StrJoin(fact.dispatched().candidates(), ",",
                       [](std::string* out, const v1::Candidate& candidate) {
                         absl::StrAppend(out, candidate.member(), ":", candidate.load());
                       });
}

}  // namespace

absl::StatusOr<absl::Time> ParseInstant(absl::string_view text, absl::TimeZone zone) {
  absl::Time at;
  std::string why;
  for (const absl::string_view format : {"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%E*S"}) {
    if (absl::ParseTime(format, text, zone, &at, &why)) return at;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not a time such as 2021-01-04 09:00"));
}

std::string InstantText(absl::Time at, absl::TimeZone zone) {
  absl::string_view format = "%Y-%m-%d %H:%M";
  if (ToMillis(at) % 60'000 != 0) format = "%Y-%m-%d %H:%M:%S";
  if (ToMillis(at) % 1'000 != 0) format = "%Y-%m-%d %H:%M:%E3S";
  return absl::FormatTime(format, at, zone);
}

absl::Status SetKind(absl::string_view kind, v1::Fact* fact) {
  const FieldDescriptor* field = FindKind(kind);
  if (field == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("'", kind, "' is not a fact"));
  }
  fact->GetReflection()->MutableMessage(fact, field);
  return absl::OkStatus();
}

std::string KindText(v1::Fact::KindCase kind) {
  const FieldDescriptor* field = v1::Fact::descriptor()->FindFieldByNumber(kind);
  return field == nullptr ? "nothing" : field->name();
}

absl::Status SetField(absl::string_view name, absl::string_view value, absl::TimeZone zone,
                      v1::Fact* fact) {
  const absl::StatusOr<const FieldDescriptor*> field = FindField(*fact, name);
  if (!field.ok()) return field.status();
  const FieldDescriptor* kind = v1::Fact::descriptor()->FindFieldByNumber(fact->kind_case());
  return SetValue(**field, value, zone, fact->GetReflection()->MutableMessage(fact, kind));
}

absl::StatusOr<std::string> FieldText(const v1::Fact& fact, absl::string_view name,
                                      absl::TimeZone zone) {
  if (fact.has_dispatched() && name == "candidates") return CandidatesText(fact);
  const absl::StatusOr<const FieldDescriptor*> found = FindField(fact, name);
  if (!found.ok()) return found.status();
  const FieldDescriptor* field = *found;
  const FieldDescriptor* kind = v1::Fact::descriptor()->FindFieldByNumber(fact.kind_case());
  const Message& message = fact.GetReflection()->GetMessage(fact, kind);
  const google::protobuf::Reflection& get = *message.GetReflection();
  if (IsInstant(*field)) {
    const int64_t ms = get.GetInt64(message, field);
    return ms == 0 ? "" : InstantText(FromMillis(ms), zone);
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: return get.GetString(message, field);
    case FieldDescriptor::CPPTYPE_UINT32: return absl::StrCat(get.GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_BOOL: return get.GetBool(message, field) ? "yes" : "no";
    case FieldDescriptor::CPPTYPE_ENUM: return EnumText(*get.GetEnum(message, field));
    default: return absl::InvalidArgumentError(absl::StrCat("cannot print '", name, "'"));
  }
}

absl::StatusOr<v1::Fact> ParseFact(absl::string_view text, absl::TimeZone zone) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty()) return absl::InvalidArgumentError("a fact without words");
  v1::Fact fact;
  if (const absl::Status set = SetKind(words[0], &fact); !set.ok()) return set;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(words[i], absl::MaxSplits('=', 1));
    if (const absl::Status set = SetField(field.first, field.second, zone, &fact); !set.ok()) {
      return set;
    }
  }
  return fact;
}

absl::Status SetActor(absl::string_view text, v1::Actor* actor) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  const EnumValueDescriptor* role = FindEnum(*v1::Role_descriptor(), parts.first);
  if (role == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("'", parts.first, "' is not a role"));
  }
  actor->set_role(static_cast<v1::Role>(role->number()));
  actor->set_code(std::string(parts.second));
  return absl::OkStatus();
}

std::string ActorText(const v1::Actor& actor) {
  const std::string role = EnumText(*v1::Role_descriptor()->FindValueByNumber(actor.role()));
  return actor.code().empty() ? role : absl::StrCat(role, ":", actor.code());
}

}  // namespace gridledger::tests
