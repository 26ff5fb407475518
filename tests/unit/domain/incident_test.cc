// The incident fold: which fact counts when, and why one does not.
#include "services/domain/incident/incident.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "services/domain/incident/limits.h"
#include "services/domain/incident/speakers.h"

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
    policy.add_responsibilities()->set_unit("u1");
    policy.mutable_escalation()->add_levels()->set_post("chief");
    policy.mutable_escalation()->add_levels()->set_post("head");
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
  std::string Tell(const Fact& fact, absl::string_view decided_by = "") {
    std::string fate;
    ++offset_;
    Evolve(
        state_, Moment{Offset{offset_}, FromMillis(kStartMs + offset_ * 60'000)}, fact,
        [&](const Change& change) {
          if (!fate.empty()) fate += ", ";
          switch (change.verdict) {
            case Verdict::kApplied: fate += "applied"; break;
            case Verdict::kAwaiting: fate += "parked"; break;
            case Verdict::kVoid: fate += std::string(VoidReasonName(change.reason)); break;
          }
        },
        decided_by);
    return fate;
  }
  std::string Tell(const std::string& name) { return Tell(Make(name)); }
  void TellAll(absl::string_view names) {
    for (const absl::string_view name : absl::StrSplit(names, ' ', absl::SkipEmpty())) {
      ASSERT_EQ(Tell(std::string(name)), "applied") << name << " in " << names;
    }
  }

  void Activate(const v1::Policy& policy) { state_.policy.Activate(policy); }
  // Answers why it is not taken.
  std::string Register(const std::string& member, const std::string& unit, bool active = true) {
    v1::Entry entry;
    entry.mutable_member_registered()->set_member(member);
    entry.mutable_member_registered()->set_unit(unit);
    entry.mutable_member_registered()->set_active(active);
    return std::string(EvolveRegistry(state_.registry, entry));
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

// ---- who may say what ---------------------------------------------------------------------------

std::string FateBy(const char* way, const std::string& name, v1::Role role, const char* code,
                   absl::string_view decided_by = "") {
  Story story;
  story.TellAll(way);
  Fact fact = story.Make(name);
  fact.mutable_actor()->set_role(role);
  fact.mutable_actor()->set_code(code);
  return story.Tell(fact, decided_by);
}

TEST(IncidentTest, SaysWhoMayNotSayIt) {
  constexpr const char* kHandledCase = "reported filed dispatched handling_finished";
  const struct {
    absl::string_view why;
    const char* way;
    const char* fact;
    v1::Role role;
    const char* code;
    absl::string_view fate;
  } rows[] = {
      {"closed by nobody", "reported filed", "closed", v1::ROLE_UNSPECIFIED, "", "not permitted"},
      {"by a leader without a name", "reported filed", "closed", v1::ROLE_SHIFT_LEADER, "",
       "not permitted"},
      {"by a leader who has one", "reported filed", "closed", v1::ROLE_SHIFT_LEADER, "l1",
       "applied"},
      {"by a citizen", "reported filed", "closed", v1::ROLE_CITIZEN, "c1", "not permitted"},
      {"by a sensor", "reported filed", "closed", v1::ROLE_SENSOR, "s1", "not permitted"},
      {"by a service, which closes nothing", "reported filed", "closed", v1::ROLE_SERVICE,
       "dispatch", "not permitted"},
      {"by a source, whose word carries no names", "reported filed", "closed", v1::ROLE_SOURCE, "",
       "applied"},
      {"by a role of a later build", "reported filed", "closed", static_cast<v1::Role>(4711), "k2",
       "not permitted"},
      {"voided by nobody", "reported", "voided", v1::ROLE_UNSPECIFIED, "", "not permitted"},
      {"merged by a citizen", "reported", "merged", v1::ROLE_CITIZEN, "c1", "not permitted"},
      {"refused by a sensor", "reported", "refused", v1::ROLE_SENSOR, "s1", "not permitted"},
      {"finished by nobody, and so checked by whom?", "reported filed dispatched",
       "handling_finished", v1::ROLE_UNSPECIFIED, "", "not permitted"},
      {"a check has its own reason", kHandledCase, "check_failed", v1::ROLE_SENSOR, "s1",
       "no checker"},
      {"filed by a system that knows no names", "reported", "filed", v1::ROLE_UNSPECIFIED, "",
       "applied"},
      {"and by a citizen", "reported", "filed", v1::ROLE_CITIZEN, "c1", "not permitted"},
      {"a citizen is not content", "reported filed closed", "reopened", v1::ROLE_CITIZEN, "",
       "applied"},
      {"nobody is", "reported filed closed", "reopened", v1::ROLE_UNSPECIFIED, "", "not permitted"},
      {"a sensor rates nothing", "reported filed closed", "rated", v1::ROLE_SENSOR, "s1",
       "not permitted"},
      {"a citizen does, without a name", "reported filed closed", "rated", v1::ROLE_CITIZEN, "",
       "applied"},
      {"as the service says it, and is not", "reported filed", "dispatched", v1::ROLE_SERVICE,
       "dispatch", "not permitted"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(FateBy(row.way, row.fact, row.role, row.code), row.fate) << row.why;
  }
  EXPECT_EQ(FateBy("reported filed", "dispatched", v1::ROLE_SERVICE, "dispatch", "dispatch"),
            "applied");
  EXPECT_EQ(FateBy("reported filed", "dispatched", v1::ROLE_SERVICE, "dispatch", "escalation"),
            "not permitted")
      << "what is another service's";
  EXPECT_EQ(FateBy("reported filed", "closed", v1::ROLE_SHIFT_LEADER, "l1", "dispatch"),
            "not permitted")
      << "in a decision the service speaks, whoever is named";
}

TEST(IncidentTest, WhatMayNotBeSaidDoesNotWaitForItsReport) {
  Story story;
  Fact closed = story.Make("closed");
  closed.mutable_actor()->clear_code();
  EXPECT_EQ(story.Tell(closed), "not permitted");
  EXPECT_EQ(story.state().counts.Get().awaiting, 0u);
}

// The page of this folder shows the table that the code reads.
TEST(IncidentTest, ThePageShowsWhoMaySayWhat) {
  std::string table;
  for (const Speakers& row : AllSpeakers()) {
    std::string who;
    const auto add = [&](bool is_there, absl::string_view name) {
      if (is_there) absl::StrAppend(&who, who.empty() ? "" : ", ", name);
    };
    add((row.roles >> v1::ROLE_CITIZEN & 1) != 0, "citizen");
    add((row.roles >> v1::ROLE_SENSOR & 1) != 0, "sensor");
    add((row.roles >> v1::ROLE_SHIFT_LEADER & 1) != 0, row.named ? "staff by name" : "staff");
    add((row.roles >> v1::ROLE_SOURCE & 1) != 0, "source");
    add(!row.service.empty(), absl::StrCat("the ", row.service, " service"));
    absl::StrAppend(&table, "| ", row.name, " | ", who, " |\n");
    // Staff is one, whoever of it: the page would need more columns otherwise.
    for (const v1::Role role : {v1::ROLE_UNSPECIFIED, v1::ROLE_COLLECTOR, v1::ROLE_ACCEPTOR,
                                v1::ROLE_DISPATCHER, v1::ROLE_HANDLER, v1::ROLE_CHECKER}) {
      EXPECT_EQ(row.roles >> role & 1, row.roles >> v1::ROLE_SHIFT_LEADER & 1) << row.name;
    }
  }
  EXPECT_EQ(AllSpeakers().size(), Transitions().size());
  const char* root = std::getenv("GRIDLEDGER_SOURCE_DIR");
  std::ifstream page(
      absl::StrCat(root == nullptr ? "." : root, "/services/domain/incident/README.md"));
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find(table), std::string::npos) << "it should have\n" << table;
}

// ---- to whom ------------------------------------------------------------------------------------

TEST(IncidentTest, ByHandACaseGoesOnlyToThoseWhoAreThere) {
  const struct {
    absl::string_view why;
    const char *unit, *member;
    v1::Role role;
    absl::string_view fate;
  } rows[] = {
      {"a unit of the list", "u1", "", v1::ROLE_DISPATCHER, "applied"},
      {"and a member of it", "u1", "m1", v1::ROLE_DISPATCHER, "applied"},
      {"a unit that only has members", "u2", "", v1::ROLE_DISPATCHER, "applied"},
      {"a unit that exists nowhere", "u9", "", v1::ROLE_DISPATCHER, "no such unit"},
      {"somebody whom nobody registered", "u1", "m9", v1::ROLE_DISPATCHER, "no such member"},
      {"somebody out of service", "u1", "gone", v1::ROLE_DISPATCHER, "out of service"},
      {"somebody of another unit", "u1", "m2", v1::ROLE_DISPATCHER, "member of another unit"},
      {"somebody who has moved", "u2", "moved", v1::ROLE_DISPATCHER, "applied"},
      {"a unit whose last member has moved", "u3", "", v1::ROLE_DISPATCHER, "no such unit"},
      {"a history goes where it went", "u9", "m9", v1::ROLE_SOURCE, "applied"},
  };
  for (const auto& row : rows) {
    Story story;
    EXPECT_EQ(story.Register("m1", "u1"), "");
    EXPECT_EQ(story.Register("m2", "u2"), "");
    EXPECT_EQ(story.Register("gone", "u1"), "");
    EXPECT_EQ(story.Register("gone", "", false), "");
    EXPECT_EQ(story.Register("moved", "u3"), "");
    EXPECT_EQ(story.Register("moved", "u2"), "");
    story.TellAll("reported filed");
    Fact fact = story.Make("dispatched");
    fact.mutable_actor()->set_role(row.role);
    fact.mutable_dispatched()->set_unit(row.unit);
    fact.mutable_dispatched()->set_member(row.member);
    EXPECT_EQ(story.Tell(fact), row.fate) << row.why;
  }
}

TEST(IncidentTest, TheServicesOwnDecisionStandsWhoeverHasLeftSince) {
  Story story;
  story.Register("m1", "u1");
  story.TellAll("reported filed");
  Fact decided = story.Make("dispatched");
  decided.mutable_dispatched()->set_member("m1");
  decided.mutable_actor()->set_role(v1::ROLE_SERVICE);
  decided.mutable_actor()->set_code("dispatch");
  story.Register("m1", "u1", false);
  EXPECT_EQ(story.Tell(decided, "dispatch"), "applied");
}

TEST(IncidentTest, TheRegistryHasRoomForSoManyAndKeepsThose) {
  Story story;
  for (size_t i = 0; i < kMembersMax; ++i)
    ASSERT_EQ(story.Register(absl::StrCat("m", i), "u1"), "");
  EXPECT_EQ(story.Register("one-more", "u1"), "the partition has as many members as it can");
  EXPECT_EQ(story.Register("m7", "u2", false), "") << "one who is there may still move";
  EXPECT_EQ(story.Register("", "u1"), "a member without a code");

  v1::Entry roster;
  roster.mutable_roster_published()->set_unit("u1");
  for (size_t i = 0; i < kShiftsMax; ++i) {
    roster.mutable_roster_published()->add_shifts()->set_member("m1");
  }
  EXPECT_EQ(EvolveRegistry(story.state().registry, roster), "");
  EXPECT_EQ(EvolveRegistry(story.state().registry, roster), "") << "it replaces itself";
  roster.mutable_roster_published()->set_area("g1");
  EXPECT_EQ(EvolveRegistry(story.state().registry, roster),
            "the partition has as many shifts as it can");
  roster.mutable_roster_published()->clear_shifts();
  for (size_t i = 1; i < kRostersMax; ++i) {
    roster.mutable_roster_published()->set_area(absl::StrCat("g", i));
    ASSERT_EQ(EvolveRegistry(story.state().registry, roster), "");
  }
  roster.mutable_roster_published()->set_area("one-more");
  EXPECT_EQ(EvolveRegistry(story.state().registry, roster),
            "the partition has as many rosters as it can");
}

// ---- levels -------------------------------------------------------------------------------------

TEST(IncidentTest, ALevelThatTheLadderHasNotIsVoid) {
  const struct {
    absl::string_view why;
    uint32_t level;
    absl::string_view fate;
  } rows[] = {{"none is no level", 0, "no such level"},
              {"the lowest", 1, "applied"},
              {"the highest", 2, "applied"},
              {"one above it", 3, "no such level"},
              {"the largest number there is", 4'294'967'295u, "no such level"}};
  for (const auto& row : rows) {
    Story story;
    story.TellAll("reported filed deadline_missed");
    Fact raised = story.Make("escalation_raised");
    raised.mutable_escalation_raised()->set_level(row.level);
    EXPECT_EQ(story.Tell(raised), row.fate) << row.why;
  }
  Story shorter;
  shorter.TellAll("reported filed deadline_missed");
  shorter.Activate(v1::Policy());
  EXPECT_EQ(shorter.Tell("escalation_raised"), "no such level") << "the ladder in force has none";
}

// ---- limits -------------------------------------------------------------------------------------

// Asks about every text below `message`, one after the other: its field, the fact that it is of, if
// it is of one, and how to make it so many bytes long.
using AskAboutText = std::function<void(const google::protobuf::FieldDescriptor&, const Fact* of,
                                        const std::function<void(size_t bytes)>& set)>;
void EachText(google::protobuf::Message& message, const AskAboutText& ask, const Fact* of = nullptr,
              int depth = 0) {
  using google::protobuf::FieldDescriptor;
  if (depth > 8) return;  // a retried entry has an entry in it
  if (message.GetDescriptor() == Fact::descriptor()) of = static_cast<const Fact*>(&message);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      ask(*field, of, [&](size_t bytes) {
        const std::string text(bytes, 'x');
        if (!field->is_repeated()) return reflection.SetString(&message, field, text);
        reflection.ClearField(&message, field);
        reflection.AddString(&message, field, text);
      });
      reflection.ClearField(&message, field);
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      EachText(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                    : *reflection.MutableMessage(&message, field),
               ask, of, depth + 1);
      reflection.ClearField(&message, field);
    }
  }
}

TEST(IncidentTest, EveryTextOfAnEntryHasALimit) {
  v1::Entry entry;
  int of_facts = 0, of_others = 0;
  EachText(entry, [&](const auto& field, const Fact* of, const auto& set) {
    ++(of != nullptr ? of_facts : of_others);
    const auto fits = [&] { return of != nullptr ? TextsFit(*of) : TooLongIn(entry).empty(); };
    set(BytesMax(field));
    EXPECT_TRUE(fits()) << field.full_name();
    set(BytesMax(field) + 1);
    EXPECT_FALSE(fits()) << field.full_name();
  });
  EXPECT_GT(of_facts, 14);
  EXPECT_GT(of_others, 20);
}

TEST(IncidentTest, WhatIsBeyondALimitIsVoidAndDoesNotWait) {
  const struct {
    absl::string_view why;
    std::string fact;
    void (*change)(Fact&);
    absl::string_view fate;
  } rows[] = {
      {"an id", "accepted", [](Fact& f) { f.set_incident_id(std::string(257, 'c')); }, "too long"},
      {"a name", "accepted", [](Fact& f) { f.mutable_actor()->set_code(std::string(257, 'x')); },
       "too long"},
      {"a post", "escalation_raised",
       [](Fact& f) { f.mutable_escalation_raised()->set_post(std::string(1 << 20, 'p')); },
       "too long"},
      {"more candidates than anybody looks at", "dispatched",
       [](Fact& f) {
         for (int i = 0; i <= kCandidatesMax; ++i) f.mutable_dispatched()->add_candidates();
       },
       "too long"},
      {"before 1970", "accepted", [](Fact& f) { f.set_happened_at_ms(-1); }, "out of range"},
      {"after 9999", "accepted", [](Fact& f) { f.set_happened_at_ms(kLatestMs + 1); },
       "out of range"},
      {"a deadline before 1970", "filed", [](Fact& f) { f.mutable_filed()->set_due_at_ms(-1); },
       "out of range"},
      {"the latest deadline is none too late", "filed",
       [](Fact& f) { f.mutable_filed()->set_due_at_ms(kLatestMs); }, "parked"},
      {"one after it", "filed", [](Fact& f) { f.mutable_filed()->set_due_at_ms(kLatestMs + 1); },
       "out of range"},
      {"the end of what a table can hold", "deadline_extended",
       [](Fact& f) { f.mutable_deadline_extended()->set_due_at_ms(INT64_MAX); }, "out of range"},
      {"its beginning", "reported", [](Fact& f) { f.mutable_reported()->set_due_at_ms(INT64_MIN); },
       "out of range"},
  };
  for (const auto& row : rows) {
    Story story;
    Fact fact = story.Make(row.fact);
    row.change(fact);
    EXPECT_EQ(story.Tell(fact), row.fate) << row.why;
  }
}

TEST(IncidentTest, WhatALaterBuildPutIntoAFactDoesNotMakeItWaitWithoutEnd) {
  Story story;
  Fact fact = story.Make("accepted");
  std::string more = fact.SerializeAsString();
  more += "\xfa\x3f\x80\x80\x01" + std::string(1 << 14, 'x');  // field 1023, 16 KiB of bytes
  ASSERT_TRUE(fact.ParseFromString(more));
  EXPECT_EQ(story.Tell(fact), "too long");
}

TEST(IncidentTest, NoPauseMovesADeadlineBeyondWhatTheTablesHold) {
  Story story;
  Fact report = story.Make("reported");
  report.mutable_reported()->set_due_at_ms(kLatestMs);
  ASSERT_EQ(story.Tell(report), "applied");
  story.TellAll("filed handling_paused handling_resumed");
  EXPECT_EQ(ToMillis(*story.Now().due_at), kLatestMs);
  std::string bytes;
  AppendLayout(story.Now(), &bytes);
  Incident again;
  ASSERT_TRUE(ParseLayout(bytes, &again));
  EXPECT_EQ(again.due_at, story.Now().due_at);
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
  EXPECT_EQ(story.state().counts.Get().awaiting, 2u);
  // The one of the later stage came first, and still counts: rounds, as long as one gets on.
  EXPECT_EQ(story.Tell("reported"), "applied, applied, applied");
  EXPECT_EQ(story.Now().phase, Phase::kFiled);
  EXPECT_EQ(story.state().counts.Get().awaiting, 0u);
}

TEST(IncidentTest, NoMoreWaitThanThereIsRoomFor) {
  Story story;
  for (int i = 0; i < kAwaitingMax; ++i) ASSERT_EQ(story.Tell("rated"), "parked");
  EXPECT_EQ(story.Tell("rated"), "too many parked");
}

}  // namespace
}  // namespace gridledger::incident
