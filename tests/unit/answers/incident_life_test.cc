// An incident's life: facts are found in the records behind the timeline, each line with its own,
// and told as JSON.
#include "services/answers/incident_life.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/engine/entry_codec.h"
#include "tests/support/fact_text.h"

namespace gridledger::answers {
namespace {

constexpr Partition kPartition{2};
const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

// A partition as the audit service folds it, and its records in a log; a record a minute.
class Town {
 public:
  // A record with a fact by the source's word.
  void Tell(const char* id, const char* fact, const char* by = "source") {
    v1::Entry entry;
    *entry.mutable_fact() = Said(id, fact, by);
    Fold(entry.fact());
    Append(entry);
  }
  // A decision of dispatch on the record before.
  void Decide(std::initializer_list<std::pair<const char*, const char*>> facts) {
    v1::Entry entry;
    v1::Decision& decision = *entry.mutable_decision();
    decision.set_service("dispatch");
    decision.set_rule("dispatch.by_list");
    decision.set_policy_version("p-1");
    decision.set_cause(offset_);
    for (const auto& [id, text] : facts) {
      *decision.add_facts() = Said(id, text, "service:dispatch");
      Fold(decision.facts().rbegin()[0]);
    }
    Append(entry);
  }
  void Garbage() {
    ++offset_;
    records_.push_back(NewRecord{.timestamp = kNine, .key = "", .headers = "", .value = "\xff"});
  }

  Life Of(const char* id) const {
    Life life;
    life.partition = kPartition;
    const incident::Incident* present = incidents_.incidents.Find(IncidentId(id));
    if (present != nullptr) life.present = *present;
    life.items = audit::Timeline(state_, IncidentId(id));
    return life;
  }
  absl::StatusOr<std::vector<RecordFacts>> Read(const std::vector<Offset>& offsets,
                                                const char* id) {
    MemoryLog log({.partitions = 3, .seed = 0, .faults = {}, .waits = false});
    if (const auto first = log.AppendAndWait(kPartition, records_); !first.ok()) {
      return first.status();
    }
    const std::unique_ptr<LogReader> reader = log.NewReader();
    return ReadFacts(*reader, kPartition, offsets, IncidentId(id), absl::ZeroDuration());
  }
  Life Told(const char* id) {
    Life life = Of(id);
    const auto records = Read(OffsetsOf(life.items), id);
    EXPECT_TRUE(records.ok()) << records.status();
    if (records.ok()) TellLines(*records, &life);
    return life;
  }

 private:
  v1::Fact Said(const char* id, const char* text, const char* by) {
    const auto fact = tests::ParseFact(text, absl::UTCTimeZone());
    EXPECT_TRUE(fact.ok()) << fact.status();
    v1::Fact said = *fact;
    said.set_incident_id(id);
    said.set_stage(incident::PresentStage(incidents_, IncidentId(id)).value);
    said.set_happened_at_ms(ToMillis(kNine) - 1000);
    EXPECT_TRUE(tests::SetActor(by, said.mutable_actor()).ok());
    return said;
  }
  void Fold(const v1::Fact& fact) {
    const incident::Moment moment{Offset{offset_ + 1}, kNine + absl::Minutes(offset_ + 1)};
    incident::Evolve(
        incidents_, moment, fact,
        [&](const incident::Change& change) { audit::EvolveChange(state_, change); },
        fact.actor().role() == v1::ROLE_SERVICE ? fact.actor().code() : "");
  }
  void Append(const v1::Entry& entry) {
    ++offset_;
    NewRecord record{.timestamp = kNine, .key = "", .headers = "", .value = ""};
    engine::EncodeEntry(entry, "test", absl::StrCat(offset_), &record.headers, &record.value);
    records_.push_back(std::move(record));
  }

  TableSet tables_;
  incident::State incidents_{tables_};
  audit::State state_{tables_};
  std::vector<NewRecord> records_;
  int64_t offset_ = -1;
};

// "0 IncidentReported, 2 IncidentDispatched by dispatch.by_list": what each line tells.
std::string Text(const Life& life) {
  std::string text;
  for (const Line& line : life.lines) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", line.offset.value, " ",
                    engine::FactType(line.fact));
    if (line.decided) absl::StrAppend(&text, " by ", line.decided->rule);
  }
  return text;
}

TEST(IncidentLifeTest, EachLineHasTheFactOfItsRecord) {
  Town town;
  town.Tell("c1", "reported category=order");
  town.Tell("c2", "reported category=waste");
  town.Tell("c1", "filed");
  town.Decide({{"c2", "dispatched unit=u2"}, {"c1", "dispatched unit=u1"}});
  const Life life = town.Told("c1");
  EXPECT_EQ(Text(life),
            "0 IncidentReported, 2 IncidentFiled, 3 IncidentDispatched by dispatch.by_list");
  EXPECT_EQ(life.lines[0].fact.reported().category(), "order");
  EXPECT_EQ(life.lines[2].fact.dispatched().unit(), "u1") << "the other one's fact is not its own";
  EXPECT_EQ(life.lines[2].decided->cause, Offset{2});
}

TEST(IncidentLifeTest, WhatAReportReleasedIsToldOnceMore) {
  Town town;
  town.Tell("c1", "accepted", "shift_leader:l1");
  EXPECT_EQ(Text(town.Told("c1")), "0 IncidentAccepted");
  EXPECT_FALSE(town.Told("c1").present.has_value());
  town.Tell("c1", "reported category=order");
  EXPECT_EQ(Text(town.Told("c1")), "0 IncidentAccepted, 1 IncidentReported, 1 IncidentAccepted");
}

