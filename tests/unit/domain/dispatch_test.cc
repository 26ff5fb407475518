// Dispatch: which unit answers for a case, and which of its members on duty takes it.
#include "services/domain/dispatch/dispatch.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/fact_text.h"

namespace gridledger::dispatch {
namespace {

const absl::Time kNine = absl::FromUnixSeconds(1'609'722'000);  // 2021-01-04 09:00 in Shanghai

// A partition with its dispatch service; what the service decides is folded at once, as its own
// record.
class Desk {
 public:
  // "UNIT", "UNIT CATEGORY", "UNIT CATEGORY AREA" in the order of the list.
  explicit Desk(std::vector<std::string> list = {"order-team order"},
                const std::string& default_unit = "office") {
    Activate(list, default_unit);
  }
  void Activate(const std::vector<std::string>& list, const std::string& default_unit) {
    v1::Policy policy;
    policy.set_default_unit(default_unit);
    for (const std::string& line : list) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      v1::Responsibility& item = *policy.add_responsibilities();
      item.set_unit(words[0]);
      if (words.size() > 1) item.set_category(words[1]);
      if (words.size() > 2) item.set_area(words[2]);
    }
    incidents_.policy.Activate(policy);
  }
  void Register(const std::string& member, const std::string& unit, bool active = true) {
    v1::Entry entry;
    entry.mutable_member_registered()->set_member(member);
    entry.mutable_member_registered()->set_unit(unit);
    entry.mutable_member_registered()->set_active(active);
    EXPECT_EQ(incident::EvolveRegistry(incidents_.registry, entry), "");
  }
  // Shifts by the clock of Shanghai: "a 480 1200".
  void Publish(const std::string& unit, const std::string& area,
               const std::vector<std::string>& shifts) {
    v1::Entry entry;
    v1::RosterPublished& roster = *entry.mutable_roster_published();
    roster.set_unit(unit);
    roster.set_area(area);
    for (const std::string& line : shifts) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      v1::Shift& shift = *roster.add_shifts();
      shift.set_member(words[0]);
      shift.set_start_minute(static_cast<uint32_t>(std::stoi(words[1])));
      shift.set_end_minute(static_cast<uint32_t>(std::stoi(words[2])));
      shift.set_utc_offset_minutes(480);
    }
    EXPECT_EQ(incident::EvolveRegistry(incidents_.registry, entry), "");
  }
  // Members of a unit who are always on duty, everywhere.
  void Staff(const std::string& unit, const std::vector<std::string>& members) {
    std::vector<std::string> shifts;
    for (const std::string& member : members) {
      Register(member, unit);
      shifts.push_back(member + " 0 1440");
    }
    Publish(unit, "", shifts);
  }

  // Folds the fact; answers with what the service decided on it: "UNIT/MEMBER reason" and the
  // candidates.
  std::string Tell(const std::string& id, const std::string& text, const char* by = "x1") {
    return Answer(Fold(id, text, by));
  }
  std::string Answer(const std::vector<IncidentId>& touched) {
    v1::Decision decision;
    Decide(state_, incidents_, Moment(), touched, &decision);
    std::string told;
    for (const v1::Fact& fact : decision.facts()) {
      EXPECT_EQ(fact.stage(),
                incident::PresentStage(incidents_, IncidentId(fact.incident_id())).value);
      const std::string reason = *tests::FieldText(fact, "reason", absl::UTCTimeZone());
      const std::string among = *tests::FieldText(fact, "candidates", absl::UTCTimeZone());
      if (!told.empty()) told += "; ";
      absl::StrAppend(&told, fact.dispatched().unit(), "/", fact.dispatched().member(), " ", reason,
                      among.empty() ? "" : " of ", among);
      ++offset_;
      Apply(fact, "dispatch");
    }
    return told;
  }
  // A new case, filed.
  std::string File(const std::string& id, const std::string& report = "category=order") {
    EXPECT_EQ(Tell(id, "reported community=changzhen " + report), "") << "a report is no case yet";
    return Tell(id, "filed");
  }
  std::vector<IncidentId> Fold(const std::string& id, const std::string& text,
                               const char* by = "x1") {
    absl::StatusOr<v1::Fact> fact = tests::ParseFact(text, absl::UTCTimeZone());
    EXPECT_TRUE(fact.ok()) << fact.status();
    fact->set_incident_id(id);
    fact->set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
    fact->mutable_actor()->set_code(by);
    ++offset_;
    return Apply(*fact);
  }

