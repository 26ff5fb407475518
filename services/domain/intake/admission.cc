#include "services/domain/intake/admission.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "services/base/characters.h"
#include "services/base/layout.h"
#include "services/domain/incident/limits.h"
#include "services/domain/incident/speakers.h"

namespace gridledger::intake {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using v1::Fact;

using Objection = std::optional<Refusal>;

Refusal Refuse(Ground ground, std::string field, std::string text) {
  return Refusal{ground, std::move(field), std::move(text)};
}

const incident::Speakers* RowOf(Fact::KindCase kind) {
  for (const incident::Speakers& row : incident::AllSpeakers()) {
    if (row.fact == kind) return &row;
  }
  return nullptr;
}

// ---- ids and texts

Objection ObjectionToId(const std::string& id, const std::string& field) {
  const auto is_allowed = [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
  };
  if (!id.empty() && id.size() <= kIncidentIdBytesMax && absl::ascii_isalnum(id.front()) &&
      std::all_of(id.begin(), id.end(), is_allowed)) {
    return std::nullopt;
  }
  return Refuse(Ground::kBadIncidentId, field,
                absl::StrCat("an incident id has 1 to ", kIncidentIdBytesMax,
                             " characters of A-Z, a-z, 0-9 and - _ . : and begins with a letter "
                             "or a digit"));
}

bool IsText(absl::string_view text) {
  while (!text.empty()) {
    const char32_t code = TakeCharacter(&text);
    if (code == kNotUtf8 || IsControl(code)) return false;
  }
  return true;
}

Objection ObjectionToText(const FieldDescriptor& field, const std::string& text,
                          const std::string& path) {
  if (text.size() > incident::BytesMax(field)) {
    return Refuse(
        Ground::kTooLong, path,
        absl::StrCat("has ", text.size(), " bytes; ", incident::BytesMax(field), " are the most"));
  }
  if (!IsText(text)) {
    return Refuse(Ground::kBadText, path, "must be UTF-8 text of one line, without control codes");
  }
  return std::nullopt;
}

// Every text and every enum of the message, at whatever depth. No field of a fact repeats texts.
Objection ObjectionToValues(const Message& message, const std::string& before) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const std::string path = absl::StrCat(before, std::string(field->name()));
    if (field->type() == FieldDescriptor::TYPE_STRING && !field->is_repeated()) {
      Objection objection =
          ObjectionToText(*field, reflection.GetStringReference(message, field, &scratch), path);
      if (objection) return objection;
    } else if (field->type() == FieldDescriptor::TYPE_ENUM && !field->is_repeated()) {
      const int number = reflection.GetEnumValue(message, field);
      if (field->enum_type()->FindValueByNumber(number) == nullptr) {
        return Refuse(Ground::kBadValue, path, "is no value that this program knows");
      }
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        Objection objection = ObjectionToValues(
            field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                 : reflection.GetMessage(message, field),
            absl::StrCat(path, "."));
        if (objection) return objection;
      }
    }
  }
  return std::nullopt;
}

// ---- who speaks

// In whose name. Leaves the role open when the request does.
Objection SetActor(const Principal& principal, Fact* fact) {
  v1::Actor& actor = *fact->mutable_actor();
  const bool names_role = actor.role() != v1::ROLE_UNSPECIFIED;
  if (names_role && principal.Has(v1::ROLE_SOURCE) && actor.role() != v1::ROLE_SERVICE) {
    if (actor.role() == v1::ROLE_SOURCE) actor.set_code(principal.code);
    return std::nullopt;  // passes on what others said
  }
  if (names_role && !principal.Has(actor.role())) {
    return Refuse(Ground::kOtherActor, "actor.role",
                  "leave it out, or name a role that this account or key has");
  }
  if (!actor.code().empty() && actor.code() != principal.code) {
    return Refuse(Ground::kOtherActor, "actor.code",
                  "leave it out: the fact carries the code of this account or key");
  }
  actor.set_code(principal.code);
  return std::nullopt;
}