TEST(IncidentLifeTest, EqualFactsOfOneRecordAreToldOneByOne) {
  Town town;
  town.Tell("c1", "reported category=order");
  town.Tell("c1", "filed");
  town.Decide({{"c1", "dispatched unit=u1"}, {"c1", "dispatched unit=u2"}});
  const Life life = town.Told("c1");
  ASSERT_EQ(life.lines.size(), 4u);
  EXPECT_EQ(life.lines[2].fact.dispatched().unit(), "u1");
  EXPECT_EQ(life.lines[3].fact.dispatched().unit(), "u2");
}

TEST(IncidentLifeTest, TheJoinReadsNothing) {
  Town town;
  town.Tell("c1", "reported category=order");
  town.Tell("c1", "filed");
  Life life = town.Of("c1");
  TellLines({}, &life);
  ASSERT_EQ(life.lines.size(), 2u) << "lines are there without their records";
  EXPECT_EQ(life.lines[0].fact.kind_case(), v1::Fact::KIND_NOT_SET);
  EXPECT_EQ(LineJson(kPartition, life.lines[0], policy::Zone())["what"], "");
  TellLines(*town.Read({Offset{1}}, "c1"), &life);
  EXPECT_EQ(Text(life), "0 , 1 IncidentFiled") << "and are told anew";
}

TEST(IncidentLifeTest, RecordsAreReadInOrderAndOnlyThose) {
  Town town;
  for (int i = 0; i < 9; ++i) town.Tell("c1", "reported category=order");
  town.Garbage();
  const auto records = town.Read({Offset{1}, Offset{2}, Offset{3}, Offset{7}}, "c1");
  ASSERT_TRUE(records.ok()) << records.status();
  std::string offsets;
  for (const RecordFacts& record : *records) absl::StrAppend(&offsets, record.offset.value, " ");
  EXPECT_EQ(offsets, "1 2 3 7 ");
  EXPECT_TRUE(town.Read({}, "c1")->empty());
  EXPECT_EQ(town.Read({Offset{9}}, "c1").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(town.Read({Offset{10}}, "c1").status().code(), absl::StatusCode::kUnavailable)
      << "it has not come yet";
  EXPECT_EQ(town.Read({Offset{99}}, "c1").status().code(), absl::StatusCode::kOutOfRange);
}

TEST(IncidentLifeTest, ALifeAsJson) {
  Town town;
  town.Tell("c1", "reported category=order community=changzhen");
  town.Tell("c1", "filed");
  town.Decide({{"c1", "dispatched unit=u1"}});
  town.Tell("c1", "closed disposition=solved", "handler:x1");
  const Life life = town.Told("c1");
  const nlohmann::ordered_json json =
      LifeJson(IncidentId("c1"), {life}, *policy::Zone::Named("Asia/Shanghai"));
  EXPECT_EQ(json["id"], "c1");
  EXPECT_EQ(json["partition"], 2);
  EXPECT_EQ(json["present"]["phase"], "dispatched");
  EXPECT_EQ(json["present"]["unit"], "u1");
  EXPECT_EQ(json["present"]["reported_at"], "2021-01-04T17:00:00+08:00");
  EXPECT_TRUE(json["present"]["closed_at"].is_null());
  EXPECT_FALSE(json.contains("also_in_partitions"));
  ASSERT_EQ(json["timeline"].size(), 4u);
  EXPECT_EQ(json["timeline"][2].dump(),
            R"({"at":"2021-01-04T17:02:00+08:00","happened_at":"2021-01-04T16:59:59+08:00",)"
            R"("what":"IncidentDispatched","who":{"role":"service","code":"dispatch"},)"
            R"("verdict":"applied","stage":3,"partition":2,"offset":2,"decision":{)"
            R"("service":"dispatch","rule":"dispatch.by_list","policy_version":"p-1","cause":1},)"
            R"("details":{"unit":"u1"}})");
  EXPECT_EQ(json["timeline"][3]["verdict"], "void");
  EXPECT_EQ(json["timeline"][3]["reason"], "not checked");
  EXPECT_FALSE(json["timeline"][0].contains("decision"));
}

TEST(IncidentLifeTest, OthersOfThatIdAreNamedAfterTheReportedOne) {
  Town town;
  town.Tell("c1", "reported category=order");
  Life waiting;
  waiting.partition = Partition{0};
  std::vector<Life> lives = {waiting, town.Told("c1")};
  SortLives(&lives);
  const nlohmann::ordered_json json = LifeJson(IncidentId("c1"), lives, policy::Zone());
  EXPECT_EQ(json["partition"], 2);
  EXPECT_EQ(json["also_in_partitions"].dump(), "[0]");
  EXPECT_TRUE(LifeJson(IncidentId("c1"), {waiting}, policy::Zone())["present"].is_null());
}

TEST(IncidentLifeTest, EnumsAreToldInWords) {
  EXPECT_EQ(Words("ROLE_SHIFT_LEADER", "ROLE_"), "shift leader");
  EXPECT_EQ(Words("SOLVED", "DISPOSITION_"), "solved");
}

}  // namespace
}  // namespace gridledger::answers
