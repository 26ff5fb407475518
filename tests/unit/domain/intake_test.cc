// The door: who may say what, in which words, and how often.
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "services/base/layout.h"
#include "services/domain/incident/speakers.h"
#include "services/domain/intake/admission.h"
#include "services/domain/intake/principal.h"
#include "services/domain/intake/rate_limiter.h"

namespace gridledger::intake {
namespace {

using v1::Fact;

constexpr int64_t kNowMs = 1'704'067'200'000;  // 2024-01-01
constexpr int64_t kDayMs = 86'400'000;

Principal Somebody(std::vector<v1::Role> roles) {
  Principal principal;
  principal.name = "somebody";
  principal.roles = std::move(roles);
  principal.code = "x1";
  return principal;
}

// A fact of that kind, with what it needs.
Fact Asked(absl::string_view kind) {
  Fact fact;
  fact.set_incident_id("c1");
  fact.GetReflection()->MutableMessage(&fact,
                                       Fact::descriptor()->FindFieldByName(std::string(kind)));
  switch (fact.kind_case()) {
    case Fact::kReported:
      fact.mutable_reported()->set_category("order");
      fact.mutable_reported()->set_community("changzhen");
      fact.mutable_reported()->set_area("grid-1");
      break;
    case Fact::kDispatched: fact.mutable_dispatched()->set_unit("u1"); break;
    case Fact::kDeadlineExtended:
      fact.mutable_deadline_extended()->set_due_at_ms(kNowMs + kDayMs);
      break;
    case Fact::kClosed: fact.mutable_closed()->set_disposition(v1::DISPOSITION_SOLVED); break;
    case Fact::kMerged: fact.mutable_merged()->set_into("c2"); break;
    case Fact::kRated: fact.mutable_rated()->set_stars(3); break;
    case Fact::kEscalationRaised: fact.mutable_escalation_raised()->set_level(1); break;
    default: break;
  }
  return fact;
}

struct Scene {
  Scene() {
    v1::Policy written;
    written.add_categories()->set_code("order");
    policy = policy::Compiled(written);
    about.community = CommunityCode("changzhen");
    about.area = AreaCode("grid-1");
    about.unit = UnitCode("u1");
  }
  std::variant<Fact, Refusal> Admit(const Principal& principal, const Fact& fact) const {
    return intake::Admit(
        principal,
        {.now = FromMillis(kNowMs), .policy = &policy, .about = is_there ? &about : nullptr}, fact);
  }
  // "admitted", or "unknown_category of reported.category".
  std::string Fate(const Principal& principal, const Fact& fact) const {
    const auto outcome = Admit(principal, fact);
    const auto* refusal = std::get_if<Refusal>(&outcome);
    if (refusal == nullptr) return "admitted";
    EXPECT_FALSE(refusal->text.empty());
    return absl::StrCat(GroundName(refusal->ground), " of ", refusal->field);
  }

