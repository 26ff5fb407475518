// The list of pending decisions: whatever part of it is in the store, it is one list.
#include "services/runtime/engine/pending_decisions.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/memory/memory_state_store.h"

namespace gridledger::engine {
namespace {

const TaskId kTask{ServiceName("dispatch"), Partition{2}};
constexpr PendingDecisions::Limits kSmall{.keep = 3, .load = 4};

PendingDecision Made(int64_t cause) {
  return PendingDecision{Offset{cause}, "C1", absl::StrCat("value ", cause)};
}

// A list and its store, and what the list should be.
class Both {
 public:
  Both() : list_(std::make_unique<PendingDecisions>(kSmall)) {}

  void Add(int64_t cause) {
    list_->Add(Made(cause));
    model_.push_back(cause);
    newest_ = cause;
    is_new_ = true;
  }
  void Settle(int64_t upto) {
    list_->Settle(Offset{upto});
    std::erase_if(model_, [&](int64_t cause) { return cause <= upto; });
  }
  void Collect() {
    TaskCheckpoint checkpoint;
    checkpoint.task = kTask;
    checkpoint.checkpoint.next = Offset{newest_ + 1};
    list_->Collect(&checkpoint.pairs);
    EXPECT_EQ(list_->dirty(), 0u);
    flight_.push_back(std::move(checkpoint));
    stored_model_ = model_;
    is_new_ = false;
  }
  void Land() {
    ASSERT_TRUE(store_.Commit(std::exchange(flight_, {})).ok());
    if (tier_ == nullptr) {
      tier_ = store_.Tier(kTask);
      list_->Attach(tier_.get());
    }
    list_->EvictStored();
    EXPECT_LE(list_->resident(), std::max<size_t>(kSmall.keep + kSmall.load, list_->dirty() + 3));
  }
  void Reopen() {
    list_ = std::make_unique<PendingDecisions>(kSmall);
    tier_ = store_.Tier(kTask);
    ASSERT_TRUE(list_->Open(tier_.get()));
    model_ = stored_model_;
    is_new_ = false;
  }
  std::vector<int64_t> Visited(int64_t beyond, size_t most) {
    std::vector<int64_t> seen;
    list_->Visit(Offset{beyond}, most, [&](const PendingDecision& one) {
      EXPECT_EQ(one.value, absl::StrCat("value ", one.cause.value));
      seen.push_back(one.cause.value);
    });
    return seen;
  }
  // The first ones of what should be beyond a cause; none of those that follow is left out.
  void Check(int64_t beyond, size_t most) {
    std::vector<int64_t> want;
    for (const int64_t cause : model_) {
      if (cause > beyond && want.size() < most) want.push_back(cause);
    }
    ASSERT_EQ(Visited(beyond, most), want);
    ASSERT_EQ(list_->size(), model_.size());
    ASSERT_EQ(list_->empty(), model_.empty());
    if (!model_.empty()) {
      ASSERT_EQ(list_->front().cause.value, model_.front());
    }
    const bool newest_waits = is_new_ && !model_.empty() && model_.back() == newest_;
    ASSERT_EQ(list_->FindNew(Offset{newest_}) != nullptr, newest_waits);
  }
  size_t stored_pairs() {
    size_t count = 0;
    store_.Tier(kTask)->Scan("", [&](absl::string_view, absl::string_view) { return ++count > 0; });
    return count;
  }

  MemoryStateStore store_;
  std::unique_ptr<TaskTier> tier_;
  std::unique_ptr<PendingDecisions> list_;
  std::vector<TaskCheckpoint> flight_;
  std::vector<int64_t> model_, stored_model_;
  int64_t newest_ = -1;
  bool is_new_ = false;
};

TEST(PendingDecisionsTest, IsOneListWhereverItsPartsAre) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 dice(seed);
    const auto draw = [&](int n) { return static_cast<int>(dice() % n); };
    Both both;
    for (int step = 0; step < 120; ++step) {
      switch (draw(8)) {
        case 0:
        case 1:
        case 2:
          for (int i = draw(9); i >= 0; --i) both.Add(both.newest_ + 1 + draw(3));
          break;
        case 3:
          if (!both.model_.empty()) both.Settle(both.model_[draw(both.model_.size())]);
          break;
        case 4:
          if (!both.model_.empty()) both.Settle(both.model_.front());
          break;
        case 5:
        case 6:
          if (both.flight_.empty()) {
            both.Collect();
          } else {
            both.Land();
          }
          break;
        case 7:
          if (both.flight_.empty() && both.tier_ != nullptr && draw(3) == 0) both.Reopen();
          break;
      }
      ASSERT_NO_FATAL_FAILURE(both.Check(draw(both.newest_ + 3) - 1, 1 + draw(12)));
    }
    both.Settle(both.newest_);
    if (!both.flight_.empty()) both.Land();
    both.Collect();
    both.Land();
    EXPECT_EQ(both.stored_pairs(), 0u) << "what is settled stays in the store";
  }
}

TEST(PendingDecisionsTest, WhatIsSettledBeforeACheckpointNeverGetsThere) {
  Both both;
  both.Add(1);
  both.Add(2);
  both.Settle(1);
  EXPECT_EQ(both.list_->dirty(), 1u);
  both.Collect();
  both.Land();
  EXPECT_EQ(both.stored_pairs(), 1u);
}

TEST(PendingDecisionsTest, AStoreThatCannotBeReadEndsTheVisit) {
  Both both;
  for (int i = 0; i < 40; ++i) both.Add(i);
  both.Collect();
  both.Land();
  both.store_.FailReads(absl::DataLossError("a torn block"));
  EXPECT_LT(both.Visited(-1, 40).size(), 40u);
  EXPECT_EQ(both.tier_->status().code(), absl::StatusCode::kDataLoss);
}

TEST(PendingDecisionsTest, APairThatDoesNotParseDoesNotOpen) {
  MemoryStateStore store;
  TaskCheckpoint checkpoint;
  checkpoint.task = kTask;
  checkpoint.pairs.Put(absl::string_view("\0 no decision", 13), "");
  std::vector<TaskCheckpoint> all;
  all.push_back(std::move(checkpoint));
  ASSERT_TRUE(store.Commit(std::move(all)).ok());
  const auto tier = store.Tier(kTask);
  PendingDecisions list;
  EXPECT_FALSE(list.Open(tier.get()));
}

}  // namespace
}  // namespace gridledger::engine
