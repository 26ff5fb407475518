// What a source says of an incident, as facts: recorded, inferred, and void where no fact can do
// it.
#include "services/history/mapping/lives/life_walk.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/history/mapping/lives/case_teller.h"
#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::mapping {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kMapping[] = R"(
source: desk
policy: policy.yaml
incident: {id: id, category: category, community: place, unit: {column: unit, default: nobody}}
events:
  at: at
  state: state
  states:
    - {names: New, fact: filed}
    - {names: Active, fact: handling_started}
    - {names: Waiting, fact: handling_paused, pause: AWAITING}
    - {names: Resolved, fact: handling_finished}
    - {names: Closed, fact: closed, disposition: UNCHECKED}
    - {names: Spam, fact: voided, reason: FALSE_REPORT}
    - {names: Noted}
    - {names: Proven, fact: closed, disposition: SOLVED}
)";
constexpr uint32_t kNew = 1, kActive = 2, kWaiting = 3, kResolved = 4, kClosed = 5, kSpam = 6,
                   kNoted = 7, kProven = 8;
constexpr int64_t kStartMs = 1'704'067'200'000;

v1::Mapping Parsed(const std::string& text) {
  v1::Mapping mapping;
  const absl::Status status = yaml::ParseYaml(text, "mapping.yaml", &mapping);
  EXPECT_TRUE(status.ok()) << status;
  return mapping;
}

// One incident "c1" of the desk, row by row; what is told goes through the ledger's own fold.
class Desk {
 public:
  explicit Desk(v1::AfterClosing after_closing = v1::AFTER_CLOSING_UNSPECIFIED,
                std::string default_unit = "nobody") {
    auto targets = TargetsOf(Parsed(kMapping));
    EXPECT_TRUE(targets.ok()) << targets.status();
    setting_ = {*targets, after_closing, "desk", std::move(default_unit)};
    v1::Fact report;
    report.set_incident_id("c1");
    report.mutable_reported()->set_category("order");
    report.mutable_reported()->set_community("changzhen");
    report.SerializeToString(&event_.report);
    event_.incident_id = "c1";
  }