  policy::Compiled policy;
  incident::Incident about;
  bool is_there = true;
};

// ---- who says which kind ------------------------------------------------------------------------

TEST(IntakeTest, EveryKindByEveryRole) {
  const Scene scene;
  for (const incident::Speakers& row : incident::AllSpeakers()) {
    for (const std::string& name : RoleNames()) {
      SCOPED_TRACE(absl::StrCat(name, " says ", row.name));
      const v1::Role role = *ParseRole(name);
      const bool may = (row.roles >> role & 1) != 0;
      const auto outcome = scene.Admit(Somebody({role}), Asked(row.name));
      ASSERT_EQ(std::holds_alternative<Fact>(outcome), may);
      if (may) {
        const Fact& fact = std::get<Fact>(outcome);
        EXPECT_EQ(fact.actor().role(), role);
        EXPECT_EQ(fact.actor().code(), "x1");
        EXPECT_TRUE(incident::MaySay(fact, ""));
      } else {
        EXPECT_EQ(std::get<Refusal>(outcome).ground, Ground::kNotPermitted);
        EXPECT_EQ(std::get<Refusal>(outcome).field, row.name);
      }
      Principal nameless = Somebody({role});
      nameless.code = "";
      const bool needs_code = may && row.named && role != v1::ROLE_CITIZEN &&
                              role != v1::ROLE_SENSOR && role != v1::ROLE_SOURCE;
      EXPECT_EQ(scene.Fate(nameless, Asked(row.name)),
                needs_code ? "no_code of actor.code"
                : may      ? "admitted"
                           : absl::StrCat("not_permitted of ", row.name));
    }
  }
}

TEST(IntakeTest, ARefusalSaysWhoMay) {
  const auto outcome = Scene().Admit(Somebody({v1::ROLE_CITIZEN}), Asked("closed"));
  EXPECT_EQ(std::get<Refusal>(outcome).text,
            "closed may be said by collector, acceptor, shift_leader, dispatcher, handler, "
            "checker, source");
}

TEST(IntakeTest, InWhoseName) {
  const Scene scene;
  const struct {
    const char* why;
    std::vector<v1::Role> roles;
    v1::Role asked_role;
    const char* asked_code;
    const char* kind;
    const char* fate;
    v1::Role role;
    const char* code;
  } rows[] = {
      {"the principal's own",
       {v1::ROLE_HANDLER},
       v1::ROLE_UNSPECIFIED,
       "",
       "handling_started",
       "admitted",
       v1::ROLE_HANDLER,
       "x1"},
      {"named again",
       {v1::ROLE_HANDLER},
       v1::ROLE_HANDLER,
       "x1",
       "handling_started",
       "admitted",
       v1::ROLE_HANDLER,
       "x1"},
      {"another's code",
       {v1::ROLE_HANDLER},
       v1::ROLE_HANDLER,
       "x2",
       "handling_started",
       "other_actor of actor.code",
       {},
       ""},
      {"another role",
       {v1::ROLE_HANDLER},
       v1::ROLE_CHECKER,
       "",
       "check_passed",
       "other_actor of actor.role",
       {},
       ""},
      {"the first role that may",
       {v1::ROLE_SENSOR, v1::ROLE_ACCEPTOR},
       v1::ROLE_UNSPECIFIED,
       "",
       "accepted",
       "admitted",
       v1::ROLE_ACCEPTOR,
       "x1"},
      {"one of several roles",
       {v1::ROLE_ACCEPTOR, v1::ROLE_CHECKER},
       v1::ROLE_CHECKER,
       "",
       "check_passed",
       "admitted",
       v1::ROLE_CHECKER,
       "x1"},
      {"a role that may not say it, though another may",
       {v1::ROLE_ACCEPTOR, v1::ROLE_CITIZEN},
       v1::ROLE_CITIZEN,
       "",
       "accepted",
       "not_permitted of accepted",
       {},
       ""},
      {"a service",
       {v1::ROLE_SHIFT_LEADER},
       v1::ROLE_SERVICE,
       "",
       "deadline_missed",
       "other_actor of actor.role",
       {},
       ""},
      {"a source's own word",
       {v1::ROLE_SOURCE},
       v1::ROLE_UNSPECIFIED,
       "",
       "closed",
       "admitted",
       v1::ROLE_SOURCE,
       "x1"},
      {"a source under another's code",
       {v1::ROLE_SOURCE},
       v1::ROLE_UNSPECIFIED,
       "m7",
       "closed",
       "other_actor of actor.code",
       {},
       ""},
      {"a source for a member",
       {v1::ROLE_SOURCE},
       v1::ROLE_HANDLER,
       "m7",
       "handling_started",
       "admitted",
       v1::ROLE_HANDLER,
       "m7"},
      {"a source for nobody in particular",
       {v1::ROLE_SOURCE},
       v1::ROLE_HANDLER,
       "",
       "handling_started",
       "no_code of actor.code",
       {},
       ""},
      {"a source for a service",
       {v1::ROLE_SOURCE},
       v1::ROLE_SERVICE,
       "dispatch",
       "dispatched",
       "other_actor of actor.role",
       {},
       ""},
      {"nobody, who has no role",
       {},
       v1::ROLE_UNSPECIFIED,
       "",
       "accepted",
       "not_permitted of accepted",
       {},
       ""},
      {"a role that is none",
       {v1::ROLE_UNSPECIFIED},
       v1::ROLE_UNSPECIFIED,
       "",
       "accepted",
       "not_permitted of accepted",
       {},
       ""},
      {"a service that came in",
       {v1::ROLE_SERVICE},
       v1::ROLE_UNSPECIFIED,
       "",
       "deadline_missed",
       "not_permitted of deadline_missed",
       {},
       ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    Fact fact = Asked(row.kind);
    fact.mutable_actor()->set_role(row.asked_role);
    fact.mutable_actor()->set_code(row.asked_code);
    EXPECT_EQ(scene.Fate(Somebody(row.roles), fact), row.fate);
    const auto outcome = scene.Admit(Somebody(row.roles), fact);
    if (const Fact* admitted = std::get_if<Fact>(&outcome)) {
      EXPECT_EQ(admitted->actor().role(), row.role);
      EXPECT_EQ(admitted->actor().code(), row.code);
    }
  }
}

TEST(IntakeTest, ThePublicReportsWithoutACode) {
  const Scene scene;
  const auto outcome = scene.Admit(Anonymous("198.51.100.7"), Asked("reported"));
  EXPECT_EQ(std::get<Fact>(outcome).actor().role(), v1::ROLE_CITIZEN);
  EXPECT_EQ(std::get<Fact>(outcome).actor().code(), "");
  EXPECT_EQ(scene.Fate(Anonymous("198.51.100.7"), Asked("accepted")), "not_permitted of accepted");
}

// ---- where, and whose ---------------------------------------------------------------------------

TEST(IntakeTest, AreasAndUnits) {
  const struct {
    const char* why;
    std::vector<std::string> areas, units;
    v1::Role role;
    const char* kind;
    const char* fate;
    bool is_there = true;
  } rows[] = {
      {"everywhere", {}, {}, v1::ROLE_COLLECTOR, "reported", "admitted"},
      {"its community", {"changzhen"}, {}, v1::ROLE_COLLECTOR, "reported", "admitted"},
      {"its grid", {"grid-9", "grid-1"}, {}, v1::ROLE_COLLECTOR, "reported", "admitted"},
      {"another community",
       {"tangwei"},
       {},
       v1::ROLE_COLLECTOR,
       "reported",
       "outside_areas of reported.community"},
      {"an incident there", {"changzhen"}, {}, v1::ROLE_COLLECTOR, "verified", "admitted"},
      {"an incident of its grid", {"grid-1"}, {}, v1::ROLE_COLLECTOR, "verified", "admitted"},
      {"an incident elsewhere",
       {"tangwei"},
       {},
       v1::ROLE_COLLECTOR,
       "verified",
       "outside_areas of incident_id"},
      {"an incident that nobody knows",
       {"changzhen"},
       {},
       v1::ROLE_COLLECTOR,
       "verified",
       "unknown_incident of incident_id",
       false},
      {"a report is of a new one",
       {"changzhen"},
       {},
       v1::ROLE_COLLECTOR,
       "reported",
       "admitted",
       false},
      {"who has no areas may be early", {}, {}, v1::ROLE_COLLECTOR, "verified", "admitted", false},
      {"a case of its unit", {}, {"u1"}, v1::ROLE_HANDLER, "handling_started", "admitted"},
      {"a case of another unit",
       {},
       {"u2", "u3"},
       v1::ROLE_HANDLER,
       "handling_started",
       "outside_units of incident_id"},
      {"a case that nobody knows",
       {},
       {"u1"},
       v1::ROLE_HANDLER,
       "handling_started",
       "unknown_incident of incident_id",
       false},
      {"anybody reports", {}, {"u2"}, v1::ROLE_HANDLER, "reported", "admitted"},
      {"units bind handlers alone", {}, {"u2"}, v1::ROLE_CHECKER, "check_passed", "admitted"},
      {"within its unit", {}, {"u1"}, v1::ROLE_HANDLER, "dispatched", "admitted"},
      {"both hold",
       {"tangwei"},
       {"u1"},
       v1::ROLE_HANDLER,
       "handling_started",
       "outside_areas of incident_id"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    Scene scene;
    scene.is_there = row.is_there;
    Principal principal = Somebody({row.role});
    principal.areas = row.areas;
    principal.units = row.units;
    EXPECT_EQ(scene.Fate(principal, Asked(row.kind)), row.fate);
  }
}

TEST(IntakeTest, AHandlerSendsACaseToNobodyElsesUnit) {
  Principal handler = Somebody({v1::ROLE_HANDLER});
  handler.units = {"u1"};
  Fact fact = Asked("dispatched");
  fact.mutable_dispatched()->set_unit("u2");
  EXPECT_EQ(Scene().Fate(handler, fact), "outside_units of dispatched.unit");
}

TEST(IntakeTest, NoCodeIsNoArea) {
  Scene scene;
  scene.about.area = AreaCode();
  Principal principal = Somebody({v1::ROLE_COLLECTOR});
  principal.areas = {""};
  EXPECT_EQ(scene.Fate(principal, Asked("verified")), "outside_areas of incident_id");
}

// ---- in which words -----------------------------------------------------------------------------

TEST(IntakeTest, WhatAFactMustHave) {
  const std::string id_max(kIncidentIdBytesMax, 'a');
  const struct {
    const char* why;
    const char* kind;
    std::function<void(Fact&)> change;
    const char* fate;
  } rows[] = {
      {"no kind", "reported", [](Fact& f) { f.clear_kind(); }, "no_kind of kind"},
      {"no id", "reported", [](Fact& f) { f.clear_incident_id(); },
       "bad_incident_id of incident_id"},
      {"the longest id", "reported", [&](Fact& f) { f.set_incident_id(id_max); }, "admitted"},
      {"a longer id", "reported", [&](Fact& f) { f.set_incident_id(id_max + "a"); },
       "bad_incident_id of incident_id"},
      {"marks in an id", "reported", [](Fact& f) { f.set_incident_id("app:2024_07-1.b"); },
       "admitted"},
      {"a mark first", "reported", [](Fact& f) { f.set_incident_id("-1"); },
       "bad_incident_id of incident_id"},
      {"a slash", "reported", [](Fact& f) { f.set_incident_id("a/1"); },
       "bad_incident_id of incident_id"},
      {"a blank", "reported", [](Fact& f) { f.set_incident_id("a 1"); },
       "bad_incident_id of incident_id"},
      {"Chinese", "reported", [](Fact& f) { f.set_incident_id("案1"); },
       "bad_incident_id of incident_id"},
      {"the longest text", "reported",
       [](Fact& f) { f.mutable_reported()->set_channel(std::string(256, 'c')); }, "admitted"},
      {"a longer text", "reported",
       [](Fact& f) { f.mutable_reported()->set_channel(std::string(257, 'c')); },
       "too_long of reported.channel"},
      {"a longer owner", "refused",
       [](Fact& f) { f.mutable_refused()->set_next_owner(std::string(257, 'c')); },
       "too_long of refused.next_owner"},
      {"a line break", "reported", [](Fact& f) { f.mutable_reported()->set_area("a\nb"); },
       "bad_text of reported.area"},
      {"an escape", "reported", [](Fact& f) { f.mutable_reported()->set_unit("\x1b[31m"); },
       "bad_text of reported.unit"},
      {"no UTF-8", "dispatched", [](Fact& f) { f.mutable_dispatched()->set_member("\xff"); },
       "bad_text of dispatched.member"},
      {"no category", "reported", [](Fact& f) { f.mutable_reported()->clear_category(); },
       "missing of reported.category"},
      {"a category that is none", "reported",
       [](Fact& f) { f.mutable_reported()->set_category("moon"); },
       "unknown_category of reported.category"},
      {"no community", "reported", [](Fact& f) { f.mutable_reported()->clear_community(); },
       "missing of reported.community"},
      {"the pole", "reported",
       [](Fact& f) { f.mutable_reported()->mutable_point()->set_latitude_e7(900'000'000); },
       "admitted"},
      {"beyond the pole", "reported",
       [](Fact& f) { f.mutable_reported()->mutable_point()->set_latitude_e7(-900'000'001); },
       "bad_value of reported.point.latitude_e7"},
      {"beyond the date line", "reported",
       [](Fact& f) { f.mutable_reported()->mutable_point()->set_longitude_e7(1'800'000'001); },
       "bad_value of reported.point.longitude_e7"},
      {"inferred", "accepted", [](Fact& f) { f.set_inferred(true); }, "not_permitted of inferred"},
      {"no unit", "dispatched", [](Fact& f) { f.mutable_dispatched()->clear_unit(); },
       "missing of dispatched.unit"},
      {"by hand", "dispatched",
       [](Fact& f) { f.mutable_dispatched()->set_reason(v1::DISPATCH_REASON_BY_HAND); },
       "admitted"},
      {"by the list", "dispatched",
       [](Fact& f) { f.mutable_dispatched()->set_reason(v1::DISPATCH_REASON_RESPONSIBILITY_LIST); },
       "bad_value of dispatched.reason"},
      {"candidates", "dispatched",
       [](Fact& f) { f.mutable_dispatched()->add_candidates()->set_member("m"); },
       "bad_value of dispatched.candidates"},
      {"a value of a later build", "closed",
       [](Fact& f) { f.mutable_closed()->set_disposition(static_cast<v1::Disposition>(99)); },
       "bad_value of closed.disposition"},
      {"no disposition", "closed", [](Fact& f) { f.mutable_closed()->clear_disposition(); },
       "missing of closed.disposition"},
      {"into itself", "merged", [](Fact& f) { f.mutable_merged()->set_into("c1"); },
       "bad_value of merged.into"},
      {"into nothing", "merged", [](Fact& f) { f.mutable_merged()->clear_into(); },
       "missing of merged.into"},
      {"no stars", "rated", [](Fact& f) { f.mutable_rated()->set_stars(0); },
       "bad_value of rated.stars"},
      {"six stars", "rated", [](Fact& f) { f.mutable_rated()->set_stars(6); },
       "bad_value of rated.stars"},
      {"no level", "escalation_raised",
       [](Fact& f) { f.mutable_escalation_raised()->set_level(0); },
       "missing of escalation_raised.level"},
      {"no new deadline", "deadline_extended",
       [](Fact& f) { f.mutable_deadline_extended()->clear_due_at_ms(); },
       "missing of deadline_extended.due_at_ms"},
  };
  Scene scene;
  scene.is_there = false;
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    Fact fact = Asked(row.kind);
    row.change(fact);
    EXPECT_EQ(scene.Fate(Somebody({v1::ROLE_SHIFT_LEADER}), fact), row.fate);
  }
}

TEST(IntakeTest, Instants) {
  const Scene scene;
  const int64_t ten_years = absl::ToInt64Milliseconds(kDueWithin);
  const struct {
    const char* why;
    const char* kind;
    int64_t happened_at_ms, due_at_ms;
    const char* fate;
  } rows[] = {
      {"neither", "reported", 0, 0, "admitted"},
      {"now", "reported", kNowMs, kNowMs, "admitted"},
      {"a minute ahead", "reported", kNowMs + 60'000, 0, "admitted"},
      {"further ahead", "reported", kNowMs + 60'001, 0, "bad_instant of happened_at_ms"},
      {"long ago", "reported", 1, 0, "admitted"},
      {"before 1970", "reported", -1, 0, "bad_instant of happened_at_ms"},
      {"in ten years", "reported", 0, kNowMs + ten_years, "admitted"},
      {"later", "reported", 0, kNowMs + ten_years + 1, "bad_instant of reported.due_at_ms"},
      {"ten years ago", "filed", 0, kNowMs - ten_years, "admitted"},
      {"earlier", "filed", 0, kNowMs - ten_years - 1, "bad_instant of filed.due_at_ms"},
      {"before 1970", "filed", 0, -1, "bad_instant of filed.due_at_ms"},
      {"an extension", "deadline_extended", 0, INT64_MAX,
       "bad_instant of deadline_extended.due_at_ms"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    Fact fact = Asked(row.kind);
    fact.set_happened_at_ms(row.happened_at_ms);
    if (fact.has_reported()) fact.mutable_reported()->set_due_at_ms(row.due_at_ms);
    if (fact.has_filed()) fact.mutable_filed()->set_due_at_ms(row.due_at_ms);
    if (fact.has_deadline_extended()) {
      fact.mutable_deadline_extended()->set_due_at_ms(row.due_at_ms);
    }
    EXPECT_EQ(scene.Fate(Somebody({v1::ROLE_ACCEPTOR}), fact), row.fate);
  }
}

TEST(IntakeTest, AnIncidentThatIsThereKeepsTheIdOfItsHistory) {
  Scene scene;
  Fact fact = Asked("verified");
  fact.set_incident_id("案 2011/7");
  EXPECT_EQ(scene.Fate(Somebody({v1::ROLE_COLLECTOR}), fact), "admitted");
  scene.is_there = false;
  EXPECT_EQ(scene.Fate(Somebody({v1::ROLE_COLLECTOR}), fact), "bad_incident_id of incident_id");
}

TEST(IntakeTest, WithoutACatalogueAnyCategoryIsTaken) {
  Scene scene;
  scene.policy = policy::Compiled(v1::Policy());
  Fact fact = Asked("reported");
  fact.mutable_reported()->set_category("moon");
  EXPECT_EQ(scene.Fate(Somebody({v1::ROLE_CITIZEN}), fact), "admitted");
  const auto outcome =
      Admit(Somebody({v1::ROLE_CITIZEN}), {.now = FromMillis(kNowMs)}, Asked("reported"));
  EXPECT_TRUE(std::holds_alternative<Fact>(outcome)) << "nor is one needed without a policy";
}

TEST(IntakeTest, ADispatchByHandSaysSo) {
  const auto outcome = Scene().Admit(Somebody({v1::ROLE_DISPATCHER}), Asked("dispatched"));
  EXPECT_EQ(std::get<Fact>(outcome).dispatched().reason(), v1::DISPATCH_REASON_BY_HAND);
}

TEST(IntakeTest, FieldsOfALaterBuildAreDropped) {
  Fact fact = Asked("reported");
  fact.GetReflection()->MutableUnknownFields(&fact)->AddLengthDelimited(900, "more");
  const auto outcome = Scene().Admit(Somebody({v1::ROLE_CITIZEN}), fact);
  const Fact& admitted = std::get<Fact>(outcome);
  EXPECT_TRUE(admitted.GetReflection()->GetUnknownFields(admitted).empty());
}

// ---- names --------------------------------------------------------------------------------------

TEST(IntakeTest, NamesOfRoles) {
  EXPECT_EQ(RoleNames(),
            (std::vector<std::string>{"citizen", "collector", "acceptor", "shift_leader",
                                      "dispatcher", "handler", "checker", "sensor", "source"}));
  for (const std::string& name : RoleNames()) EXPECT_EQ(RoleName(*ParseRole(name)), name);
  for (const char* none : {"", "service", "unspecified", "Citizen", "role_citizen", "mayor"}) {
    EXPECT_FALSE(ParseRole(none).has_value()) << none;
  }
}

TEST(IntakeTest, EveryGroundHasItsName) {
  std::set<std::string> names;
  for (int i = 0; i < kGrounds; ++i) names.insert(std::string(GroundName(static_cast<Ground>(i))));
  EXPECT_EQ(names.size(), kGrounds);
  EXPECT_EQ(names.count(""), 0);
}

TEST(IntakeTest, WhoAsksOrWhatIsAsked) {
  EXPECT_TRUE(IsAboutWho(Ground::kNotPermitted));
  EXPECT_TRUE(IsAboutWho(Ground::kOutsideAreas));
  EXPECT_FALSE(IsAboutWho(Ground::kUnknownCategory));
  EXPECT_FALSE(IsAboutWho(Ground::kUnknownIncident));
}

// ---- how often ----------------------------------------------------------------------------------

constexpr absl::Duration kNone = absl::ZeroDuration();

TEST(RateLimiterTest, ABurstAndThenOneAtATime) {
  RateLimiter limiter({.burst = 3, .each = absl::Seconds(10)});
  const absl::Time start = FromMillis(kNowMs);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a", start), kNone) << i;
  EXPECT_EQ(limiter.Take("a", start), absl::Seconds(10));
  EXPECT_EQ(limiter.Take("a", start + absl::Seconds(4)), absl::Seconds(6));
  EXPECT_EQ(limiter.Take("b", start), kNone) << "another's bucket";
  EXPECT_EQ(limiter.Take("a", start + absl::Seconds(10)), kNone);
  EXPECT_EQ(limiter.Take("a", start + absl::Seconds(10)), absl::Seconds(10));
  const absl::Time later = start + absl::Hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Take("a", later), kNone) << "full, and no fuller";
  EXPECT_EQ(limiter.Take("a", later), absl::Seconds(10));
}

TEST(RateLimiterTest, AClockSetBackMakesNobodyWaitLonger) {
  RateLimiter limiter({.burst = 2, .each = absl::Seconds(10)});
  const absl::Time start = FromMillis(kNowMs);
  for (int i = 0; i < 2; ++i) limiter.Take("a", start);
  EXPECT_EQ(limiter.Take("a", start - absl::Hours(5)), absl::Seconds(10));
}

TEST(RateLimiterTest, BucketsAreBounded) {
  RateLimiter limiter({.burst = 2, .each = absl::Seconds(10)}, 2);
  const absl::Time start = FromMillis(kNowMs);
  for (int i = 0; i < 2; ++i) limiter.Take("busy", start);
  for (int i = 0; i < 1000; ++i) limiter.Take(absl::StrCat("passer-by ", i), start);
  EXPECT_EQ(limiter.principals(), 2u);
  EXPECT_EQ(limiter.Take("busy", start), absl::Seconds(10)) << "whose bucket is emptiest stays";
  limiter.Take("late", start + absl::Hours(1));
  EXPECT_EQ(limiter.principals(), 1u) << "full ones need not be kept";
}

}  // namespace
}  // namespace gridledger::intake