  // One record that says the same of many, and the service's decision on it.
  v1::Decision TellAll(const std::vector<std::string>& ids, const std::string& text) {
    ++offset_;
    std::vector<IncidentId> touched;
    for (const std::string& id : ids) {
      absl::StatusOr<v1::Fact> fact = tests::ParseFact(text, absl::UTCTimeZone());
      EXPECT_TRUE(fact.ok()) << fact.status();
      fact->set_incident_id(id);
      fact->set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
      for (IncidentId& one : Apply(*fact)) touched.push_back(std::move(one));
    }
    EvolveEnd(state_, incidents_, Moment(), touched);
    return Decided(touched);
  }
  v1::Decision Tick() {
    ++offset_;
    EvolveTick(state_, incidents_, Moment());
    return Decided({});
  }
  // Folds a decision; answers how many it sends.
  int Take(const v1::Decision& decision) {
    ++offset_;
    for (const v1::Fact& fact : decision.facts()) Apply(fact, "dispatch");
    return decision.facts_size();
  }

  absl::Time at = kNine;
  const State& state() const { return state_; }
  const incident::Registry& registry() const { return incidents_.registry; }
  const incident::Incident& Of(const std::string& id) const {
    return *incidents_.incidents.Find(IncidentId(id));
  }
  std::string Loads() const {
    std::string text;
    state_.loads.ForEach([&](const MemberCode& member, const Load& load) {
      absl::StrAppend(&text, text.empty() ? "" : " ", member.text(), "=", load.open);
    });
    return text;
  }

 private:
  incident::Moment Moment() const { return incident::Moment{Offset{offset_}, at}; }
  v1::Decision Decided(const std::vector<IncidentId>& touched) const {
    v1::Decision decision;
    Decide(state_, incidents_, Moment(), touched, &decision);
    return decision;
  }
  std::vector<IncidentId> Apply(const v1::Fact& fact, absl::string_view decided_by = "") {
    std::vector<IncidentId> touched;
    incident::Evolve(
        incidents_, Moment(), fact,
        [&](const incident::Change& change) {
          EXPECT_EQ(change.verdict, incident::Verdict::kApplied)
              << fact.ShortDebugString() << incident::VoidReasonName(change.reason);
          EvolveChange(state_, incidents_, change);
          touched.emplace_back(change.fact->incident_id());
        },
        decided_by);
    return touched;
  }

