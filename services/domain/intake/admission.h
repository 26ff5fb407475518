// The door: turns the fact that a request asks for into one that may be appended, or refuses it and
// says what would be right. Pure; the clock, the policy and the incident come in as values. The
// fold judges every fact again (incident.h): what is refused here is what the sender can put right.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "gridledger/v1/fact.pb.h"
#include "services/domain/incident/incident.h"
#include "services/domain/intake/principal.h"
#include "services/domain/policy/policy.h"

namespace gridledger::intake {

// Why a request is refused. The names are in answers: never rename one.
enum class Ground : uint8_t {
  kNoKind = 0,           // the fact says nothing
  kBadIncidentId = 1,    // missing, too long, or of other characters
  kUnknownIncident = 2,  // whoever has areas or units may speak of known incidents alone
  kOtherActor = 3,       // speaks for somebody else
  kNotPermitted = 4,     // nobody of these roles may say it
  kNoCode = 5,           // it takes a code, and the principal has none
  kTooLong = 6,
  kBadText = 7,     // control characters, or bytes that are no text
  kBadInstant = 8,  // not of the time that it can be of
  kMissing = 9,     // what this kind of fact needs
  kBadValue = 10,
  kUnknownCategory = 11,
  kOutsideAreas = 12,
  kOutsideUnits = 13,
};
constexpr int kGrounds = 14;
// "unknown_category"
absl::string_view GroundName(Ground ground);
// Whether it is about who asks (403 to a web client) and not about what is asked (422).
bool IsAboutWho(Ground ground);

struct Refusal {
  Ground ground = Ground::kNoKind;
  std::string field;  // by its path in v1.Fact, e.g. "reported.category"
  std::string text;   // what would be right; repeats nothing of what was sent
};

// What is known when the request comes.
struct Circumstances {
  absl::Time now;  // the clock
  // In force in the incident's partition; null or without a catalogue: any category is taken.
  const policy::Compiled* policy = nullptr;
  // The incident as folded so far; null when it is not there.
  const incident::Incident* about = nullptr;
};

inline constexpr size_t kIncidentIdBytesMax = 128;  // a source, a year and a number have about 30
inline constexpr absl::Duration kAheadMax =
    absl::Minutes(1);  // clocks of phones and sensors differ
// The longest works of a city take some years; beyond ten it is a slip of the pen.
inline constexpr absl::Duration kDueWithin = absl::Hours(24 * 3653);

// `asked` as the sender has it, with its stage. The fact admitted has the actor of the principal:
// the request may leave the actor out, or name that same one; in another's name speaks only whoever
// has the role source, a system that passes on what others said. Fields of a later build are
// dropped.
std::variant<v1::Fact, Refusal> Admit(const Principal& principal,
                                      const Circumstances& circumstances, v1::Fact asked);

}  // namespace gridledger::intake