// All who may say it, in words.
std::string SaidBy(const incident::Speakers& row) {
  std::vector<std::string> names;
  for (const std::string& name : RoleNames()) {
    if ((row.roles & (1u << *ParseRole(name))) != 0) names.push_back(name);
  }
  return absl::StrCat(std::string(row.name), " may be said by ", absl::StrJoin(names, ", "));
}

// Chooses the role where the request left it open.
Objection ObjectionToSpeaker(const Principal& principal, Fact* fact) {
  const incident::Speakers* row = RowOf(fact->kind_case());
  if (row == nullptr) return Refuse(Ground::kNoKind, "kind", "name one kind of fact");
  std::vector<v1::Role> roles = principal.roles;
  if (fact->actor().role() != v1::ROLE_UNSPECIFIED) roles = {fact->actor().role()};
  bool lacks_code = false;
  for (const v1::Role role : roles) {
    // The fold takes whoever tells no role for staff: nobody passes this door so.
    if (RoleName(role).empty()) continue;
    fact->mutable_actor()->set_role(role);
    if (incident::MaySay(*fact, "")) return std::nullopt;
    lacks_code = lacks_code || (row->roles & (1u << role)) != 0;
  }
  const std::string kind(row->name);
  if (lacks_code) {
    return Refuse(
        Ground::kNoCode, "actor.code",
        absl::StrCat(kind, " takes a code, for somebody answers for it, and this account ",
                     "or key has none"));
  }
  return Refuse(Ground::kNotPermitted, kind, SaidBy(*row));
}

// What a source alone may say of how a fact came about.
Objection ObjectionToOrigin(Fact* fact) {
  if (fact->actor().role() == v1::ROLE_SOURCE) return std::nullopt;
  if (fact->inferred()) {
    return Refuse(Ground::kNotPermitted, "inferred", "leave it out: only a source may infer");
  }
  if (!fact->has_dispatched()) return std::nullopt;
  v1::IncidentDispatched& dispatched = *fact->mutable_dispatched();
  if (dispatched.reason() != v1::DISPATCH_REASON_UNSPECIFIED &&
      dispatched.reason() != v1::DISPATCH_REASON_BY_HAND) {
    return Refuse(Ground::kBadValue, "dispatched.reason",
                  "leave it out: a person dispatches by hand");
  }
  if (dispatched.candidates_size() > 0) {
    return Refuse(Ground::kBadValue, "dispatched.candidates",
                  "leave it out: only the dispatch service compares candidates");
  }
  dispatched.set_reason(v1::DISPATCH_REASON_BY_HAND);
  return std::nullopt;
}

// ---- instants

Objection ObjectionToHappenedAt(const Fact& fact, absl::Time now) {
  const int64_t ms = fact.happened_at_ms();
  if (ms >= 0 && ms <= ToMillis(now + kAheadMax)) return std::nullopt;
  return Refuse(Ground::kBadInstant, "happened_at_ms",
                ms < 0 ? "must not be before 1970; leave it out when it is not known"
                       : "must not be more than a minute ahead of the clock");
}

// Zero stands for none.
Objection ObjectionToDueAt(int64_t due_at_ms, const std::string& field, absl::Time now) {
  if (due_at_ms == 0 || (due_at_ms > 0 && due_at_ms >= ToMillis(now - kDueWithin) &&
                         due_at_ms <= ToMillis(now + kDueWithin))) {
    return std::nullopt;
  }
  return Refuse(Ground::kBadInstant, field, "must lie within ten years of now");
}

Objection ObjectionToInstants(const Fact& fact, absl::Time now) {
  if (Objection objection = ObjectionToHappenedAt(fact, now)) return objection;
  switch (fact.kind_case()) {
    case Fact::kReported:
      return ObjectionToDueAt(fact.reported().due_at_ms(), "reported.due_at_ms", now);
    case Fact::kFiled: return ObjectionToDueAt(fact.filed().due_at_ms(), "filed.due_at_ms", now);
    case Fact::kDeadlineExtended:
      return ObjectionToDueAt(fact.deadline_extended().due_at_ms(), "deadline_extended.due_at_ms",
                              now);
    default: return std::nullopt;  // a warning or a miss only repeats what the incident has
  }
}

// ---- what each kind needs