  // Facts by name; "~" before an inferred one, "!" before a void one, and a unit behind dispatched.
  std::vector<std::string> Row(uint32_t state, std::string unit = "") {
    event_.at_ms = kStartMs + 60'000 * ++rows_;
    event_.state = state;
    event_.unit = std::move(unit);
    event_.content = static_cast<uint64_t>(rows_);
    return Again();
  }
  std::vector<std::string> Again() {
    std::vector<std::string> said;
    LifeWalk walk(&setting_);
    const auto status = teller_.Tell(
        event_, &answer_, [&](const CaseTeller::Place& place, const Observation& observation) {
          v1::Fact fact;
          walk.Begin(&observation);
          while (walk.Next(state_.incidents.Find(IncidentId("c1")), &fact)) {
            said.push_back(Fold(place, walk, fact));
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok());
    return said;
  }

  const incident::Incident& now() const { return *state_.incidents.Find(IncidentId("c1")); }
  CaseTeller::Answer answer() const { return answer_; }
  Event& event() { return event_; }

 private:
  std::string Fold(const CaseTeller::Place& place, const LifeWalk& walk, v1::Fact fact) {
    fact.set_stage(incident::PresentStage(state_, IncidentId("c1")).value);
    bool applied = false;
    const incident::Moment moment{Offset{offset_++}, FromMillis(place.at_ms)};
    incident::Evolve(state_, moment, fact, [&](const incident::Change& change) {
      applied = change.verdict == incident::Verdict::kApplied;
    });
    EXPECT_TRUE(applied || walk.last_word()) << "what may be void is the last word";
    EXPECT_EQ(fact.actor().role() == v1::ROLE_SOURCE, !fact.has_reported());
    const auto* const field =
        v1::Fact::descriptor()->FindFieldByNumber(static_cast<int>(fact.kind_case()));
    return absl::StrCat(applied ? "" : "!", fact.inferred() ? "~" : "", field->name(),
                        fact.has_dispatched() ? absl::StrCat(" ", fact.dispatched().unit()) : "");
  }

  TableSet tables_;
  incident::State state_{tables_};
  LifeWalk::Setting setting_;
  CaseTeller teller_{9};
  Event event_;
  CaseTeller::Answer answer_ = CaseTeller::Answer::kTold;
  int rows_ = 0;
  int64_t offset_ = 0;
};

TEST(LifeWalkTest, ALifeThatIsRecordedStepByStepIsToldAsItIs) {
  Desk desk;
  EXPECT_THAT(desk.Row(kNew, "roads"), ElementsAre("~reported", "filed", "dispatched roads"));
  EXPECT_THAT(desk.Row(kActive, "roads"), ElementsAre("handling_started"));
  EXPECT_THAT(desk.Row(kWaiting, "roads"), ElementsAre("handling_paused"));
  EXPECT_THAT(desk.Row(kActive, "roads"), ElementsAre("handling_resumed"));
  EXPECT_THAT(desk.Row(kResolved, "roads"), ElementsAre("handling_finished"));
  EXPECT_THAT(desk.Row(kClosed, "roads"), ElementsAre("closed"));
  EXPECT_EQ(desk.now().disposition, v1::DISPOSITION_UNCHECKED);
}

TEST(LifeWalkTest, AHistoryThatStartsInTheMiddleInfersItsBeginning) {
  Desk desk;
  EXPECT_THAT(desk.Row(kResolved, "roads"), ElementsAre("~reported", "~filed", "dispatched roads",
                                                        "~handling_started", "handling_finished"));
}

TEST(LifeWalkTest, AJumpInfersWhatLiesBetween) {
  Desk desk;
  desk.Row(kNew, "roads");
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("~handling_started", "~handling_finished", "closed"));
}

TEST(LifeWalkTest, ACheckIsInferredOnlyWhereTheSourceCallsItSolved) {
  Desk desk;
  desk.Row(kActive, "roads");
  EXPECT_THAT(desk.Row(kProven), ElementsAre("~handling_finished", "~check_passed", "closed"));
  EXPECT_EQ(desk.now().disposition, v1::DISPOSITION_SOLVED);
}

TEST(LifeWalkTest, WhatIsKnownMakesNothing) {
  Desk desk;
  desk.Row(kActive, "roads");
  EXPECT_THAT(desk.Row(kActive, "roads"), IsEmpty());
  EXPECT_EQ(desk.answer(), CaseTeller::Answer::kNothingNew);
  EXPECT_THAT(desk.Row(0), IsEmpty());
  EXPECT_THAT(desk.Row(kNoted), IsEmpty());
}

TEST(LifeWalkTest, AnotherUnitIsADispatchAndHandlingBeginsAnew) {
  Desk desk;
  desk.Row(kActive, "roads");
  EXPECT_THAT(desk.Row(kActive, "lamps"), ElementsAre("dispatched lamps", "~handling_started"));
  EXPECT_THAT(desk.Row(0, "parks"), ElementsAre("dispatched parks", "~handling_started"));
  EXPECT_EQ(desk.now().unit.text(), "parks");
}

TEST(LifeWalkTest, AUnitThatComesTooLateIsVoidOnce) {
  Desk desk;
  desk.Row(kClosed, "roads");
  EXPECT_THAT(desk.Row(kClosed, "lamps"), ElementsAre("!dispatched lamps"));
  EXPECT_THAT(desk.Row(kClosed, "lamps"), IsEmpty());
}

TEST(LifeWalkTest, AnIncidentWithoutAUnitIsTheDefaultOnesUntilItHasOne) {
  Desk desk;
  EXPECT_THAT(desk.Row(kNew), ElementsAre("~reported", "filed"));
  EXPECT_THAT(desk.Row(kActive), ElementsAre("~dispatched nobody", "handling_started"));
  EXPECT_THAT(desk.Row(kActive, "roads"), ElementsAre("dispatched roads", "~handling_started"));
}

TEST(LifeWalkTest, WithoutAnyUnitHandlingIsVoidAndClosingIsNot) {
  Desk desk(v1::AFTER_CLOSING_UNSPECIFIED, "");
  desk.Row(kNew);
  EXPECT_THAT(desk.Row(kActive), ElementsAre("!handling_started"));
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("closed"));
}

