// The timeline: whatever was said about an incident is in it, in ledger order, with what became of
// it.
#include "services/domain/audit/audit.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fact_text.h"

namespace gridledger::audit {
namespace {

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

// A partition as the audit service folds it, a record a minute.
class Archive {
 public:
  // One record with a fact, or with several as a decision has them. A fact names the present stage
  // unless `stage` says otherwise.
  void Record(std::initializer_list<const char*> facts, int stage = -1, const char* by = "source") {
    ++offset_;
    for (const char* text : facts) {
      auto fact = tests::ParseFact(text, absl::UTCTimeZone());
      ASSERT_TRUE(fact.ok()) << fact.status();
      fact->set_incident_id(id_);
      fact->set_stage(stage >= 0 ? static_cast<uint32_t>(stage)
                                 : incident::PresentStage(incidents_, IncidentId(id_)).value);
      fact->set_happened_at_ms(ToMillis(kNine) - 1000);
      ASSERT_TRUE(tests::SetActor(by, fact->mutable_actor()).ok());
      incident::Evolve(
          incidents_, Moment(), *fact,
          [&](const incident::Change& change) { EvolveChange(state_, change); },
          fact->actor().role() == v1::ROLE_SERVICE ? fact->actor().code() : "");
    }
  }
  Archive& About(const std::string& id) {
    id_ = id;
    return *this;
  }
  // "0 reported, 1 filed; stale stage, …": the offset, the fact, and why it counts for nothing.
  std::string Of(const std::string& id) const {
    std::string text;
    for (const TimelineItem& item : Timeline(state_, IncidentId(id))) {
      if (!text.empty()) text += ", ";
      absl::StrAppend(&text, item.offset.value, " ",
                      tests::KindText(static_cast<v1::Fact::KindCase>(item.line.kind)));
      if (item.line.verdict == incident::Verdict::kAwaiting) text += "; parked";
      if (item.line.verdict == incident::Verdict::kVoid) {
        absl::StrAppend(&text, "; ", std::string(incident::VoidReasonName(item.line.reason)));
      }
    }
    return text;
  }
  const State& state() const { return state_; }

 private:
  incident::Moment Moment() const {
    return incident::Moment{Offset{offset_}, kNine + absl::Minutes(offset_)};
  }

