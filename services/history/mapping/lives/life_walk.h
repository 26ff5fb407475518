// A source says where an incident stands; which facts bring it there? The walk asks the ledger's
// own fold where the incident stands, and tells the next fact, one at a time, until it is there:
// what the source recorded as it is, and what it must have passed through as inferred. What no fact
// can do is said all the same, once, and the fold calls it void.
//
//   walk.Begin(&observation);
//   while (walk.Next(incidents.Find(id), &fact)) …fold it, and what services decide on it…
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "gridledger/v1/mapping.pb.h"
#include "services/domain/incident/incident.h"
#include "services/history/mapping/lives/observation.h"

namespace gridledger::mapping {

// Where a state, or a fact of the incident as a whole, brings it: a fact without id and time.
struct Target {
  v1::Fact fact;
  incident::Phase phase = incident::Phase::kNone;  // kNone for a pause and for what tells nothing
  bool tells_nothing = false;
};

// The targets of a mapping with one row an event are its states, then its facts; with one row an
// incident, its facts but the report. InvalidArgument names the field of the mapping.
absl::StatusOr<std::vector<Target>> TargetsOf(const v1::Mapping& mapping);

class LifeWalk {
 public:
  struct Setting {
    std::vector<Target> targets;
    v1::AfterClosing after_closing = v1::AFTER_CLOSING_UNSPECIFIED;
    std::string actor;         // the source's name
    std::string default_unit;  // for what needs a unit before the source has told one; may be empty
    // One row an incident: a row tells facts, not where the incident stands. Each is told as it is,
    // and what has to be inferred before it is what makes it lawful, and no more.
    bool by_facts = false;
  };
  // What a mapping says of it. InvalidArgument as TargetsOf.
  static absl::StatusOr<Setting> SettingOf(const v1::Mapping& mapping);
  // The setting outlives the walk.
  explicit LifeWalk(const Setting* setting);

  // The observation outlives its walk.
  void Begin(const Observation* observation);
  // The next fact, with its id, time and actor; `now` is the incident as it stands, null before its
  // report. False when nothing more is to be said.
  bool Next(const incident::Incident* now, v1::Fact* fact);
  // Whether the fact just told is the last one whatever comes of it: it may be void, and then the
  // incident does not show that it was said.
  bool last_word() const { return ended_; }

 private:
  using Kind = v1::Fact::KindCase;

  // KIND_NOT_SET when the incident stands where it should.
  Kind Step(const incident::Incident& now);
  Kind StepForward(const incident::Incident& now);
  Kind StepToFact(const incident::Incident& now);
  Kind LastWord(Kind kind);
  bool MovesUnit(const incident::Incident& now) const;
  bool MovesDeadline(const incident::Incident& now) const;
  bool TellOvertaken(const incident::Incident* now, v1::Fact* fact);
  bool Tell(Kind kind, const incident::Incident* now, v1::Fact* fact);

  const std::vector<Target>& targets_;
  const v1::AfterClosing after_closing_;
  const std::string& actor_;
  const std::string& default_unit_;
  const bool by_facts_;
  const Observation* observation_ = nullptr;
  const Target* target_ = nullptr;
  uint64_t told_ = 0;  // bits 1 << Kind: nothing is told twice
  bool ended_ = true;
};

}  // namespace gridledger::mapping
