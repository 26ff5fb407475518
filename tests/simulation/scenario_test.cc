// Every scenario of tests/scenarios, as told, and under the laws that no scenario has to tell: what
// is delivered twice counts once, a ledger folded from zero gives the same state, and a city that
// lives through the day, with two owners, crashes and a log that fails, comes to the same.
#include "tests/support/scenario.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"
#include "tests/support/live_simulation.h"
#include "tests/support/story.h"

namespace gridledger::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path SourceFolder() {
  const char* const folder = std::getenv("GRIDLEDGER_SOURCE_DIR");
  return folder != nullptr ? fs::path(folder) : fs::current_path();
}

std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> files;
  const fs::path folder = SourceFolder() / "tests" / "scenarios";
  std::error_code missing;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, missing)) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path().stem().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string HowToRerun() {
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  return absl::StrCat("rerun: GRIDLEDGER_SOURCE_DIR=", SourceFolder().string(), " ",
                      fs::read_symlink("/proc/self/exe").string(),
                      " --gtest_filter=", test.test_suite_name(), ".", test.name());
}

constexpr uint64_t kSeeds = 6;  // of live days, a scenario

class EveryScenario : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string file = absl::StrCat("tests/scenarios/", GetParam(), ".scenario");
    absl::StatusOr<Scenario> read = ReadScenario((SourceFolder() / file).string());
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << HowToRerun();
    scenario_ = *std::move(read);
    scenario_.file = file;
    absl::StatusOr<City> city = Play(scenario_);
    ASSERT_TRUE(city.ok()) << file << ": " << city.status() << "\n" << HowToRerun();
    city_ = *std::move(city);
  }
  static void ExpectHolds(const Scenario& scenario, const Ledger& ledger,
                          JudgeOptions options = {}) {
    const std::vector<std::string> findings = Judge(scenario, ledger, options);
    EXPECT_TRUE(findings.empty()) << absl::StrJoin(findings, "\n") << "\n" << HowToRerun();
  }

  Scenario scenario_;
  City city_;
};

TEST_P(EveryScenario, HoldsAsTold) {
  ExpectHolds(scenario_, city_.ledger);
  for (const auto& task : city_.tasks) {
    EXPECT_TRUE(task->pending().empty()) << task->id().service.text() << "\n" << HowToRerun();
  }
}

TEST_P(EveryScenario, CountsARedeliveryOnce) {
  const absl::StatusOr<City> twice = Play(scenario_, PlayOptions{.repeat = true});
  ASSERT_TRUE(twice.ok()) << twice.status() << "\n" << HowToRerun();
  EXPECT_EQ(Outcome(scenario_, city_), Outcome(scenario_, *twice)) << HowToRerun();
  ExpectHolds(scenario_, twice->ledger, JudgeOptions{.voids = false});
}

TEST_P(EveryScenario, CountsADecisionOfTwoOwnersOnce) {
  const absl::StatusOr<City> twice = Fold(WithDecisionsTwice(city_.ledger));
  ASSERT_TRUE(twice.ok()) << twice.status() << "\n" << HowToRerun();
  EXPECT_EQ(Outcome(scenario_, city_), Outcome(scenario_, *twice)) << HowToRerun();
}

TEST_P(EveryScenario, FoldsFromZeroToTheSameDigests) {
  const absl::StatusOr<City> again = Fold(city_.ledger);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << HowToRerun();
  for (size_t i = 0; i < city_.tasks.size(); ++i) {
    EXPECT_EQ(city_.tasks[i]->digest().Hex(), again->tasks[i]->digest().Hex())
        << scenario_.file << ": " << city_.tasks[i]->id().service.text() << "\n"
        << HowToRerun();
    EXPECT_TRUE(again->tasks[i]->pending().empty()) << HowToRerun();
  }
}

