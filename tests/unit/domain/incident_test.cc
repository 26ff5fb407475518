// The incident fold: which fact counts when, and why one does not.
#include "services/domain/incident/incident.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gridledger::incident {
namespace {

using v1::Fact;

constexpr int64_t kStartMs = 1'704'067'200'000;

// One incident "c1", told fact by fact, a minute apart.
class Story {
 public:
  Story() {
    v1::Policy policy;
    v1::Category& order = *policy.add_categories();
    order.set_code("order");
    order.set_limit_minutes(120);
    state_.policy.Activate(policy);
    Fact other = Make("reported");  // whom c1 may be merged into
    other.set_incident_id("c2");
    EXPECT_EQ(Tell(other), "applied");
  }

  // A fact of that name on the present stage, by x1, checks and closings by k2; ready to be changed
  // and told.
  Fact Make(const std::string& name) const {
    Fact fact;
    fact.set_incident_id("c1");
    fact.set_stage(PresentStage(state_, IncidentId("c1")).value);
    fact.mutable_actor()->set_code("x1");
    const auto* const field = Fact::descriptor()->FindFieldByName(name);
    fact.GetReflection()->MutableMessage(&fact, field);
    switch (fact.kind_case()) {
      case Fact::kReported:
        fact.mutable_reported()->set_category("order");
        fact.mutable_reported()->set_community("changzhen");
        break;
      case Fact::kVerified: fact.mutable_verified()->set_confirmed(true); break;
      case Fact::kDispatched: fact.mutable_dispatched()->set_unit("u1"); break;
      case Fact::kDeadlineExtended:
        fact.mutable_deadline_extended()->set_due_at_ms(kStartMs + 86'400'000);
        break;
      case Fact::kCheckPassed:
      case Fact::kCheckFailed: fact.mutable_actor()->set_code("k2"); break;
      case Fact::kClosed:
        fact.mutable_actor()->set_code("k2");
        fact.mutable_closed()->set_disposition(v1::DISPOSITION_UNCHECKED);
        break;
      case Fact::kMerged: fact.mutable_merged()->set_into("c2"); break;
      case Fact::kRated: fact.mutable_rated()->set_stars(3); break;
      case Fact::kDeadlineWarned: fact.mutable_deadline_warned()->set_due_at_ms(DueMs()); break;
      case Fact::kDeadlineMissed: fact.mutable_deadline_missed()->set_due_at_ms(DueMs()); break;
      case Fact::kEscalationRaised: fact.mutable_escalation_raised()->set_level(1); break;
      default: break;
    }
    return fact;
  }
  // What became of it, e.g. "applied" or "stale stage".
  std::string Tell(const Fact& fact) {
    std::string fate;
    ++offset_;
    Evolve(state_, Moment{Offset{offset_}, FromMillis(kStartMs + offset_ * 60'000)}, fact,
           [&](const Change& change) {
             if (!fate.empty()) fate += ", ";
             switch (change.verdict) {
               case Verdict::kApplied: fate += "applied"; break;
               case Verdict::kParked: fate += "parked"; break;
               case Verdict::kVoid: fate += std::string(VoidReasonName(change.reason)); break;
             }
           });
    return fate;
  }
  std::string Tell(const std::string& name) { return Tell(Make(name)); }
  void TellAll(absl::string_view names) {
    for (const absl::string_view name : absl::StrSplit(names, ' ', absl::SkipEmpty())) {
      ASSERT_EQ(Tell(std::string(name)), "applied") << name << " in " << names;
    }
  }

  const Incident& Now() const { return *state_.incidents.Find(IncidentId("c1")); }
  State& state() { return state_; }

 private:
  int64_t DueMs() const {
    const Incident* found = state_.incidents.Find(IncidentId("c1"));
    return found == nullptr || !found->due_at ? 0 : ToMillis(*found->due_at);
  }

  TableSet tables_;
  State state_{tables_};
  int64_t offset_ = -1;
};

// ---- every fact in every phase ------------------------------------------------------------------

struct PhaseRow {
  Phase phase;
  absl::string_view way;      // how one gets there
  absl::string_view allowed;  // what may happen there, and nothing else
};

constexpr absl::string_view kCaseFacts =
    " handling_paused deadline_extended closed voided merged deadline_warned deadline_missed ";

const std::vector<PhaseRow>& PhaseRows() {
  static const auto* const rows = new std::vector<PhaseRow>{
      {Phase::kReported, "reported", "accepted refused verified filed voided merged"},
      {Phase::kAccepted, "reported accepted", "refused verified filed voided merged"},
      {Phase::kVerified, "reported verified", "refused filed voided merged"},
      {Phase::kFiled, "reported filed", "dispatched CASE"},
      {Phase::kDispatched, "reported filed dispatched",
       "dispatched dispatch_accepted dispatch_declined dispatch_returned handling_started "
       "handling_finished CASE"},
      {Phase::kAcknowledged, "reported filed dispatched dispatch_accepted",
       "dispatched dispatch_returned handling_started handling_finished CASE"},
      {Phase::kHandling, "reported filed dispatched handling_started",
       "dispatched handling_finished CASE"},
      {Phase::kHandled, "reported filed dispatched handling_finished",
       "check_passed check_failed CASE"},
      {Phase::kChecked, "reported filed dispatched handling_finished check_passed", "CASE"},
      {Phase::kClosed, "reported filed closed", "reopened rated"},
      {Phase::kRefused, "reported refused", ""},
      {Phase::kVoided, "reported voided", ""},
      {Phase::kMerged, "reported merged", ""},
  };
  return *rows;
}

TEST(IncidentTest, EveryFactInEveryPhase) {
  const auto& kinds = *Fact::descriptor()->FindOneofByName("kind");
  ASSERT_EQ(kinds.field_count(), static_cast<int>(Transitions().size()));
  for (const PhaseRow& row : PhaseRows()) {
    std::string allowed = absl::StrCat(" ", row.allowed, " ");
    if (allowed.find(" CASE ") != std::string::npos) absl::StrAppend(&allowed, kCaseFacts);
    for (int i = 0; i < kinds.field_count(); ++i) {
      const std::string& name = kinds.field(i)->name();
      Story story;
      story.TellAll(row.way);
      ASSERT_EQ(story.Now().phase, row.phase) << row.way;
      const Stage before = story.Now().stage;
      const std::string fate = story.Tell(name);
      std::string expected = "illegal transition";
      if (allowed.find(absl::StrCat(" ", name, " ")) != std::string::npos) expected = "applied";
      if (name == "reported") expected = "duplicate report";
      // Legal in an open case, and here without what they speak of.
      const bool is_case = allowed.find(" deadline_warned ") != std::string::npos;
      if (is_case && name == "handling_resumed") expected = "not paused";
      if (is_case && name == "escalation_raised") expected = "stale deadline";
      EXPECT_EQ(fate, expected) << name << " when " << PhaseName(row.phase);
      if (fate != "applied") {
        EXPECT_EQ(story.Now().stage, before) << name;
      }
    }
  }
}

// ---- stage --------------------------------------------------------------------------------------

TEST(IncidentTest, AFactCountsOnItsStageOnly) {
  Story story;
  story.TellAll("reported accepted");
  Fact early = story.Make("filed"), late = early;
  early.set_stage(early.stage() - 1);
  late.set_stage(late.stage() + 1);
  EXPECT_EQ(story.Tell(early), "stale stage");
  EXPECT_EQ(story.Tell(late), "future stage");
  EXPECT_EQ(story.Tell("filed"), "applied");
  const auto& voids = story.state().counts.Get().voids;
  EXPECT_EQ(voids[static_cast<int>(VoidReason::kStaleStage)], 1u);
  EXPECT_EQ(voids[static_cast<int>(VoidReason::kFutureStage)], 1u);
}

// ---- what contradicts itself --------------------------------------------------------------------

TEST(IncidentTest, SaysWhyAFactIsVoid) {
  const struct {
    absl::string_view why;
    absl::string_view way;
    std::string fact;
    void (*change)(Fact&);
    absl::string_view fate;
  } rows[] = {
      {"nobody's", "", "reported", [](Fact& f) { f.clear_incident_id(); }, "malformed"},
      {"says nothing", "reported", "accepted", [](Fact& f) { f.clear_kind(); }, "malformed"},
      {"dispatched to nobody", "reported filed", "dispatched",
       [](Fact& f) { f.mutable_dispatched()->clear_unit(); }, "malformed"},
      {"closed without a disposition", "reported filed", "closed",
       [](Fact& f) { f.mutable_closed()->clear_disposition(); }, "malformed"},
      {"merged into itself", "reported", "merged",
       [](Fact& f) { f.mutable_merged()->set_into("c1"); }, "malformed"},
      {"six stars", "reported filed closed", "rated",
       [](Fact& f) { f.mutable_rated()->set_stars(6); }, "malformed"},
      {"closed is not solved: nobody has checked", "reported filed dispatched handling_finished",
       "closed", [](Fact& f) { f.mutable_closed()->set_disposition(v1::DISPOSITION_SOLVED); },
       "not checked"},
      {"and with a check it is", "reported filed dispatched handling_finished check_passed",
       "closed", [](Fact& f) { f.mutable_closed()->set_disposition(v1::DISPOSITION_SOLVED); },
       "applied"},
      {"a warning of another deadline", "reported filed", "deadline_warned",
       [](Fact& f) { f.mutable_deadline_warned()->set_due_at_ms(1); }, "stale deadline"},
      {"paused twice", "reported filed handling_paused", "handling_paused", [](Fact&) {}, "paused"},
      {"finished while the clock stands", "reported filed dispatched handling_paused",
       "handling_finished", [](Fact&) {}, "paused"},
      {"checked by nobody", "reported filed dispatched handling_finished", "check_passed",
       [](Fact& f) { f.mutable_actor()->clear_code(); }, "no checker"},
      {"checked by a citizen", "reported filed dispatched handling_finished", "check_passed",
       [](Fact& f) { f.mutable_actor()->set_role(v1::ROLE_CITIZEN); }, "no checker"},
      {"a source's check names nobody", "reported filed dispatched handling_finished",
       "check_passed",
       [](Fact& f) {
         f.mutable_actor()->set_role(v1::ROLE_SOURCE);
         f.mutable_actor()->clear_code();
       },
       "applied"},
      {"closed by whoever handled it", "reported filed dispatched handling_finished check_passed",
       "closed", [](Fact& f) { f.mutable_actor()->set_code("x1"); }, "checker is handler"},
      {"merged into one that nobody reported", "reported", "merged",
       [](Fact& f) { f.mutable_merged()->set_into("c99"); }, "no such incident"},
      {"an extension to the same instant", "reported filed", "deadline_extended",
       [](Fact& f) {
         f.mutable_deadline_extended()->set_due_at_ms(kStartMs + 2 * 60'000 + 120 * 60'000);
       },
       "not a longer limit"},
      {"the same warning again", "reported filed deadline_warned", "deadline_warned", [](Fact&) {},
       "already recorded"},
      {"the same level again", "reported filed deadline_missed escalation_raised",
       "escalation_raised", [](Fact&) {}, "already recorded"},
  };
  for (const auto& row : rows) {
    Story story;
    story.TellAll(row.way);
    Fact fact = story.Make(row.fact);
    row.change(fact);
    EXPECT_EQ(story.Tell(fact), row.fate) << row.why;
  }
}

TEST(IncidentTest, WhoeverHandledItDoesNotCheckIt) {
  Story story;
  story.TellAll("reported filed dispatched handling_finished");
  Fact check = story.Make("check_passed");
  EXPECT_EQ(story.Now().handled_by, std::vector<std::string>{"x1"});
  check.mutable_actor()->set_code("x1");
  EXPECT_EQ(story.Tell(check), "checker is handler");
  check.mutable_actor()->set_code("k2");
  EXPECT_EQ(story.Tell(check), "applied");
}

TEST(IncidentTest, WhoeverBeganItDoesNotCheckItEither) {
  Story story;
  story.TellAll("reported filed dispatched");
  Fact started = story.Make("handling_started");
  started.mutable_actor()->set_code("s1");
  EXPECT_EQ(story.Tell(started), "applied");
  story.TellAll("handling_finished");
  EXPECT_EQ(story.Now().handled_by, (std::vector<std::string>{"s1", "x1"}));
  Fact check = story.Make("check_passed");
  check.mutable_actor()->set_code("s1");
  EXPECT_EQ(story.Tell(check), "checker is handler");
  story.TellAll("check_failed handling_finished check_passed closed reopened");
  EXPECT_TRUE(story.Now().handled_by.empty()) << "a reopened case is handled anew";
}

TEST(IncidentTest, TwoAreNotMergedIntoEachOther) {
  Story story;
  story.TellAll("reported merged");
  Fact back = story.Make("merged");
  back.set_incident_id("c2");
  back.set_stage(1);
  back.mutable_merged()->set_into("c1");
  EXPECT_EQ(story.Tell(back), "no such incident") << "or both would be gone";
}

TEST(IncidentTest, WhatWaitedForItsReportNeedNotLieInOrder) {
  Story story;
  for (const char* name : {"closed", "dispatch_accepted", "filed", "dispatched"}) {
    Fact early = story.Make(name);
    early.set_stage(0);
    EXPECT_EQ(story.Tell(early), "parked");
  }
  // Filed in the first round, which lets the later ones count, in their own order.
  EXPECT_EQ(story.Tell("reported"), "applied, applied, applied, applied, illegal transition");
  EXPECT_EQ(story.Now().phase, Phase::kClosed);
}

TEST(IncidentTest, WhatWasNotFoundIsNotFiled) {
  Story story;
  story.TellAll("reported");
  Fact verified = story.Make("verified");
  verified.mutable_verified()->set_confirmed(false);
  EXPECT_EQ(story.Tell(verified), "applied");
  EXPECT_EQ(story.Tell("filed"), "not confirmed");
}

// ---- what is kept -------------------------------------------------------------------------------

TEST(IncidentTest, TheFirstAcknowledgementIsKeptAcrossReopening) {
  Story story;
  story.TellAll("reported filed dispatched dispatch_accepted");
  const auto first = story.Now().first_acknowledged_at;
  ASSERT_TRUE(first.has_value());
  story.TellAll("closed reopened dispatched dispatch_accepted");
  EXPECT_EQ(story.Now().first_acknowledged_at, first);
  EXPECT_EQ(story.Now().times_reopened, 1u);
  EXPECT_FALSE(story.Now().closed_at.has_value());
}

TEST(IncidentTest, APauseMovesTheDeadlineByAsMuch) {
  Story story;
  story.TellAll("reported filed");
  const absl::Time due = *story.Now().due_at;
  story.TellAll("handling_paused");
  EXPECT_EQ(story.Tell("handling_finished"), "illegal transition");  // a minute passes
  story.TellAll("handling_resumed");
  EXPECT_EQ(*story.Now().due_at, due + absl::Minutes(2));
}

TEST(IncidentTest, ANamedDeadlineWinsOverTheLimit) {
  Story story;
  Fact report = story.Make("reported");
  report.mutable_reported()->set_due_at_ms(kStartMs - 5);
  ASSERT_EQ(story.Tell(report), "applied");
  story.TellAll("filed");
  EXPECT_EQ(ToMillis(*story.Now().due_at), kStartMs - 5) << "even one that lies before the report";
}

// ---- what comes before its report ---------------------------------------------------------------

TEST(IncidentTest, OrphansWaitForTheirReportAndCountInLedgerOrder) {
  Story story;
  Fact accepted = story.Make("accepted"), filed = story.Make("filed");
  accepted.set_stage(1);
  filed.set_stage(2);
  EXPECT_EQ(story.Tell(filed), "parked");
  EXPECT_EQ(story.Tell(accepted), "parked");
  EXPECT_EQ(story.state().counts.Get().parked, 2u);
  // The one of the later stage came first, and still counts: rounds, as long as one gets on.
  EXPECT_EQ(story.Tell("reported"), "applied, applied, applied");
  EXPECT_EQ(story.Now().phase, Phase::kFiled);
  EXPECT_EQ(story.state().counts.Get().parked, 0u);
}

TEST(IncidentTest, NoMoreWaitThanThereIsRoomFor) {
  Story story;
  for (int i = 0; i < kParkedMax; ++i) ASSERT_EQ(story.Tell("rated"), "parked");
  EXPECT_EQ(story.Tell("rated"), "too many parked");
}

}  // namespace
}  // namespace gridledger::incident