TEST(LifeWalkTest, HandledAndActiveAgainIsRework) {
  Desk desk;
  desk.Row(kResolved, "roads");
  EXPECT_THAT(desk.Row(kActive), ElementsAre("~check_failed", "handling_started"));
  EXPECT_EQ(desk.now().times_reworked, 1u);
  desk.Row(kResolved);
  EXPECT_THAT(desk.Row(kNew), ElementsAre("check_failed"));
  desk.Row(kResolved);
  EXPECT_THAT(desk.Row(kWaiting), ElementsAre("~check_failed", "handling_paused"));
}

TEST(LifeWalkTest, ActiveAndNewAgainIsBackInTheQueue) {
  Desk desk;
  desk.Row(kActive, "roads");
  EXPECT_THAT(desk.Row(kNew), ElementsAre("dispatched roads"));
}

TEST(LifeWalkTest, AClosedIncidentOpensAnew) {
  Desk desk;
  desk.Row(kClosed, "roads");
  EXPECT_THAT(desk.Row(kActive), ElementsAre("~reopened", "~dispatched roads", "handling_started"));
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("~handling_finished", "closed"));
  EXPECT_THAT(desk.Row(kNew), ElementsAre("reopened"));
  EXPECT_EQ(desk.now().times_reopened, 2u);
}

TEST(LifeWalkTest, OrStaysClosedWhereTheMappingSaysSo) {
  Desk desk(v1::AFTER_CLOSING_VOID);
  desk.Row(kClosed, "roads");
  EXPECT_THAT(desk.Row(kActive), ElementsAre("!handling_started"));
  EXPECT_EQ(desk.now().phase, incident::Phase::kClosed);
}

TEST(LifeWalkTest, APauseEndsBeforeAnythingElse) {
  Desk desk;
  desk.Row(kActive, "roads");
  desk.Row(kWaiting);
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("~handling_resumed", "~handling_finished", "closed"));
}

TEST(LifeWalkTest, APauseBeginsInAnyPhaseOfACase) {
  Desk desk;
  EXPECT_THAT(desk.Row(kWaiting), ElementsAre("~reported", "~filed", "handling_paused"));
  EXPECT_THAT(desk.Row(kActive, "roads"),
              ElementsAre("~handling_resumed", "dispatched roads", "handling_started"));
}

TEST(LifeWalkTest, WhatIsOverStaysOver) {
  Desk desk;
  desk.Row(kNew, "roads");
  EXPECT_THAT(desk.Row(kSpam), ElementsAre("voided"));
  EXPECT_THAT(desk.Row(kActive), ElementsAre("!handling_started"));
  EXPECT_THAT(desk.Row(kSpam), IsEmpty());
}

TEST(LifeWalkTest, AnotherDeadlineIsAnExtendedOne) {
  Desk desk;
  desk.Row(kActive, "roads");
  desk.event().due_at_ms = kStartMs + 86'400'000;
  EXPECT_THAT(desk.Row(kActive), ElementsAre("deadline_extended"));
  EXPECT_EQ(desk.now().due_at, FromMillis(kStartMs + 86'400'000));
  EXPECT_THAT(desk.Row(kActive), IsEmpty());
  desk.event().due_at_ms = kStartMs + 2 * 86'400'000;
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("deadline_extended", "~handling_finished", "closed"));
  desk.event().due_at_ms = kStartMs + 3 * 86'400'000;
  EXPECT_THAT(desk.Row(kClosed), ElementsAre("!deadline_extended")) << "too late";
}

