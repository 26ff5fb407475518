// Escalation: when a deadline warns, passes, and goes up the ladder; and what stops it.
#include "services/domain/escalation/escalation.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/domain/incident/limits.h"
#include "tests/support/fact_text.h"

namespace gridledger::escalation {
namespace {

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

v1::Policy Rules(int levels = 2) {
  v1::Policy policy;
  for (const auto& [code, minutes] :
       std::vector<std::pair<const char*, uint32_t>>{{"order", 100}, {"waste", 60}, {"show", 0}}) {
    v1::Category& category = *policy.add_categories();
    category.set_code(code);
    category.set_limit_minutes(minutes);
  }
  policy.set_default_unit("u1");
  policy.mutable_escalation()->set_warn_percent(80);
  const char* const posts[] = {"chief", "head"};
  for (int i = 0; i < levels; ++i) {
    v1::Level& level = *policy.mutable_escalation()->add_levels();
    level.set_after_minutes(i == 0 ? 30 : 480);
    level.set_post(posts[i]);
  }
  return policy;
}

// A partition with its escalation service. Instants are minutes after nine.
class Watchtower {
 public:
  Watchtower() { incidents_.policy.Activate(Rules()); }
  void Activate(const v1::Policy& policy) { incidents_.policy.Activate(policy); }

  // Folds a fact on the present stage at the present time. `due` sets its due_at. Answers with what
  // the service decides on it, which is folded at once.
  std::string Tell(const std::string& id, const std::string& text,
                   std::optional<absl::Time> due = std::nullopt) {
    Fold(id, text, due);
    return Apply(Answer());
  }
  void Fold(const std::string& id, const std::string& text,
            std::optional<absl::Time> due = std::nullopt) {
    absl::StatusOr<v1::Fact> fact = tests::ParseFact(text, absl::UTCTimeZone());
    ASSERT_TRUE(fact.ok()) << fact.status();
    fact->set_incident_id(id);
    fact->set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
    fact->mutable_actor()->set_code("x1");
    if (due) {
      const auto set = tests::SetField("due_at", tests::InstantText(*due, absl::UTCTimeZone()),
                                       absl::UTCTimeZone(), &*fact);
      ASSERT_TRUE(set.ok()) << set;
    }
    ++offset_;
    EXPECT_EQ(Judge(*fact), "applied") << text;
  }
  // What becomes of a fact on the present stage.
  std::string Fate(const std::string& id, const std::string& text) {
    absl::StatusOr<v1::Fact> fact = tests::ParseFact(text, absl::UTCTimeZone());
    if (!fact.ok()) return std::string(fact.status().message());
    fact->set_incident_id(id);
    fact->set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
    fact->mutable_actor()->set_code("x1");
    ++offset_;
    return Judge(*fact);
  }
  void File(const std::string& id, const std::string& report = "category=order") {
    Fold(id, "reported " + report);
    Fold(id, "filed");
  }
  // A tick at the present time, and what the service decides on it.
  v1::Decision Tick() {
    ++offset_;
    EvolveTick(state_, incidents_, Moment());
    return Answer();
  }
  v1::Decision Answer() const {
    v1::Decision decision;
    Decide(state_, incidents_, Moment(), &decision);
    return decision;
  }
  // Folds a decision: "96m c1 warned, …".
  std::string Apply(const v1::Decision& decision) {
    std::string told;
    ++offset_;
    for (const v1::Fact& fact : decision.facts()) {
      if (!told.empty()) told += ", ";
      absl::StrAppend(&told, absl::FormatDuration(at - kNine), " ", fact.incident_id(), " ");
      if (fact.has_deadline_warned()) told += "warned";
      if (fact.has_deadline_missed()) told += "missed";
      if (fact.has_escalation_raised()) {
        absl::StrAppend(&told, fact.escalation_raised().level(), " ",
                        fact.escalation_raised().post());
      }
      const std::string fate = Judge(fact, "escalation");
      if (fate != "applied") absl::StrAppend(&told, " (", fate, ")");
    }
    return told;
  }
  // Ticks whenever something is due, up to and including `until`, as a live service would.
  std::string RunTo(absl::Time until) {
    std::string told;
    while (EarliestTimer(state_) <= until) {
      at = std::max(at, EarliestTimer(state_));
      const std::string more = Apply(Tick());
      absl::StrAppend(&told, told.empty() || more.empty() ? "" : ", ", more);
    }
    at = until;
    return told;
  }
  // One record that says the same of many cases.
  v1::Decision TellAll(const std::vector<std::string>& ids, const std::string& text) {
    ++offset_;
    for (const std::string& id : ids) {
      absl::StatusOr<v1::Fact> fact = tests::ParseFact(text, absl::UTCTimeZone());
      EXPECT_TRUE(fact.ok()) << fact.status();
      fact->set_incident_id(id);
      fact->set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
      fact->mutable_actor()->set_code("x1");
      EXPECT_EQ(Judge(*fact), "applied") << text;
    }
    return Answer();
  }
  std::string RunToMinute(int minute) { return RunTo(kNine + absl::Minutes(minute)); }