  TableSet tables_;
  incident::State incidents_{tables_};
  State state_{tables_};
  int64_t offset_ = -1;
};

// ---- the unit -----------------------------------------------------------------------------------

TEST(DispatchTest, TheUnitIsTheOneNamedElseTheListsElseTheDefault) {
  const struct {
    const char* why;
    const char* report;
    const char* sent;
  } rows[] = {
      {"by the list", "category=order", "order-team/ responsibility_list"},
      {"the grid's own entry stands before it", "category=order area=grid-7",
       "grid-team/ responsibility_list"},
      {"an entry for any category of a grid", "category=noise area=grid-9",
       "nines/ responsibility_list"},
      {"the report names one, whatever the list says", "category=order unit=water-works",
       "water-works/ named_by_source"},
      {"and also where the list says nothing", "category=noise unit=water-works",
       "water-works/ named_by_source"},
      {"a gap goes to the default unit, and says so", "category=noise",
       "office/ responsibility_gap"},
  };
  for (const auto& row : rows) {
    Desk desk({"grid-team order grid-7", "order-team order", "nines  grid-9"});
    EXPECT_EQ(desk.File("c1", row.report), row.sent) << row.why;
    EXPECT_EQ(desk.Of("c1").phase, incident::Phase::kDispatched) << row.why;
  }
}

TEST(DispatchTest, ACaseThatNobodyAnswersForWaitsInSight) {
  Desk desk({}, "");
  EXPECT_EQ(desk.File("c1"), "");
  const Undispatchable* stuck = desk.state().undispatchable.Find(IncidentId("c1"));
  ASSERT_NE(stuck, nullptr);
  EXPECT_EQ(stuck->since, kNine);
  desk.at += absl::Hours(1);
  EXPECT_EQ(desk.Tell("c1", "handling_paused"), "");
  EXPECT_EQ(desk.state().undispatchable.Find(IncidentId("c1")), nullptr) << "it waits for a resume";
  EXPECT_EQ(desk.Tell("c1", "handling_resumed"), "");
  stuck = desk.state().undispatchable.Find(IncidentId("c1"));
  ASSERT_NE(stuck, nullptr);
  EXPECT_EQ(stuck->since, kNine + absl::Hours(1)) << "since it waits again";
  desk.Activate({"order-team order"}, "");
  EXPECT_EQ(desk.Answer({IncidentId("c1")}), "order-team/ responsibility_list")
      << "tried again at the next touch";
  EXPECT_TRUE(desk.state().undispatchable.empty());
}

TEST(DispatchTest, AReturnedCaseGoesWhereTheUnitSaysElseToTheDefaultUnit) {
  Desk desk;
  desk.File("c1");
  EXPECT_EQ(desk.Tell("c1", "dispatch_returned next_owner=water-works"),
            "water-works/ named_by_source");
  EXPECT_EQ(desk.Tell("c1", "dispatch_returned"), "office/ responsibility_gap")
      << "the list's unit would only return it again";
  EXPECT_EQ(desk.Tell("c1", "dispatch_returned"), "office/ responsibility_gap")
      << "the default unit has nobody to return it to";
  desk.Tell("c1", "closed disposition=not_solved");
  EXPECT_EQ(desk.Tell("c1", "reopened"), "order-team/ responsibility_list") << "a new life";
  desk.File("c2", "category=order unit=water-works");
  EXPECT_EQ(desk.Tell("c2", "dispatch_returned"), "order-team/ responsibility_list")
      << "the list's unit has not returned it";
}

TEST(DispatchTest, AUnitStaysResponsibleWhenItsMemberDeclines) {
  const struct {
    const char* why;
    const char* before;
    const char* sent;
  } rows[] = {
      {"by the list", "", "order-team/o2 responsibility_list of o2:0"},
      {"sent by hand, against the list", "dispatched unit=water-works member=w1 reason=by_hand",
       "water-works/w2 by_hand of w2:0"},
  };
  for (const auto& row : rows) {
    Desk desk;
    desk.Staff("order-team", {"o1", "o2"});
    desk.Staff("water-works", {"w1", "w2"});
    desk.File("c1");
    if (*row.before != 0) desk.Tell("c1", row.before);
    EXPECT_EQ(desk.Tell("c1", "dispatch_declined reason=overloaded"), row.sent) << row.why;
  }
}

TEST(DispatchTest, ReworkIsForWhoeverDidIt) {
  Desk desk;
  desk.Staff("order-team", {"a", "b"});
  desk.File("c1");
  desk.Tell("c1", "dispatched unit=order-team member=b reason=by_hand");
  desk.Tell("c1", "handling_finished");
  EXPECT_EQ(desk.Tell("c1", "check_failed", "k2"), "") << "nothing to decide: it is theirs still";
  EXPECT_EQ(desk.Of("c1").phase, incident::Phase::kDispatched);
  EXPECT_EQ(desk.Of("c1").unit, UnitCode("order-team"));
  EXPECT_EQ(desk.Of("c1").member, MemberCode("b"));
  EXPECT_EQ(desk.Loads(), "b=1");
}

// ---- the member ---------------------------------------------------------------------------------

TEST(DispatchTest, AShiftIsHalfOpenAndMayPassMidnight) {
  const struct {
    const char* why;
    uint32_t start, end;
    int utc_offset;
    const char* at;  // UTC
    bool on_duty;
  } rows[] = {
      {"before it begins", 480, 1200, 0, "2021-01-04 07:59:59.999", false},
      {"in its first instant", 480, 1200, 0, "2021-01-04 08:00", true},
      {"in its last millisecond", 480, 1200, 0, "2021-01-04 19:59:59.999", true},
      {"its end is the next one's", 480, 1200, 0, "2021-01-04 20:00", false},
      {"a night shift begins", 1200, 480, 0, "2021-01-04 20:00", true},
      {"goes on after midnight", 1200, 480, 0, "2021-01-05 00:00", true},
      {"ends in the morning", 1200, 480, 0, "2021-01-05 08:00", false},
      {"all day has no gap at midnight", 0, 1440, 0, "2021-01-04 23:59:59.999", true},
      {"all day from its first instant", 0, 1440, 0, "2021-01-05 00:00", true},
      {"until midnight", 1200, 1440, 0, "2021-01-05 00:00", false},
      {"from midnight", 0, 480, 0, "2021-01-05 00:00", true},
      {"equal ends are nobody's duty", 480, 480, 0, "2021-01-04 08:00", false},
      {"nor at any other time", 480, 480, 0, "2021-01-04 12:00", false},
      {"by the clock of China", 480, 1200, 480, "2021-01-04 00:00", true},
      {"there the evening is over", 480, 1200, 480, "2021-01-04 12:00", false},
      {"by the clock of Boston", 480, 1200, -300, "2021-01-05 00:30", true},
      {"by half an hour more, in India", 0, 30, 330, "2021-01-04 18:45", true},
      {"before 1970, too", 480, 1200, 0, "1969-12-31 08:00", true},
      {"and not there", 480, 1200, 0, "1969-12-31 07:59", false},
  };
  for (const auto& row : rows) {
    const incident::Shift shift{.member = MemberCode("a"),
                                .start_minute = row.start,
                                .end_minute = row.end,
                                .utc_offset_minutes = row.utc_offset};
    EXPECT_EQ(OnDuty(shift, *tests::ParseInstant(row.at, absl::UTCTimeZone())), row.on_duty)
        << row.why;
  }
}

TEST(DispatchTest, TheRosterIsThatOfTheInstantOfTheCase) {
  Desk desk;
  desk.Register("day", "order-team");
  desk.Register("night", "order-team");
  desk.Publish("order-team", "", {"day 480 1200", "night 1200 480"});
  EXPECT_EQ(desk.File("c1"), "order-team/day responsibility_list of day:0");
  desk.at += absl::Hours(11);  // 20:00
  EXPECT_EQ(desk.File("c2"), "order-team/night responsibility_list of night:0");
  desk.Publish("order-team", "", {"day 0 1440"});
  EXPECT_EQ(desk.File("c3"), "order-team/day responsibility_list of day:1")
      << "a roster replaces the one before it";
}

TEST(DispatchTest, TheLeastLoadedGetsItAndOfEqualsTheFirstByCode) {
  Desk desk;
  desk.Staff("order-team", {"c", "a", "b"});
  EXPECT_EQ(desk.File("c1"), "order-team/a responsibility_list of a:0,b:0,c:0");
  EXPECT_EQ(desk.File("c2"), "order-team/b responsibility_list of b:0,c:0,a:1");
  EXPECT_EQ(desk.File("c3"), "order-team/c responsibility_list of c:0,a:1,b:1");
  EXPECT_EQ(desk.File("c4"), "order-team/a responsibility_list of a:1,b:1,c:1");
  desk.Tell("c2", "closed disposition=unchecked");
  EXPECT_EQ(desk.File("c5"), "order-team/b responsibility_list of b:0,c:1,a:2");
}

TEST(DispatchTest, WhoCannotTakeIt) {
  const struct {
    const char* why;
    void (*change)(Desk&);
    const char* sent;
  } rows[] = {
      {"nobody is in the way", [](Desk&) {}, "order-team/a responsibility_list of a:0,b:0"},
      {"out of service", [](Desk& d) { d.Register("a", "order-team", false); },
       "order-team/b responsibility_list of b:0"},
      {"of another unit by now", [](Desk& d) { d.Register("a", "office"); },
       "order-team/b responsibility_list of b:0"},
      {"nobody knows them", [](Desk& d) { d.Publish("order-team", "", {"z 0 1440"}); },
       "order-team/ roster_gap"},
      {"none is on duty", [](Desk& d) { d.Publish("order-team", "", {"a 0 60"}); },
       "order-team/ roster_gap"},
      {"two shifts overlap: one candidate",
       [](Desk& d) { d.Publish("order-team", "", {"b 0 1440", "a 0 1440", "b 480 720"}); },
       "order-team/a responsibility_list of a:0,b:0"},
      {"an empty roster is one", [](Desk& d) { d.Publish("order-team", "", {}); },
       "order-team/ roster_gap"},
  };
  for (const auto& row : rows) {
    Desk desk;
    desk.Staff("order-team", {"a", "b"});
    row.change(desk);
    EXPECT_EQ(desk.File("c1"), row.sent) << row.why;
  }
}

TEST(DispatchTest, WhoeverDeclinedIsNotAskedAgainInThisLife) {
  Desk desk;
  desk.Staff("order-team", {"a", "b"});
  EXPECT_EQ(desk.File("c1"), "order-team/a responsibility_list of a:0,b:0");
  EXPECT_EQ(desk.Tell("c1", "dispatch_declined"), "order-team/b responsibility_list of b:0");
  EXPECT_EQ(desk.Tell("c1", "dispatch_declined"), "order-team/ roster_gap") << "nobody is left";
  EXPECT_EQ(desk.File("c2"), "order-team/a responsibility_list of a:0,b:0") << "of c1 only";
  desk.Tell("c1", "closed disposition=not_solved");
  EXPECT_EQ(desk.state().spared.Find(IncidentId("c1")), nullptr);
  EXPECT_EQ(desk.Tell("c1", "reopened"), "order-team/b responsibility_list of b:0,a:1");
}

TEST(DispatchTest, TheNearestRosterThatHasAnybody) {
  const struct {
    const char* why;
    const char* report;
    const char* member;
  } rows[] = {
      {"of the grid", "category=order area=grid-7", "g"},
      {"of the community, as the grid has none", "category=order area=grid-1", "m"},
      {"the grid's is off duty: the community's", "category=order area=grid-8", "m"},
      {"of the community, the grid unknown", "category=order", "m"},
  };
  for (const auto& row : rows) {
    Desk desk;
    desk.Staff("order-team", {"a"});
    desk.Register("g", "order-team");
    desk.Register("m", "order-team");
    desk.Publish("order-team", "changzhen", {"m 0 1440"});
    desk.Publish("order-team", "grid-7", {"g 0 1440"});
    desk.Publish("order-team", "grid-8", {"g 0 60"});
    desk.File("c1", row.report);
    EXPECT_EQ(desk.Of("c1").member, MemberCode(row.member)) << row.why;
    EXPECT_EQ(desk.Tell("c2", "reported category=order community=tangwei"), "");
    desk.Tell("c2", "filed");
    EXPECT_EQ(desk.Of("c2").member, MemberCode("a")) << "elsewhere: of the whole partition";
  }
}

TEST(DispatchTest, AGapInTheListStaysVisibleUnderOneInTheRoster) {
  Desk desk({}, "office");
  desk.Publish("office", "", {});
  EXPECT_EQ(desk.File("c1"), "office/ responsibility_gap");
  Desk staffed({}, "office");
  staffed.Staff("office", {"d"});
  EXPECT_EQ(staffed.File("c1"), "office/d responsibility_gap of d:0");
}

TEST(DispatchTest, AUnitWithoutAnyRosterHasNoGapInIt) {
  Desk desk;
  desk.Publish("order-team-2", "", {});
  EXPECT_EQ(desk.File("c1"), "order-team/ responsibility_list")
      << "the other unit's is not its own";
  EXPECT_FALSE(HasRoster(desk.registry(), UnitCode("order-team")));
  EXPECT_TRUE(HasRoster(desk.registry(), UnitCode("order-team-2")));
}

TEST(DispatchTest, AsManyCandidatesAreRecordedAsThereIsRoomFor) {
  Desk desk;
  std::vector<std::string> members;
  for (size_t i = 0; i <= kCandidatesMax; ++i) members.push_back(absl::StrCat("m", i));
  desk.Staff("order-team", members);
  const std::string sent = desk.File("c1");
  EXPECT_EQ(std::count(sent.begin(), sent.end(), ':'), static_cast<int>(kCandidatesMax)) << sent;
}

// ---- loads --------------------------------------------------------------------------------------

TEST(DispatchTest, ALoadIsHeldFromTheDispatchUntilTheEnd) {
  const struct {
    const char* why;
    std::vector<const char*> facts;
    const char* loads;
  } rows[] = {
      {"dispatched", {}, "a=1"},
      {"at work", {"dispatch_accepted", "handling_started"}, "a=1"},
      {"paused", {"handling_paused"}, "a=1"},
      {"waiting for the check", {"handling_finished"}, "a=1"},
      {"closed", {"closed disposition=unchecked"}, ""},
      {"voided", {"voided"}, ""},
      {"merged", {"merged into=c2"}, ""},
      {"sent to another by hand", {"dispatched unit=order-team member=b"}, "b=1"},
      {"sent to a unit, and to nobody of it", {"dispatched unit=water-works"}, ""},
      {"sent to the same one again", {"dispatched unit=order-team member=a"}, "a=1"},
      {"declined, and taken by another", {"dispatch_declined"}, "b=1"},
      {"closed and reopened", {"closed disposition=unchecked", "reopened"}, "a=1"},
  };
  for (const auto& row : rows) {
    Desk desk;
    desk.Staff("order-team", {"a", "b"});
    desk.Staff("water-works", {"w"});
    desk.File("c1");
    desk.Tell("c2", "reported community=changzhen category=order");  // nobody's load
    for (const char* fact : row.facts) desk.Tell("c1", fact);
    EXPECT_EQ(desk.Loads(), row.loads) << row.why;
  }
}

// ---- when it decides, and when not --------------------------------------------------------------

TEST(DispatchTest, DecidesOnceForACaseAndOnlyWhenItWaits) {
  Desk desk;
  desk.Staff("order-team", {"a"});
  const IncidentId id("c1");
  desk.Fold("c1", "reported category=order community=changzhen");
  EXPECT_EQ(desk.Answer({id}), "") << "not filed yet";
  desk.Fold("c1", "filed");
  desk.Fold("c1", "handling_paused");
  EXPECT_EQ(desk.Answer({id}), "") << "its clock stands";
  desk.Fold("c1", "handling_resumed");
  EXPECT_EQ(desk.Answer({id, IncidentId("nobody"), id}), "order-team/a responsibility_list of a:0")
      << "a record may touch a case twice";
  EXPECT_EQ(desk.Answer({id}), "") << "answered";
  EXPECT_EQ(desk.Answer({}), "");
}

TEST(DispatchTest, TheCasesOfOneRecordSeeTheLoadsBeforeIt) {
  Desk desk;
  desk.Staff("order-team", {"a", "b"});
  for (const char* id : {"c1", "c2"}) {
    desk.Fold(id, "reported category=order community=changzhen");
    desk.Fold(id, "filed");
  }
  // What a decision is made of is the state at its cause: the record's own dispatches are not in
  // it.
  EXPECT_EQ(desk.Answer({IncidentId("c2"), IncidentId("c1")}),
            "order-team/a responsibility_list of a:0,b:0; "
            "order-team/a responsibility_list of a:0,b:0");
}

TEST(DispatchTest, RosterKeysAreReadAsTheyWereWritten) {
  for (const auto& [unit, area] : std::vector<std::pair<std::string, std::string>>{
           {"u", ""}, {"u", "1"}, {"u1", ""}, {"", ""}, {std::string(300, 'u'), "长圳"}}) {
    std::string bytes;
    const incident::RosterKey key{UnitCode(unit), area};
    key.AppendKey(&bytes);
    incident::RosterKey read;
    ASSERT_TRUE(read.ParseKey(bytes));
    EXPECT_EQ(read, key);
  }
  incident::RosterKey read;
  EXPECT_FALSE(read.ParseKey("")) << "no length";
  EXPECT_FALSE(read.ParseKey("\x05unit")) << "cut";
}

// ---- one record, many cases ---------------------------------------------------------------------

std::vector<std::string> ManyCases(int count) {
  std::vector<std::string> cases;
  for (int i = 0; i < count; ++i) cases.push_back(absl::StrCat("case-", 100'000 + i));
  return cases;
}

std::vector<std::string> LongNames() {
  std::vector<std::string> members;
  for (int i = 0; i < 8; ++i) members.push_back(absl::StrCat("m", i, std::string(240, 'm')));
  return members;
}

// Eight candidates with long codes make 2 KB a dispatch: 2000 of them are no record.
TEST(DispatchTest, ADecisionIsNoLargerThanARecord) {
  Desk desk;
  desk.Staff("order-team", LongNames());
  const std::vector<std::string> cases = ManyCases(2'000);
  desk.TellAll(cases, "reported community=changzhen category=order");
  const v1::Decision first = desk.TellAll(cases, "filed");
  EXPECT_LT(first.ByteSizeLong(), size_t{1} << 20);
  int sent = desk.Take(first);
  EXPECT_GT(sent, 100);
  int ticks = 0;
  for (; EarliestTimer(desk.state()) <= desk.at; ++ticks) {
    ASSERT_LE(ticks, 50);
    const v1::Decision decision = desk.Tick();
    EXPECT_LT(decision.ByteSizeLong(), size_t{1} << 20);
    sent += desk.Take(decision);  // of which none is void
  }
  EXPECT_GE(ticks, 3);
  EXPECT_EQ(sent, 2'000) << "each once";
  for (const std::string& id : cases) {
    ASSERT_EQ(desk.Of(id).phase, incident::Phase::kDispatched) << id;
  }
  EXPECT_EQ(EarliestTimer(desk.state()), absl::InfiniteFuture());
}

TEST(DispatchTest, APostponedCaseIsSentByWhateverTouchesIt) {
  Desk desk;
  desk.Staff("order-team", LongNames());
  const std::vector<std::string> cases = ManyCases(400);
  desk.TellAll(cases, "reported community=changzhen category=order");
  desk.Take(desk.TellAll(cases, "filed"));
  const std::string last = cases.back();
  ASSERT_NE(desk.state().postponed.Find(IncidentId(last)), nullptr);
  EXPECT_EQ(desk.Tell(last, "handling_paused kind=pended"), "");
  EXPECT_EQ(desk.state().postponed.Find(IncidentId(last)), nullptr) << "it waits to be resumed";
  EXPECT_NE(desk.Tell(last, "handling_resumed"), "");
  EXPECT_EQ(desk.Of(last).phase, incident::Phase::kDispatched);
  desk.Tell(cases[398], "closed disposition=unchecked");
  while (EarliestTimer(desk.state()) <= desk.at) desk.Take(desk.Tick());
  EXPECT_EQ(desk.Of(cases[398]).phase, incident::Phase::kClosed);
  EXPECT_EQ(desk.Of(cases[397]).phase, incident::Phase::kDispatched);
}

}  // namespace
}  // namespace gridledger::dispatch
