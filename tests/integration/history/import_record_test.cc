// What imports keep about a source, and a copy of it that is taken while they go on.
#include "services/history/importing/import_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace gridledger::cli {
namespace {

namespace fs = std::filesystem;

ImportMeans MeansOf(const std::string& zone) {
  ImportMeans means;
  means.mapping.set_source("town");
  means.mapping.set_zone(zone);
  means.mapping.mutable_events()->add_states()->add_names("New");
  return means;
}

ImportRecord RecordOf(int rounds) {
  ImportRecord record;
  record.means.push_back(MeansOf("UTC"));
  for (int number = 1; number <= rounds; ++number) {
    record.rounds.push_back({.number = number, .complete = true, .along = {}, .rows = 1});
  }
  return record;
}

void Write(const std::string& path, const std::string& text) {
  // In its place, as an import does it: who has the old one open keeps it.
  std::ofstream(path + ".part") << text;
  fs::rename(path + ".part", path);
}

std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ImportRecord, ACopyIsOfTheInstantAtWhichItWasTaken) {
  const TemporaryFolder folder;
  const std::string from = folder / "from";
  const std::string to = folder / "to";
  ASSERT_TRUE(KeepImportRecord(from, "town", RecordOf(1)).ok());
  Write(from + "/imports/town.rows", "rows of one");
  Write(from + "/imports/empty.rows", "");
  const auto taken = TakenImports::Of(from);
  ASSERT_TRUE(taken.ok()) << taken.status();
  // Another import comes to its end while the ledger is copied.
  Write(from + "/imports/town.rows", "rows of one and two");
  ASSERT_TRUE(KeepImportRecord(from, "town", RecordOf(2)).ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(taken->PutInto(to).ok());
    const auto record = ReadImportRecord(ImportRecordPath(to, "town"));
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->rounds.size(), 1U);
    EXPECT_EQ(TextOf(to + "/imports/town.rows"), "rows of one");
    EXPECT_EQ(TextOf(to + "/imports/empty.rows"), "");
  }
  EXPECT_EQ(ReadImportRecord(ImportRecordPath(from, "town"))->rounds.size(), 2U);
}

TEST(ImportRecord, AFolderWithoutImportsHasNothingToCopy) {
  const TemporaryFolder folder;
  const auto taken = TakenImports::Of(folder / "from");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE(taken->PutInto(folder / "to").ok());
  EXPECT_FALSE(fs::exists(folder / "to"));
}

TEST(ImportRecord, StatesMayComeToAMappingAndNothingElse) {
  const ImportMeans before = MeansOf("UTC");
  ImportMeans now = before;
  EXPECT_TRUE(CheckGoesOn("it", before, now).ok());
  now.mapping.mutable_events()->mutable_states(0)->add_names("Neu");
  now.mapping.mutable_events()->add_states()->add_names("Shut");
  EXPECT_TRUE(CheckGoesOn("it", before, now).ok());
  EXPECT_FALSE(CheckSameMeans("it", before, now).ok());
  EXPECT_FALSE(CheckGoesOn("it", now, before).ok()) << "one is gone";
  ImportMeans other = now;
  other.mapping.set_zone("Asia/Tokyo");
  const absl::Status refused = CheckGoesOn("it", before, other);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("\"UTC\" -> \"Asia/Tokyo\""));
  now.mapping.mutable_events()->mutable_states(0)->set_names(0, "Old");
  EXPECT_FALSE(CheckGoesOn("it", before, now).ok());
}

TEST(ImportRecord, WhatIsThereInWholeGoesOnByStatesThatARoundCameInBy) {
  ImportRecord record;
  const ImportMeans before = MeansOf("UTC");
  ImportMeans now = before;
  now.mapping.mutable_events()->add_states()->add_names("Shut");
  record.rounds.push_back({.number = 1, .complete = true, .means = record.Remember(before)});
  EXPECT_TRUE(CheckHasGoneOn("it", record, before, before).ok());
  const absl::Status refused = CheckHasGoneOn("it", record, before, now);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("Shut"));
  record.rounds.push_back({.number = 2, .complete = false, .means = record.Remember(now)});
  EXPECT_FALSE(CheckHasGoneOn("it", record, before, now).ok()) << "cut off";
  record.rounds.back().complete = true;
  EXPECT_TRUE(CheckHasGoneOn("it", record, before, now).ok());
  EXPECT_FALSE(CheckHasGoneOn("it", record, now, before).ok()) << "one is gone";
  ImportMeans other = now;
  other.mapping.set_zone("Asia/Tokyo");
  record.rounds.push_back({.number = 3, .complete = true, .means = record.Remember(other)});
  EXPECT_FALSE(CheckHasGoneOn("it", record, before, other).ok()) << "not by states alone";
}

TEST(ImportRecord, NamesOfRounds) {
  EXPECT_EQ(RoundOf("town#12", "town"), 12);
  for (const char* name :
       {"town", "town#", "town#x", "town#0", "town#-1", "town#12345678", "towns#1", "village#1"}) {
    EXPECT_EQ(RoundOf(name, "town"), 0) << name;
  }
}

}  // namespace
}  // namespace gridledger::cli