  absl::Time at = kNine;
  const State& state() const { return state_; }
  const incident::Incident& Of(const std::string& id) const {
    return *incidents_.incidents.Find(IncidentId(id));
  }

 private:
  incident::Moment Moment() const { return incident::Moment{Offset{offset_}, at}; }
  std::string Judge(const v1::Fact& fact, absl::string_view decided_by = "") {
    std::string fate;
    const auto told = [&](const incident::Change& change) {
      EvolveChange(state_, incidents_, change);
      fate = change.verdict == incident::Verdict::kApplied
                 ? "applied"
                 : std::string(incident::VoidReasonName(change.reason));
    };
    incident::Evolve(incidents_, Moment(), fact, told, decided_by);
    return fate;
  }

  TableSet tables_;
  incident::State incidents_{tables_};
  State state_{tables_};
  int64_t offset_ = -1;
};

constexpr int kDays = 30 * 1440;  // long after everything

// ---- which deadline -----------------------------------------------------------------------------

TEST(EscalationTest, TheDeadlineIsTheOneNamedElseTheCategorysLimit) {
  const struct {
    const char* why;
    const char* category;
    int report_due, file_due;  // minutes after nine; 0 for none
    const char* missed;
  } rows[] = {
      {"the limit of its category", "order", 0, 0, "1h40m0.001s c1 missed"},
      {"another category, another limit", "waste", 0, 0, "1h0.001s c1 missed"},
      {"a category without a limit is never due", "show", 0, 0, ""},
      {"nor one that the catalogue does not know", "noise", 0, 0, ""},
      {"the report names one", "order", 45, 0, "45m0.001s c1 missed"},
      {"and so it does where there is no limit", "show", 45, 0, "45m0.001s c1 missed"},
      {"filing names another", "order", 45, 50, "50m0.001s c1 missed"},
  };
  for (const auto& row : rows) {
    Watchtower tower;
    v1::Policy policy = Rules(0);
    policy.mutable_escalation()->clear_warn_percent();
    tower.Activate(policy);
    const auto due = [](int minute) {
      return minute == 0 ? std::nullopt : std::optional<absl::Time>(kNine + absl::Minutes(minute));
    };
    tower.Fold("c1", absl::StrCat("reported category=", row.category), due(row.report_due));
    tower.Fold("c1", "filed", due(row.file_due));
    EXPECT_EQ(tower.RunToMinute(kDays), row.missed) << row.why;
    EXPECT_EQ(EarliestTimer(tower.state()), absl::InfiniteFuture()) << row.why;
  }
}

TEST(EscalationTest, TheClockRunsFromFilingAndNotBefore) {
  Watchtower tower;
  tower.Fold("c1", "reported category=order");
  EXPECT_EQ(EarliestTimer(tower.state()), absl::InfiniteFuture()) << "a report has no clock yet";
  tower.at += absl::Hours(1);
  tower.Fold("c1", "filed");
  EXPECT_EQ(EarliestTimer(tower.state()), kNine + absl::Minutes(60 + 80));
}

TEST(EscalationTest, WhenTheYellowLightBegins) {
  const struct {
    const char* why;
    int64_t span_ms;
    int percent;
    int64_t yellow_ms;  // after the beginning; -1 for never
  } rows[] = {
      {"four fifths of it", 1000, 80, 800},
      {"the share that is left is rounded down", 999, 80, 800},
      {"a tenth of a millisecond left is none", 1, 90, 1},
      {"no warning wanted", 1000, 0, -1},
      {"at the deadline itself", 1000, 100, 1000},
      {"more than all of it is all of it", 1000, 130, 1000},
      {"at once is no warning", 0, 80, -1},
      {"a deadline before the beginning", -1000, 80, -1},
      {"in the first millisecond that there is", 50, 1, 1},
      {"a hundred thousand years do not overflow", 3'155'760'000'000'000, 80,
       2'524'608'000'000'000},
  };
  for (const auto& row : rows) {
    const auto yellow = YellowAt(kNine, kNine + absl::Milliseconds(row.span_ms), row.percent);
    if (row.yellow_ms < 0) {
      EXPECT_EQ(yellow, std::nullopt) << row.why;
    } else {
      EXPECT_EQ(yellow, kNine + absl::Milliseconds(row.yellow_ms)) << row.why;
    }
  }
}

// ---- the ladder ---------------------------------------------------------------------------------

TEST(EscalationTest, WarnsMissesAndClimbsEachAtItsInstantAndOnce) {
  Watchtower tower;
  tower.File("c1");
  EXPECT_EQ(tower.RunToMinute(kDays),
            "1h20m c1 warned, 1h40m0.001s c1 missed, 2h10m c1 1 chief, 9h40m c1 2 head");
  EXPECT_EQ(EarliestTimer(tower.state()), absl::InfiniteFuture());
  EXPECT_TRUE(tower.Of("c1").warned);
  EXPECT_TRUE(tower.Of("c1").missed);
  EXPECT_EQ(tower.Of("c1").level, 2u);
}

TEST(EscalationTest, ClosingAtTheDeadlineIsOnTime) {
  const absl::Time due = kNine + absl::Minutes(100);
  Watchtower tower;
  tower.File("c1");
  EXPECT_EQ(tower.RunTo(due), "1h20m c1 warned");
  EXPECT_EQ(tower.Apply(tower.Tick()), "") << "a tick in the very instant finds nothing due";
  tower.Tell("c1", "closed disposition=unchecked");
  EXPECT_EQ(tower.RunToMinute(kDays), "");
  Watchtower late;
  late.File("c1");
  EXPECT_EQ(late.RunTo(due + absl::Milliseconds(1)), "1h20m c1 warned, 1h40m0.001s c1 missed");
}

TEST(EscalationTest, WhatStopsIt) {
  const struct {
    const char* why;
    std::vector<const char*> facts;
    const char* rest;
  } rows[] = {
      {"closed", {"closed disposition=unchecked"}, ""},
      {"voided", {"voided"}, ""},
      {"merged", {"merged into=c2"}, ""},
      {"paused", {"handling_paused"}, ""},
      {"acknowledging does not",
       {"dispatched unit=u1", "dispatch_accepted", "handling_started"},
       "2h10m c1 1 chief, 9h40m c1 2 head"},
      {"nor does handling: it is not closed",
       {"dispatched unit=u1", "handling_finished"},
       "2h10m c1 1 chief, 9h40m c1 2 head"},
  };
  for (const auto& row : rows) {
    Watchtower tower;
    tower.File("c1");
    tower.Fold("c2", "reported category=order");  // and never filed: it has no clock
    tower.RunToMinute(101);
    for (const char* fact : row.facts) tower.Tell("c1", fact);
    EXPECT_EQ(tower.RunToMinute(kDays), row.rest) << row.why;
  }
}

TEST(EscalationTest, AWholeNightOfSilenceIsSaidInItsOrder) {
  Watchtower tower;
  tower.File("c1");
  tower.at = kNine + absl::Hours(24);
  EXPECT_EQ(tower.Apply(tower.Tick()),
            "24h c1 warned, 24h c1 missed, 24h c1 1 chief, 24h c1 2 head");
}

TEST(EscalationTest, ALevelWithoutDelayComesWithTheMissAndNotBefore) {
  v1::Policy policy = Rules(1);
  policy.mutable_escalation()->mutable_levels(0)->set_after_minutes(0);
  Watchtower tower;
  tower.Activate(policy);
  tower.File("c1");
  EXPECT_EQ(tower.RunToMinute(kDays),
            "1h20m c1 warned, 1h40m0.001s c1 missed, 1h40m0.001s c1 1 chief");
}

TEST(EscalationTest, NoLadderHasMoreRungsThanThereAreRanks) {
  v1::Policy policy = Rules(0);
  for (size_t i = 0; i < policy::kLevelsMax + 3; ++i) {
    v1::Level& level = *policy.mutable_escalation()->add_levels();
    level.set_after_minutes(static_cast<uint32_t>(i + 1));
    level.set_post("p");
  }
  Watchtower tower;
  tower.Activate(policy);
  tower.File("c1");
  tower.RunToMinute(kDays);
  EXPECT_EQ(tower.Of("c1").level, policy::kLevelsMax);
}

TEST(EscalationTest, CasesFireInTheOrderOfTheirDueTimesThenOfTheirCodes) {
  Watchtower tower;
  v1::Policy policy = Rules(0);
  policy.mutable_escalation()->clear_warn_percent();
  tower.Activate(policy);
  for (const char* id : {"c3", "c1"}) tower.File(id);
  tower.File("c2", "category=waste");
  tower.at = kNine + absl::Hours(9);
  EXPECT_EQ(tower.Apply(tower.Tick()), "9h c2 missed, 9h c1 missed, 9h c3 missed");
}

TEST(EscalationTest, WhatDoesNotFitIntoOneTickIsDueForTheNext) {
  Watchtower tower;
  v1::Policy policy = Rules(0);
  policy.mutable_escalation()->clear_warn_percent();
  tower.Activate(policy);
  for (int i = 0; i <= kTimersPerTickMax; ++i) tower.File(absl::StrCat("c", 10'000 + i));
  tower.at = kNine + absl::Hours(9);
  const v1::Decision first = tower.Tick();
  EXPECT_EQ(first.facts_size(), kTimersPerTickMax);
  tower.Apply(first);
  EXPECT_LE(EarliestTimer(tower.state()), tower.at);
  EXPECT_EQ(tower.Apply(tower.Tick()), absl::StrCat("9h c", 10'000 + kTimersPerTickMax, " missed"));
  EXPECT_EQ(EarliestTimer(tower.state()), absl::InfiniteFuture());
}

constexpr size_t kRecordBytes = size_t{1} << 20;

// As long as an id may be.
std::string LongId(int number) {
  return absl::StrCat(std::string(incident::kCodeBytesMax - 5, 'c'), 10'000 + number);
}
std::vector<std::string> LongIds(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back(LongId(i));
  return ids;
}

// Two levels at once for each case, whose posts have names as long as may be.
v1::Policy LongPosts() {
  v1::Policy policy = Rules(2);
  policy.mutable_escalation()->clear_warn_percent();
  for (v1::Level& level : *policy.mutable_escalation()->mutable_levels()) {
    level.set_after_minutes(0);
    level.set_post(std::string(incident::kCodeBytesMax, 'p'));
  }
  return policy;
}

TEST(EscalationTest, ADecisionIsNoLargerThanARecord) {
  Watchtower tower;
  tower.Activate(LongPosts());
  const std::vector<std::string> cases = LongIds(1'500);  // × (0.35 + 2 × 0.6) KB = 2.3 MB
  for (const std::string& id : cases) tower.File(id);
  tower.at = kNine + absl::Hours(9);
  int ticks = 0;
  for (; EarliestTimer(tower.state()) <= tower.at; ++ticks) {
    ASSERT_LE(ticks, 20);
    const v1::Decision decision = tower.Tick();
    EXPECT_LT(decision.ByteSizeLong(), kRecordBytes);
    EXPECT_THAT(tower.Apply(decision), ::testing::Not(::testing::HasSubstr("(")));
  }
  EXPECT_GE(ticks, 4);
  for (const std::string& id : cases) EXPECT_EQ(tower.Of(id).level, 2u);
}

// A record that moves many cases to which something is owed: what does not fit is said on ticks.
TEST(EscalationTest, WhatIsSaidAgainIsNoLargerThanARecordEither) {
  Watchtower tower;
  tower.Activate(LongPosts());
  const std::vector<std::string> cases = LongIds(1'500);
  for (const std::string& id : cases) tower.File(id);
  tower.at = kNine + absl::Hours(9);
  while (EarliestTimer(tower.state()) <= tower.at) tower.Tick();  // and nobody reads the answers
  const v1::Decision again = tower.TellAll(cases, "dispatched unit=u1");
  EXPECT_LT(again.ByteSizeLong(), kRecordBytes);
  EXPECT_GT(again.facts_size(), 0);
  tower.Apply(again);
  int ticks = 0;
  for (; EarliestTimer(tower.state()) <= tower.at; ++ticks) {
    ASSERT_LE(ticks, 20);
    const v1::Decision decision = tower.Tick();
    EXPECT_LT(decision.ByteSizeLong(), kRecordBytes);
    EXPECT_THAT(tower.Apply(decision), ::testing::Not(::testing::HasSubstr("("))) << "each once";
  }
  EXPECT_GE(ticks, 4);
  for (const std::string& id : cases) {
    EXPECT_TRUE(tower.Of(id).missed) << id;
    EXPECT_EQ(tower.Of(id).level, 2u) << id;
  }
}

TEST(EscalationTest, WhatWaitsToBeSaidAgainIsSaidOnTheNextFactToo) {
  Watchtower tower;
  tower.Activate(LongPosts());
  const std::vector<std::string> cases = LongIds(600);
  for (const std::string& id : cases) tower.File(id);
  tower.at = kNine + absl::Hours(9);
  while (EarliestTimer(tower.state()) <= tower.at) tower.Tick();
  tower.Apply(tower.TellAll(cases, "dispatched unit=u1"));
  const std::string& last = cases.back();
  ASSERT_EQ(tower.Of(last).level, 0u) << "there was no room for it";
  tower.Tell(last, "dispatch_accepted");
  EXPECT_EQ(tower.Of(last).level, 2u);
  while (EarliestTimer(tower.state()) <= tower.at) tower.Apply(tower.Tick());
  for (const std::string& id : cases) EXPECT_EQ(tower.Of(id).level, 2u) << id;
  tower.Tell(cases.front(), "closed disposition=unchecked");
}

// ---- another deadline ---------------------------------------------------------------------------

TEST(EscalationTest, APauseMovesTheDeadlineByItsLength) {
  Watchtower tower;
  tower.File("c1");
  EXPECT_EQ(tower.RunToMinute(50), "");
  tower.Tell("c1", "handling_paused");
  EXPECT_EQ(EarliestTimer(tower.state()), absl::InfiniteFuture()) << "the clock stands";
  EXPECT_EQ(tower.RunToMinute(1050), "");
  tower.Tell("c1", "handling_resumed");
  // A thousand minutes later: due at 1100, and what ran of the clock reaches four fifths at 1080.
  EXPECT_EQ(tower.RunToMinute(1300), "18h c1 warned, 18h20m0.001s c1 missed, 18h50m c1 1 chief");
}

TEST(EscalationTest, APauseAfterTheMissMovesNothingAndTheLadderGoesOn) {
  Watchtower tower;
  tower.File("c1");
  tower.RunToMinute(140);
  ASSERT_EQ(tower.Of("c1").level, 1u);
  tower.Tell("c1", "handling_paused");
  EXPECT_EQ(tower.RunToMinute(600), "");
  tower.Tell("c1", "handling_resumed");
  EXPECT_EQ(tower.RunToMinute(kDays), "10h c1 2 head") << "it was due meanwhile";
}

TEST(EscalationTest, AnExtensionOpensANewAccount) {
  const absl::Time later = kNine + absl::Minutes(1000);
  Watchtower tower;
  tower.File("c1");
  tower.RunToMinute(140);
  ASSERT_EQ(tower.Of("c1").level, 1u);
  tower.Tell("c1", "deadline_extended", later);
  EXPECT_EQ(tower.Of("c1").level, 0u);
  EXPECT_EQ(tower.RunToMinute(1100), "13h20m c1 warned, 16h40m0.001s c1 missed, 17h10m c1 1 chief");
}

TEST(EscalationTest, ReopeningRunsTheLimitAnew) {
  Watchtower tower;
  tower.File("c1");
  EXPECT_EQ(tower.RunToMinute(90), "1h20m c1 warned");
  tower.Tell("c1", "closed disposition=unchecked");
  tower.RunToMinute(600);
  tower.Tell("c1", "reopened");
  EXPECT_EQ(tower.RunToMinute(kDays),
            "11h20m c1 warned, 11h40m0.001s c1 missed, 12h10m c1 1 chief, 19h40m c1 2 head");
}

// ---- races --------------------------------------------------------------------------------------

TEST(EscalationTest, WhatWasSaidOnAnOldStageIsSaidAgainAndCountsOnce) {
  Watchtower tower;
  tower.File("c1");
  tower.RunToMinute(90);
  tower.at = kNine + absl::Minutes(140);
  const v1::Decision said = tower.Tick();  // missed and level 1, on the stage of the filing
  tower.Fold("c1", "dispatched unit=u1");  // gets into the ledger before it
  const v1::Decision again = tower.Answer();
  EXPECT_EQ(tower.Apply(said), "2h20m c1 missed (stale stage), 2h20m c1 1 chief (stale stage)");
  EXPECT_EQ(tower.Apply(again), "2h20m c1 missed, 2h20m c1 1 chief");
  EXPECT_EQ(tower.Tell("c1", "dispatch_accepted"), "") << "nothing is owed any more";
  EXPECT_EQ(tower.RunToMinute(kDays), "9h40m c1 2 head");
}

TEST(EscalationTest, AClosingThatComesFirstWins) {
  Watchtower tower;
  tower.File("c1");
  tower.at = kNine + absl::Minutes(101);
  const v1::Decision said = tower.Tick();
  tower.Fold("c1", "closed disposition=unchecked");
  EXPECT_EQ(tower.Answer().facts_size(), 0);
  EXPECT_EQ(tower.Apply(said), "1h41m c1 warned (stale stage), 1h41m c1 missed (stale stage)");
  EXPECT_EQ(tower.RunToMinute(kDays), "");
}

TEST(EscalationTest, WhoeverRaisesItByHandIsNotRepeated) {
  Watchtower tower;
  tower.File("c1");
  tower.RunToMinute(101);
  tower.Tell("c1", "escalation_raised level=1 post=chief");
  EXPECT_EQ(tower.RunToMinute(kDays), "9h40m c1 2 head");
}

TEST(EscalationTest, AStageThatMovesAfterALevelBeyondTheLadderAbortsNothing) {
  Watchtower tower;
  tower.File("c1");
  tower.at = kNine + absl::Minutes(140);
  const v1::Decision said = tower.Tick();  // warned, missed, level 1: owed until it is read back
  tower.Tell("c1", "deadline_missed", kNine + absl::Minutes(100));
  for (const char* level : {"4294967295", "3", "0"}) {
    EXPECT_EQ(tower.Fate("c1", absl::StrCat("escalation_raised post=mayor level=", level)),
              "no such level");
  }
  // Each moves the stage while something is owed.
  tower.Fold("c1", "dispatched unit=u1");
  EXPECT_EQ(tower.Apply(tower.Answer()), "2h20m c1 warned, 2h20m c1 1 chief");
  tower.Tell("c1", "handling_started");
  EXPECT_EQ(tower.RunToMinute(kDays), "9h40m c1 2 head");
}

TEST(EscalationTest, ARungThatIsTakenAwayWhileItIsOwedIsNotSaid) {
  Watchtower tower;
  tower.File("c1");
  tower.at = kNine + absl::Hours(10);
  const v1::Decision said = tower.Tick();  // up to level 2
  tower.Activate(Rules(1));
  tower.Fold("c1", "dispatched unit=u1");
  EXPECT_EQ(tower.Apply(tower.Answer()), "10h c1 warned, 10h c1 missed, 10h c1 1 chief");
  tower.Activate(Rules(0));
  EXPECT_EQ(tower.Tell("c1", "handling_started"), "");
  tower.Activate(Rules(2));
  EXPECT_EQ(tower.Tell("c1", "handling_finished"), "") << "what nobody knew any more is forgotten";
}

TEST(EscalationTest, ANewPolicyMovesNoTimerThatIsSetButTellsItsOwnPosts) {
  Watchtower tower;
  tower.File("c1");
  tower.RunToMinute(101);
  v1::Policy policy = Rules();
  policy.mutable_escalation()->mutable_levels(0)->set_after_minutes(1);
  policy.mutable_escalation()->mutable_levels(0)->set_post("mayor");
  tower.Activate(policy);
  EXPECT_EQ(tower.RunToMinute(140), "2h10m c1 1 mayor") << "the timer was set at the miss";
  tower.Activate(Rules(1));
  EXPECT_EQ(tower.RunToMinute(kDays), "") << "a ladder that is shorter by now";
}

}  // namespace
}  // namespace gridledger::escalation
