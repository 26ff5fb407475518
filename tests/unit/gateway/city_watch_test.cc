// What is kept beside the fold is what the fold says: the index of open incidents, and judgements.
#include "services/gateway/city/city_watch.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "services/runtime/host/subjects.h"
#include "tests/support/ledger.h"
#include "tests/support/small_services.h"
#include "tests/support/story.h"

namespace gridledger::gateway {
namespace {

constexpr Partition kPartition{0};

std::vector<answers::UrgencyKey> Indexed(const OpenIndex& index) {
  std::vector<answers::UrgencyKey> keys;
  index.Scan(std::nullopt, [&](const answers::UrgencyKey& key) {
    keys.push_back(key);
    return true;
  });
  return keys;
}

std::vector<answers::UrgencyKey> Scanned(const engine::Task& task) {
  std::set<answers::UrgencyKey> keys;
  task.incidents().incidents.Scan([&](const IncidentId& id, const incident::Incident& is) {
    if (incident::IsOpen(is.phase)) keys.insert(answers::UrgencyOf(id, kPartition, is));
  });
  return {keys.begin(), keys.end()};
}

// All open incidents, however often the index was read on and from wherever it began.
RC_GTEST_PROP(OpenIndex, IsAFullScan, ()) {
  const Ledger ledger =
      PlayLockStep(host::AllServices(), *rc::gen::scale(1.5, AnyDeeds()), absl::Hours(24));
  const auto begun = *rc::gen::inRange<size_t>(0, ledger.size() + 1);
  const auto most = *rc::gen::inRange<size_t>(2, 5);
  auto task = NewTask(Onlooker(), kPartition);
  // What is folded before the watch is there, it reads; the rest it is told.
  RC_ASSERT(FoldUpTo(*task, ledger, begun).ok());
  CityWatch watch(1);
  task->set_watch(&watch);
  OpenIndex& index = watch.open(kPartition);
  for (size_t to = begun; to <= ledger.size(); ++to) {
    RC_ASSERT(FoldUpTo(*task, ledger, to).ok());
    if (!index.loaded()) index.Load(task->incidents(), most);
    if (index.loaded()) RC_ASSERT(Indexed(index) == Scanned(*task));
  }
  while (!index.Load(task->incidents(), most)) {
  }
  RC_ASSERT(Indexed(index) == Scanned(*task));
  // From each key on.
  const std::vector<answers::UrgencyKey> all = Indexed(index);
  for (size_t i = 0; i < all.size(); ++i) {
    size_t rest = 0;
    index.Scan(all[i], [&](const answers::UrgencyKey&) { return ++rest > 0; });
    RC_ASSERT(rest == all.size() - i - 1);
  }
}

v1::Entry Reported(absl::string_view id) {
  v1::Entry entry = FactOn(id, 0);
  entry.mutable_fact()->mutable_reported()->set_category("order");
  entry.mutable_fact()->mutable_reported()->set_community("C1");
  return entry;
}

class CityWatchTest : public ::testing::Test {
 protected:
  CityWatchTest() { task_->set_watch(&watch_); }
  void Fold(NewRecord record) {
    ledger_.push_back(std::move(record));
    ASSERT_TRUE(FoldAll(*task_, ledger_).ok());
  }
  std::optional<Judged> Last() {
    return watch_.FindJudged(kPartition, Offset{static_cast<int64_t>(ledger_.size()) - 1});
  }

  CityWatch watch_{1};
  std::unique_ptr<engine::Task> task_ = NewTask(Onlooker(), kPartition);
  Ledger ledger_;
};

TEST_F(CityWatchTest, EachRecordOfAFactHasItsJudgement) {
  Fold(RecordOf(Reported("A"), TestTime(1)));
  ASSERT_TRUE(Last());
  EXPECT_EQ(Last()->verdict, incident::Verdict::kApplied);
  EXPECT_EQ(Last()->stage, Stage{1});
  EXPECT_EQ(Last()->at, TestTime(1));
  Fold(RecordOf(Reported("A"), TestTime(2)));
  EXPECT_EQ(Last()->verdict, incident::Verdict::kVoid);
  EXPECT_EQ(Last()->reason, incident::VoidReason::kDuplicateReport);
  v1::Entry early = FactOn("B", 1);
  early.mutable_fact()->mutable_accepted();
  Fold(RecordOf(early, TestTime(3)));
  EXPECT_EQ(Last()->verdict, incident::Verdict::kAwaiting);
  // A report that releases what waited is judged by itself.
  Fold(RecordOf(Reported("B"), TestTime(4)));
  EXPECT_EQ(Last()->verdict, incident::Verdict::kApplied);
  EXPECT_EQ(Last()->stage, Stage{1});
  NewRecord broken = RecordOf(Reported("C"), TestTime(5));
  broken.value = "\xff\xff";
  Fold(broken);
  ASSERT_TRUE(Last());
  EXPECT_TRUE(Last()->dead_letter);
  // The earlier ones are there still, and what is not in the ledger is not.
  EXPECT_EQ(watch_.FindJudged(kPartition, Offset{0})->verdict, incident::Verdict::kApplied);
  EXPECT_FALSE(watch_.FindJudged(kPartition, Offset{5}));
}

TEST_F(CityWatchTest, OnlyTheNewestAreKept) {
  for (size_t i = 0; i < kJudgedMax + 10; ++i) {
    ledger_.push_back(RecordOf(Reported(absl::StrCat("I", i)), TestTime(static_cast<int64_t>(i))));
  }
  ASSERT_TRUE(FoldAll(*task_, ledger_).ok());
  EXPECT_FALSE(watch_.FindJudged(kPartition, Offset{9}));
  EXPECT_TRUE(watch_.FindJudged(kPartition, Offset{10}));
  EXPECT_TRUE(Last());
}

}  // namespace
}  // namespace gridledger::gateway