// The scenario's entries from outside, each as the author who saw the incident told it.
std::vector<Input> FromOutside(const Ledger& ledger) {
  gridledger::Ledger records;
  for (const LedgerRecord& one : ledger) {
    records.push_back(NewRecord{one.timestamp, one.key, one.headers, one.value});
  }
  std::vector<Input> inputs = InputsOf(records);
  inputs.front().after = absl::ZeroDuration();
  return inputs;
}

// A scenario tells time in minutes. What had to be tried again came some seconds late: taken back
// to its minute it came at once.
Ledger ToTheMinute(const gridledger::Ledger& ledger) {
  Ledger told;
  for (const NewRecord& one : ledger) {
    const absl::Time minute = FromMillis(ToMillis(one.timestamp) / 60'000 * 60'000);
    told.push_back(LedgerRecord{minute, one.key, one.headers, one.value});
  }
  return told;
}

TEST_P(EveryScenario, ComesToTheSameWithCrashesTwoOwnersAndAFaultyLog) {
  Scenario to_the_minute = scenario_;
  for (Expected& expected : to_the_minute.then) {
    for (Lived& lived : expected.life) lived.at.resize(sizeof("2021-01-04 09:00") - 1);
  }
  int64_t crashes = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", HowToRerun()));
    LiveSimulationOptions options;
    options.seed = seed;
    options.begin = city_.ledger.front().timestamp;
    options.owners = 1 + static_cast<int>(seed % 2);
    options.crashes_per_mille = 20;
    options.faults = {
        .append_lost = 60, .append_unanswered = 60, .append_delayed = 600, .batch_short = 300};
    LiveSimulation live(host::AllServices(), options);
    const gridledger::Ledger ledger = live.PlaySettled(FromOutside(city_.ledger), scenario_.until);
    crashes += live.crashes();
    const absl::StatusOr<City> told = Fold(ToTheMinute(ledger));
    ASSERT_TRUE(told.ok()) << told.status();
    EXPECT_EQ(Outcome(scenario_, city_), Outcome(scenario_, *told));
    ExpectHolds(to_the_minute, told->ledger, JudgeOptions{.voids = false});
    // And wherever an owner stood, it stood as one does that folds alone.
    for (size_t s = 0; s < host::AllServices().size(); ++s) {
      const auto alone = NewTask(host::AllServices()[s], Partition{0});
      std::vector<Digest> digests = {alone->digest()};
      for (size_t i = 0; i < ledger.size(); ++i) {
        ASSERT_TRUE(FoldUpTo(*alone, ledger, i + 1).ok());
        digests.push_back(alone->digest());
      }
      EXPECT_TRUE(alone->pending().empty());
      for (const Standing& one : live.standings()) {
        if (one.service != s) continue;
        ASSERT_EQ(one.digest.Hex(), digests[static_cast<size_t>(one.next.value)].Hex())
            << alone->id().service.text() << " of owner " << one.owner << " at offset "
            << one.next.value;
      }
    }
  }
  EXPECT_GT(crashes, 0);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, EveryScenario, ::testing::ValuesIn(ScenarioFiles()),
                         [](const auto& file) { return file.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryScenario);

TEST(Scenarios, AreThere) {
  EXPECT_GE(ScenarioFiles().size(), 15u)
      << "no scenarios below " << SourceFolder() << ": set GRIDLEDGER_SOURCE_DIR";
}

constexpr absl::string_view kSmall = R"(scenario a report is filed
zone UTC
given
  policy p1 default_unit=street
  category waste limit=8h
when
  2021-01-04 09:00  c1  reported  by=citizen  category=waste community=changzhen
  2021-01-04 09:10  c1  filed     by=acceptor:a1
then
)";