Objection ObjectionToPoint(const v1::Point& point) {
  constexpr int32_t kDegree = 10'000'000;
  if (std::abs(int64_t{point.latitude_e7()}) > 90 * int64_t{kDegree}) {
    return Refuse(Ground::kBadValue, "reported.point.latitude_e7",
                  "must be from -90 to 90 degrees, in units of 1e-7 degree");
  }
  if (std::abs(int64_t{point.longitude_e7()}) > 180 * int64_t{kDegree}) {
    return Refuse(Ground::kBadValue, "reported.point.longitude_e7",
                  "must be from -180 to 180 degrees, in units of 1e-7 degree");
  }
  return std::nullopt;
}

Objection ObjectionToReport(const v1::IncidentReported& reported, const policy::Compiled* policy) {
  if (reported.category().empty()) {
    return Refuse(Ground::kMissing, "reported.category",
                  "a report needs a category: a code of the policy's catalogue");
  }
  if (policy != nullptr && !policy->TakesCategory(CategoryCode(reported.category()))) {
    return Refuse(Ground::kUnknownCategory, "reported.category",
                  "the policy in force has no such category: use a code of its catalogue");
  }
  if (reported.community().empty()) {
    return Refuse(Ground::kMissing, "reported.community",
                  "a report needs a community: the code of the one that it lies in");
  }
  return reported.has_point() ? ObjectionToPoint(reported.point()) : std::nullopt;
}

Objection ObjectionToContent(const Fact& fact, const policy::Compiled* policy) {
  switch (fact.kind_case()) {
    case Fact::kReported: return ObjectionToReport(fact.reported(), policy);
    case Fact::kDispatched:
      if (!fact.dispatched().unit().empty()) return std::nullopt;
      return Refuse(Ground::kMissing, "dispatched.unit", "name the unit that it goes to");
    case Fact::kDeadlineExtended:
      if (fact.deadline_extended().due_at_ms() != 0) return std::nullopt;
      return Refuse(Ground::kMissing, "deadline_extended.due_at_ms", "name the new deadline");
    case Fact::kClosed:
      if (fact.closed().disposition() != v1::DISPOSITION_UNSPECIFIED) return std::nullopt;
      return Refuse(Ground::kMissing, "closed.disposition", "say how it was closed");
    case Fact::kMerged:
      if (fact.merged().into() == fact.incident_id()) {
        return Refuse(Ground::kBadValue, "merged.into", "must be another incident");
      }
      if (!fact.merged().into().empty()) return std::nullopt;
      return Refuse(Ground::kMissing, "merged.into", "name the incident that is the same matter");
    case Fact::kRated:
      if (fact.rated().stars() >= 1 && fact.rated().stars() <= 5) return std::nullopt;
      return Refuse(Ground::kBadValue, "rated.stars", "must be from 1 (worst) to 5 (best)");
    case Fact::kEscalationRaised:
      if (fact.escalation_raised().level() > 0) return std::nullopt;
      return Refuse(Ground::kMissing, "escalation_raised.level", "name the level, from 1");
    case Fact::kAccepted:
    case Fact::kRefused:
    case Fact::kVerified:
    case Fact::kFiled:
    case Fact::kDispatchAccepted:
    case Fact::kDispatchDeclined:
    case Fact::kDispatchReturned:
    case Fact::kHandlingStarted:
    case Fact::kHandlingPaused:
    case Fact::kHandlingResumed:
    case Fact::kHandlingFinished:
    case Fact::kCheckPassed:
    case Fact::kCheckFailed:
    case Fact::kVoided:
    case Fact::kReopened:
    case Fact::kDeadlineWarned:
    case Fact::kDeadlineMissed:
    case Fact::KIND_NOT_SET: return std::nullopt;
  }
  return std::nullopt;
}

// ---- where, and whose

bool Lists(const std::vector<std::string>& codes, const std::string& code) {
  return !code.empty() && std::find(codes.begin(), codes.end(), code) != codes.end();
}

Refusal UnknownIncident() {
  return Refuse(Ground::kUnknownIncident, "incident_id",
                "there is no such incident: report it first, or check its id");
}