TEST(LifeWalkTest, ADeadlineThatTheLedgerComesToByItselfIsNotToldAgain) {
  Desk desk;
  desk.event().due_at_ms = kStartMs + 86'400'000;
  desk.Row(kWaiting, "roads");
  desk.event().due_at_ms += 60'000;  // it waited for a minute
  EXPECT_THAT(desk.Row(kActive), ElementsAre("~handling_resumed", "handling_started"));
}

TEST(LifeWalkTest, ARowThatCameTwiceIsToldApart) {
  Desk desk;
  desk.Row(kActive, "roads");
  EXPECT_THAT(desk.Again(), IsEmpty());
  EXPECT_EQ(desk.answer(), CaseTeller::Answer::kTwice);
}

TEST(LifeWalkTest, AReportIsToldWhereTheSourceTellsItsTime) {
  Desk desk;
  desk.event().reported_at_ms = kStartMs;
  EXPECT_THAT(desk.Row(kNew), ElementsAre("reported", "filed"));
  EXPECT_EQ(desk.now().reported_at, FromMillis(kStartMs));
}

TEST(LifeWalkTest, AReportAfterTheFirstEventIsNotBelieved) {
  Desk desk;
  desk.event().reported_at_ms = kStartMs + 86'400'000;
  EXPECT_THAT(desk.Row(kNew), ElementsAre("~reported", "filed"));
  EXPECT_EQ(desk.now().reported_at, FromMillis(kStartMs + 60'000));
}

TEST(LifeWalkTest, AMappingThatCannotBeWalkedIsRefused) {
  const auto refused = [](const std::string& states, const std::string& facts = "") {
    return std::string(TargetsOf(Parsed(absl::StrCat("events: {states: [", states, "]}\n", facts)))
                           .status()
                           .message());
  };
  EXPECT_EQ(refused("{names: A, fact: check_failed}"),
            "events.states[1].fact: no state is reached by \"check_failed\"; did you mean "
            "check_passed?");
  EXPECT_EQ(refused("{fact: filed}"), "events.states[1]: it names no state");
  EXPECT_THAT(refused("{names: A, fact: closed}"),
              ::testing::HasSubstr("events.states[1].disposition"));
  EXPECT_EQ(refused("{names: A, fact: filed, pause: AWAITING}"),
            "events.states[1].pause: only \"handling_paused\" has one");
  EXPECT_EQ(refused("{names: A, fact: handling_paused, pause: awaitin}"),
            "events.states[1].pause: there is no awaitin; did you mean AWAITING?");
  EXPECT_EQ(refused("", "facts: [{fact: reported, at: x}]"),
            "facts[1]: the first event reports; its time is events.reported_at");
}

constexpr char kTown[] = R"(
source: town
policy: policy.yaml
incident: {id: id, category: category, community: place, unit: unit}
facts:
  - {fact: reported, at: opened}
  - {fact: filed, at: filed}
  - {fact: handling_finished, at: finished}
  - {fact: check_failed, at: failed}
  - {fact: check_passed, at: passed}
  - {fact: closed, at: closed, disposition: UNCHECKED}
  - {fact: closed, at: solved, disposition: SOLVED}
  - {fact: voided, at: voided, reason: FALSE_REPORT}
  - {fact: reopened, at: again, reason: RECURRED}
)";
constexpr uint32_t kFiled = 1, kFinished = 2, kFailed = 3, kPassed = 4, kEnded = 5, kSolved = 6,
                   kFalse = 7, kAgain = 8;

// A row of the town that tells these facts, one a minute after its report.
std::vector<std::string> TownRow(const std::vector<uint32_t>& targets, const std::string& unit) {
  LifeWalk::Setting setting;
  setting.targets = *TargetsOf(Parsed(kTown));
  setting.actor = "town";
  setting.by_facts = true;
  TableSet tables;
  incident::State state{tables};
  const IncidentId id("t1");
  int64_t offset = 0;
  std::vector<std::string> said;
  LifeWalk walk(&setting);
  const auto tell = [&](const Observation& observation) {
    v1::Fact fact;
    for (walk.Begin(&observation); walk.Next(state.incidents.Find(id), &fact);) {
      const bool last = walk.last_word();
      fact.set_stage(incident::PresentStage(state, id).value);
      bool applied = false;
      incident::Evolve(state, {Offset{offset++}, FromMillis(observation.happened_at_ms)}, fact,
                       [&](const incident::Change& change) {
                         applied = change.verdict == incident::Verdict::kApplied;
                       });
      EXPECT_TRUE(applied || last) << "what may be void is the last word";
      EXPECT_EQ(fact.happened_at_ms(), observation.happened_at_ms);
      const auto* const field =
          v1::Fact::descriptor()->FindFieldByNumber(static_cast<int>(fact.kind_case()));
      said.push_back(absl::StrCat(applied ? "" : "!", fact.inferred() ? "~" : "", field->name()));
    }
  };
  Observation observation;
  observation.incident_id = "t1";
  observation.happened_at_ms = kStartMs;
  v1::Fact report;
  report.set_incident_id("t1");
  report.set_happened_at_ms(kStartMs);
  report.mutable_reported()->set_category("order");
  report.mutable_reported()->set_community("changzhen");
  report.mutable_reported()->set_unit(unit);
  report.SerializeToString(&observation.report);
  tell(observation);
  observation.report.clear();
  observation.unit = unit;
  observation.target_changed = true;
  for (const uint32_t target : targets) {
    observation.happened_at_ms += 60'000;
    observation.target = target;
    tell(observation);
  }
  return said;
}

TEST(LifeWalkTest, WithARowAnIncidentWhatIsLawfulIsToldAsItIs) {
  EXPECT_THAT(TownRow({kFiled, kEnded}, "roads"), ElementsAre("reported", "filed", "closed"));
  EXPECT_THAT(TownRow({kFiled, kEnded, kAgain, kEnded}, ""),
              ElementsAre("reported", "filed", "closed", "reopened", "closed"));
  EXPECT_THAT(TownRow({kFalse}, ""), ElementsAre("reported", "voided"));
}

TEST(LifeWalkTest, WithARowAnIncidentOnlyWhatMakesAFactLawfulIsInferred) {
  EXPECT_THAT(TownRow({kEnded}, "roads"), ElementsAre("reported", "~filed", "closed"));
  EXPECT_THAT(TownRow({kFinished, kFailed, kPassed}, "roads"),
              ElementsAre("reported", "~filed", "~dispatched", "handling_finished", "check_failed",
                          "~handling_started", "~handling_finished", "check_passed"));
  EXPECT_THAT(TownRow({kSolved}, "roads"),
              ElementsAre("reported", "~filed", "~dispatched", "~handling_started",
                          "~handling_finished", "~check_passed", "closed"));
}

TEST(LifeWalkTest, WithARowAnIncidentWhatCannotBeIsVoidAndSaidOnce) {
  EXPECT_THAT(TownRow({kFiled, kFailed}, "roads"),
              ElementsAre("reported", "filed", "!check_failed"));
  EXPECT_THAT(TownRow({kAgain, kEnded}, ""),
              ElementsAre("reported", "!reopened", "~filed", "closed"));
  EXPECT_THAT(TownRow({kFinished}, ""), ElementsAre("reported", "~filed", "!handling_finished"))
      << "nobody knows by whom";
  EXPECT_THAT(TownRow({kEnded, kFiled, kEnded}, ""),
              ElementsAre("reported", "~filed", "closed", "!filed", "!closed"));
  EXPECT_THAT(TownRow({kFalse, kEnded}, ""), ElementsAre("reported", "voided", "!closed"));
}

}  // namespace
}  // namespace gridledger::mapping
