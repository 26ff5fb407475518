// Lives out of a ledger that was written by hand: what waited for its report, what counts for
// nothing, and texts that a form has no sign for.
#include "services/history/exporting/life_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "services/history/exporting/step_row.h"
#include "services/history/exporting/xes_log.h"
#include "tests/support/ledger.h"
#include "tests/support/temporary_folder.h"

namespace gridledger::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Entry Report(absl::string_view id, absl::string_view category) {
  v1::Entry entry = FactOn(id, 0);
  v1::IncidentReported& reported = *entry.mutable_fact()->mutable_reported();
  reported.set_category(std::string(category));
  reported.set_community("C1");
  return entry;
}

v1::Entry Filed(absl::string_view id, uint32_t stage) {
  v1::Entry entry = FactOn(id, stage);
  entry.mutable_fact()->mutable_filed();
  return entry;
}

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override { options_.data = folder_.path() + "/city"; }

  void Write(const std::vector<v1::Entry>& entries) {
    auto folder = host::Folder::Open({.path = options_.data, .partitions = 1});
    ASSERT_TRUE(folder.ok()) << folder.status();
    int64_t at_ms = 0;
    for (const v1::Entry& entry : entries) {
      ASSERT_TRUE((*folder)
                      ->log()
                      .AppendAndWait(Partition{0}, {RecordOf(entry, TestTime(at_ms += 1000))})
                      .ok());
    }
  }

  absl::Status Visit(const std::function<absl::Status(const LifeStep&)>& visit) {
    auto folder = OpenForReading(options_);
    if (!folder.ok()) return folder.status();
    return VisitHistory({.common = &options_, .folder = folder->get(), .partition = {}}, visit);
  }

  // "filed@2.1 of row 7", "filed@2.1 said at 0 of row 7"
  std::vector<std::string> Steps() {
    std::vector<std::string> steps;
    StepRow row;
    const absl::Status status = Visit([&](const LifeStep& step) {
      row.Fill(step);
      std::string said =
          absl::StrCat(row[Column::kFact], "@", row[Column::kOffset], ".", row[Column::kOrdinal]);
      if (step.said_at) absl::StrAppend(&said, " said at ", row[Column::kSaidAt]);
      if (!row[Column::kSourceRow].empty()) {
        absl::StrAppend(&said, " of row ", row[Column::kSourceRow]);
      }
      steps.push_back(std::move(said));
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return steps;
  }

  TemporaryFolder folder_;
  CommonOptions options_;
};

TEST_F(HistoryTest, WhatWaitedCountsFromItsReportAndKeepsWhereItWasSaid) {
  v1::Entry early = Filed("I1", 0);
  early.mutable_source()->set_source("desk#1");
  early.mutable_source()->set_row(7);
  v1::Entry again = Filed("I1", 0);  // void once the other has counted
  again.mutable_source()->set_source("desk#1");
  again.mutable_source()->set_row(8);
  Write({early, again, Report("I2", "lamp"), Report("I1", "lamp"), Filed("I2", 1)});
  EXPECT_THAT(Steps(), ElementsAre("reported@2.0", "reported@3.0", "filed@3.1 said at 0 of row 7",
                                   "filed@4.0"));
}

TEST_F(HistoryTest, WhatCountsForNothingIsNoStep) {
  v1::Entry decided;
  decided.set_schema(engine::kEntrySchema);
  v1::Decision& decision = *decided.mutable_decision();
  decision.set_service("dispatch");
  decision.set_cause(1);
  decision.set_rule("by hand");
  *decision.add_facts() = Filed("I1", 9).fact();  // a stage that is not reached
  v1::Fact& sent = *decision.add_facts();
  sent.set_incident_id("I1");
  sent.set_stage(2);
  sent.mutable_dispatched()->set_unit("lamps");
  v1::Entry tick;
  tick.set_schema(engine::kEntrySchema);
  tick.mutable_tick();
  Write({Report("I1", "lamp"), Filed("I1", 1), Report("I1", "lamp"), decided, tick, decided});
  EXPECT_THAT(Steps(), ElementsAre("reported@0.0", "filed@1.0", "dispatched@3.1"));
}

TEST_F(HistoryTest, AVisitsErrorEndsIt) {
  Write({Report("I1", "lamp"), Report("I2", "lamp"), Report("I3", "lamp")});
  int visited = 0;
  EXPECT_EQ(Visit([&](const LifeStep&) {
              return ++visited == 2 ? absl::UnavailableError("full") : absl::OkStatus();
            }),
            absl::UnavailableError("full"));
  EXPECT_EQ(visited, 2);
}

TEST_F(HistoryTest, TextsGoIntoEveryForm) {
  Write({Report("I1", "a \"lamp\",\r\n<&> \x07\xEF\xBF\xBF 照\t明")});
  StepRow row;
  std::string csv, json, xml;
  auto xes = XesLog::Open({.temp_folder = folder_.path() + "/sort", .partitions = 1});
  ASSERT_TRUE(xes.ok());
  const absl::Status status = Visit([&](const LifeStep& step) {
    row.Fill(step);
    AppendCsvRow(row, &csv);
    AppendJsonRow(row, &json);
    return (*xes)->Add(step, row);
  });
  ASSERT_TRUE(status.ok()) << status;
  const std::atomic<bool> stop{false};
  ASSERT_TRUE((*xes)
                  ->Write(stop,
                          [&](absl::string_view text) {
                            absl::StrAppend(&xml, text);
                            return absl::OkStatus();
                          })
                  .ok());
  EXPECT_THAT(csv, HasSubstr(",\"a \"\"lamp\"\",\r\n<&> \x07\xEF\xBF\xBF 照\t明\","));
  EXPECT_THAT(json,
              HasSubstr("\"category\":\"a \\\"lamp\\\",\\r\\n<&> \\u0007\xEF\xBF\xBF 照\\t明\""));
  EXPECT_THAT(xml, HasSubstr("value=\"a &quot;lamp&quot;,&#13;&#10;&lt;&amp;&gt; �� 照&#9;明\"/>"));
  EXPECT_EQ((*xes)->replaced(), 2);
  EXPECT_THAT(xml, Not(HasSubstr("\x07")));
}

TEST_F(HistoryTest, ALogWithoutIncidentsIsALogAllTheSame) {
  auto xes = XesLog::Open({.temp_folder = folder_.path() + "/sort", .partitions = 2});
  ASSERT_TRUE(xes.ok());
  std::string xml;
  const std::atomic<bool> stop{false};
  ASSERT_TRUE((*xes)
                  ->Write(stop,
                          [&](absl::string_view text) {
                            absl::StrAppend(&xml, text);
                            return absl::OkStatus();
                          })
                  .ok());
  EXPECT_THAT(xml, HasSubstr("<log xes.version=\"2.0\""));
  EXPECT_THAT(xml, Not(HasSubstr("<trace>")));
  EXPECT_THAT(xml, HasSubstr("</log>\n"));
}

}  // namespace
}  // namespace gridledger::cli