  TableSet tables_;
  incident::State incidents_{tables_};
  State state_{tables_};
  std::string id_ = "c1";
  int64_t offset_ = -1;
};

TEST(AuditTest, KeepsWhatCountsAndWhatDoesNotInLedgerOrder) {
  Archive archive;
  archive.Record({"reported category=order"});
  archive.Record({"accepted"});
  archive.Record({"filed"}, 1);
  archive.Record({"reported category=order"});
  archive.Record({"handling_started"});
  archive.Record({"filed"});
  EXPECT_EQ(archive.Of("c1"),
            "0 reported, 1 accepted, 2 filed; stale stage, 3 reported; duplicate report, "
            "4 handling_started; illegal transition, 5 filed");
  EXPECT_EQ(AppliedOf(archive.state(), v1::Fact::kReported), 1u) << "the second one is void";
  EXPECT_EQ(AppliedOf(archive.state(), v1::Fact::kFiled), 1u);
  EXPECT_EQ(AppliedOf(archive.state(), v1::Fact::kHandlingStarted), 0u);
  EXPECT_EQ(AppliedOf(archive.state(), v1::Fact::kEscalationRaised), 0u);
}

TEST(AuditTest, WhatWaitedIsThereTwiceOnceAwaitingAndOnceReleased) {
  Archive archive;
  archive.Record({"accepted"}, 1);
  archive.Record({"refused"}, 1);
  archive.Record({"reported category=order"});
  EXPECT_EQ(archive.Of("c1"),
            "0 accepted; parked, 1 refused; parked, "
            "2 reported, 2 accepted, 2 refused; stale stage")
      << "judged with the report, in the order in which they came";
  EXPECT_EQ(AppliedOf(archive.state(), v1::Fact::kAccepted), 1u) << "awaiting is not applied";
}

TEST(AuditTest, TheFactsOfOneRecordKeepTheirOrder) {
  Archive archive;
  archive.Record({"reported category=order"});
  archive.Record({"filed", "dispatched unit=u1", "dispatched unit=u2", "handling_started",
                  "handling_finished", "check_passed", "closed disposition=solved", "rated stars=9",
                  "rated stars=5", "reopened", "dispatched unit=u1", "handling_started"},
                 -1, "source:desk");
  archive.Record({"handling_finished"});
  EXPECT_EQ(archive.Of("c1"),
            "0 reported, 1 filed, 1 dispatched, 1 dispatched, 1 handling_started, "
            "1 handling_finished, 1 check_passed, 1 closed, 1 rated; malformed, 1 rated, "
            "1 reopened, 1 dispatched, 1 handling_started, 2 handling_finished")
      << "also beyond the tenth";
}

TEST(AuditTest, ATimelineIsOfThatIncidentAndNoOther) {
  Archive archive;
  const std::string ids[] = {"c", "c1", "c11", "C1", std::string("c1\0", 3), "长圳-1"};
  for (const std::string& id : ids) archive.About(id).Record({"reported category=order"});
  int64_t offset = 0;
  for (const std::string& id : ids) {
    EXPECT_EQ(archive.Of(id), absl::StrCat(offset++, " reported")) << id;
  }
  EXPECT_EQ(archive.Of(""), "");
  EXPECT_EQ(archive.Of("c2"), "");
}

TEST(AuditTest, ALineSaysWhenWhoAndOnWhatStage) {
  Archive archive;
  archive.Record({"reported category=order"});
  archive.Record({"filed"}, -1, "shift_leader:l1");
  archive.Record({"dispatched unit=u1"}, -1, "service:dispatch");
  archive.Record({"closed disposition=solved"}, -1, "handler:x1");
  const std::vector<TimelineItem> timeline = Timeline(archive.state(), IncidentId("c1"));
  ASSERT_EQ(timeline.size(), 4u);
  const uint32_t stages[] = {1, 2, 3, 3};  // the last one is void, and moves nothing
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Line& line = timeline[i].line;
    EXPECT_EQ(line.at, kNine + absl::Minutes(i)) << "the ledger's time";
    EXPECT_EQ(line.happened_at, kNine - absl::Seconds(1)) << "the source's own word beside it";
    EXPECT_EQ(line.by_service, i == 2) << i;
    EXPECT_EQ(line.stage.value, stages[i]) << i;
  }
  EXPECT_EQ(timeline[3].line.reason, incident::VoidReason::kNotChecked);
}

TEST(AuditTest, AFactOfNobodyIsKeptUnderNobody) {
  Archive archive;
  archive.About("").Record({"accepted"});
  EXPECT_EQ(archive.Of(""), "0 accepted; malformed");
}

TEST(AuditTest, KeysAreReadAsTheyWereWrittenAndSortAsTheLedgerDoes) {
  std::string before;
  for (const int64_t offset :
       {int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256}, int64_t{1} << 40}) {
    for (const uint32_t ordinal : {0u, 1u, 300u}) {
      std::string bytes;
      LineKey{IncidentId("c1"), Offset{offset}, ordinal}.AppendKey(&bytes);
      EXPECT_LT(before, bytes) << offset << "/" << ordinal;
      before = bytes;
      LineKey read;
      ASSERT_TRUE(read.ParseKey(bytes));
      EXPECT_EQ(read.id, IncidentId("c1"));
      EXPECT_EQ(read.offset, Offset{offset});
      EXPECT_EQ(read.ordinal, ordinal);
      EXPECT_FALSE(read.ParseKey(absl::string_view(bytes).substr(0, bytes.size() - 1)));
      EXPECT_FALSE(read.ParseKey(bytes + "x"));
    }
  }
}

}  // namespace
}  // namespace gridledger::audit