TEST(ScenarioReader, SaysWhereAndWhatIsWrong) {
  const struct {
    absl::string_view why;
    std::string text;
    absl::string_view says;
  } rows[] = {
      {"an unknown zone", "scenario x\nzone Atlantis/Capital\n", "f:2: 'Atlantis/Capital'"},
      {"an unknown word is not passed over", "scenario x\ngiven\n  fleet f1\n",
       "f:3: nothing is given as"},
      {"an unknown field neither", "scenario x\ngiven\n  category waste limits=8h\n",
       "f:3: nothing here is called 'limits'"},
      {"an unknown fact", "scenario x\nwhen\n  2021-01-04 09:00 c1 mended by=citizen\n",
       "f:3: 'mended' is not a fact"},
      {"a fact's unknown field",
       "scenario x\nwhen\n  2021-01-04 09:00 c1 closed by=citizen mood=good\n",
       "f:3: 'closed' has no field 'mood'"},
      {"an unknown enum value",
       "scenario x\nwhen\n  2021-01-04 09:00 c1 closed by=citizen disposition=fixed\n",
       "f:3: disposition=fixed is not one of Disposition"},
      {"nobody says so", "scenario x\nwhen\n  2021-01-04 09:00 c1 accepted\n",
       "f:3: it does not say who"},
      {"time goes one way",
       "scenario x\nwhen\n  2021-01-04 09:00 c1 accepted by=acceptor\n  2021-01-04 08:59 c1 "
       "accepted by=acceptor\n",
       "f:4: it goes back"},
      {"not a time", "scenario x\nwhen\n  2021-13-04 09:00 c1 accepted by=acceptor\n",
       "f:3: '2021-13-04 09:00' is not a time"},
      {"not a shift", "scenario x\ngiven\n  roster u m1=8-25\n", "f:3: '8' is not a time of day"},
      {"nothing expected", absl::StrCat(kSmall, ""), "it expects nothing"},
  };
  for (const auto& row : rows) {
    const absl::StatusOr<Scenario> read = ParseScenario("f", row.text);
    ASSERT_FALSE(read.ok()) << row.why;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(std::string(row.says))) << row.why;
  }
}

TEST(ScenarioJudge, FindsWhatIsNotAsTold) {
  const struct {
    absl::string_view why;
    absl::string_view then;
    absl::string_view says;  // empty: it holds
  } rows[] = {
      {"as it is", "c1 is phase=dispatched unit=street", ""},
      {"a wrong field", "c1 is phase=closed", "f:10: phase is 'dispatched', expected 'closed'"},
      {"no such incident", "c2 is phase=closed", "f:10: there is no incident c2"},
      {"a fact that is not told", "c1 lived\n  2021-01-04 09:00 reported\n  2021-01-04 09:10 filed",
       "f:10: not told: 2021-01-04 09:10  dispatched"},
      {"a fact that did not happen",
       "c1 lived\n  2021-01-04 09:00 reported\n  2021-01-04 09:10 filed\n  2021-01-04 09:10 "
       "dispatched\n  2021-01-04 09:11 closed",
       "f:14: did not happen: closed"},
      {"a fact of another time", "c1 lived\n  2021-01-04 09:01 reported",
       "f:11: its time is '2021-01-04 09:00'"},
      {"a void that is not one", "c1 lived\n  2021-01-04 09:00 reported void=stale_stage",
       "f:11: what became of it is ''"},
      {"a void reason", "voids stale_stage=1", "f:10: stale_stage is '0', expected '1'"},
      {"a count", "total reported=2", "f:10: reported is '1', expected '2'"},
      {"an unknown count", "total repaired=2", "f:10: repaired is 'no count'"},
      {"a rate", "rate filing 1/2 50.00 %", "f:10: the rate is '1/1'"},
      {"an unknown line", "weather fine", "f:10: no such line"},
  };
  for (const auto& row : rows) {
    const absl::StatusOr<Scenario> scenario =
        ParseScenario("f", absl::StrCat(kSmall, row.then, "\n"));
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    const absl::StatusOr<City> city = Play(*scenario);
    ASSERT_TRUE(city.ok()) << city.status();
    const std::string findings = absl::StrJoin(Judge(*scenario, city->ledger), "\n");
    if (row.says.empty()) {
      EXPECT_EQ(findings, "") << row.why;
    } else {
      EXPECT_THAT(findings, HasSubstr(std::string(row.says))) << row.why;
    }
  }
}

}  // namespace
}  // namespace gridledger::tests
