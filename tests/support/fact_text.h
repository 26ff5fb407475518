// Facts as name=value text, for scenarios and test tables: "disposition=solved", "due_at=…". Reads
// and prints by the schema, so that a new field needs no line here.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>

#include "gridledger/v1/fact.pb.h"

namespace gridledger::tests {

// "2021-01-04 09:00", with seconds and milliseconds where there are any.
absl::StatusOr<absl::Time> ParseInstant(absl::string_view text, absl::TimeZone zone);
std::string InstantText(absl::Time at, absl::TimeZone zone);

// Makes `fact` one of that kind, named as in v1.Fact.kind. InvalidArgument when there is none.
absl::Status SetKind(absl::string_view kind, v1::Fact* fact);
std::string KindText(v1::Fact::KindCase kind);

// Sets a field of the fact's kind. Instants are named without their "_ms"; enums by their short
// names.
absl::Status SetField(absl::string_view name, absl::string_view value, absl::TimeZone zone,
                      v1::Fact* fact);
// The field of the fact's kind as SetField takes it; empty for the default. Candidates are
// "member:load" with commas between.
absl::StatusOr<std::string> FieldText(const v1::Fact& fact, absl::string_view name,
                                      absl::TimeZone zone);

// A whole fact, "reported category=order community=changzhen"; values have no blanks.
absl::StatusOr<v1::Fact> ParseFact(absl::string_view text, absl::TimeZone zone);

// "shift_leader:l1", "citizen".
absl::Status SetActor(absl::string_view text, v1::Actor* actor);
std::string ActorText(const v1::Actor& actor);

}  // namespace gridledger::tests