Objection ObjectionToPlace(const Principal& principal, const Fact& fact,
                           const incident::Incident* about) {
  if (principal.areas.empty()) return std::nullopt;
  if (fact.has_reported()) {
    if (Lists(principal.areas, fact.reported().community()) ||
        Lists(principal.areas, fact.reported().area())) {
      return std::nullopt;
    }
    return Refuse(Ground::kOutsideAreas, "reported.community",
                  "must lie in an area of this account or key");
  }
  if (about == nullptr) return UnknownIncident();
  if (Lists(principal.areas, about->community.text()) ||
      Lists(principal.areas, about->area.text())) {
    return std::nullopt;
  }
  return Refuse(Ground::kOutsideAreas, "incident_id",
                "must be an incident in an area of this account or key");
}

// A handler with units works on their cases alone; anybody reports.
Objection ObjectionToUnit(const Principal& principal, const Fact& fact,
                          const incident::Incident* about) {
  if (principal.units.empty() || fact.actor().role() != v1::ROLE_HANDLER || fact.has_reported()) {
    return std::nullopt;
  }
  if (about == nullptr) return UnknownIncident();
  if (!Lists(principal.units, about->unit.text())) {
    return Refuse(Ground::kOutsideUnits, "incident_id",
                  "must be a case of a unit of this account or key");
  }
  if (fact.has_dispatched() && !Lists(principal.units, fact.dispatched().unit())) {
    return Refuse(Ground::kOutsideUnits, "dispatched.unit",
                  "must be a unit of this account or key; to give a case back, say "
                  "dispatch_returned");
  }
  return std::nullopt;
}

Objection ObjectionToAll(const Principal& principal, const Circumstances& circumstances,
                         Fact* fact) {
  if (fact->kind_case() == Fact::KIND_NOT_SET) {
    return Refuse(Ground::kNoKind, "kind", "name one kind of fact");
  }
  // Ids of an imported history are its own, and whatever is there has one that counts.
  if (circumstances.about == nullptr) {
    if (Objection objection = ObjectionToId(fact->incident_id(), "incident_id")) return objection;
  }
  if (Objection objection = ObjectionToValues(*fact, "")) return objection;
  if (Objection objection = SetActor(principal, fact)) return objection;
  if (Objection objection = ObjectionToSpeaker(principal, fact)) return objection;
  if (Objection objection = ObjectionToOrigin(fact)) return objection;
  if (Objection objection = ObjectionToInstants(*fact, circumstances.now)) return objection;
  if (Objection objection = ObjectionToContent(*fact, circumstances.policy)) return objection;
  if (Objection objection = ObjectionToPlace(principal, *fact, circumstances.about)) {
    return objection;
  }
  return ObjectionToUnit(principal, *fact, circumstances.about);
}

}  // namespace

absl::string_view GroundName(Ground ground) {
  switch (ground) {
    case Ground::kNoKind: return "no_kind";
    case Ground::kBadIncidentId: return "bad_incident_id";
    case Ground::kUnknownIncident: return "unknown_incident";
    case Ground::kOtherActor: return "other_actor";
    case Ground::kNotPermitted: return "not_permitted";
    case Ground::kNoCode: return "no_code";
    case Ground::kTooLong: return "too_long";
    case Ground::kBadText: return "bad_text";
    case Ground::kBadInstant: return "bad_instant";
    case Ground::kMissing: return "missing";
    case Ground::kBadValue: return "bad_value";
    case Ground::kUnknownCategory: return "unknown_category";
    case Ground::kOutsideAreas: return "outside_areas";
    case Ground::kOutsideUnits: return "outside_units";
  }
  return "";
}

bool IsAboutWho(Ground ground) {
  return ground == Ground::kOtherActor || ground == Ground::kNotPermitted ||
         ground == Ground::kNoCode || ground == Ground::kOutsideAreas ||
         ground == Ground::kOutsideUnits;
}

std::variant<Fact, Refusal> Admit(const Principal& principal, const Circumstances& circumstances,
                                  Fact asked) {
  asked.DiscardUnknownFields();
  if (Objection objection = ObjectionToAll(principal, circumstances, &asked)) {
    return *std::move(objection);
  }
  return asked;
}

}  // namespace gridledger::intake
