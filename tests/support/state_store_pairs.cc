#include "tests/support/state_store_pairs.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

namespace gridledger {
namespace {

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185;
  x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44d;
  return x ^ (x >> 33);
}

}  // namespace

TaskId TaskOf(absl::string_view service, int partition) {
  return TaskId{ServiceName(service), Partition{partition}};
}

Digest DigestOf(const PairMap& pairs) {
  Digest digest;
  for (const auto& [key, value] : pairs) digest += HashPair(key, value);
  return digest;
}

OffsetFold::OffsetFold(const TaskId& task)
    : salt_(Fingerprint(task.service.text()) + task.partition.value) {}

void OffsetFold::To(int64_t next) {
  for (; next_ < next; ++next_) {
    const uint64_t chance = Mix(salt_ + next_);
    const std::string key = absl::StrCat(chance % 2 == 0 ? "\x01" : "\x02", chance / 2 % 1000);
    if (chance >> 61 == 0) {
      pairs_.erase(key);
    } else {
      pairs_[key] = absl::StrCat("set at ", next_, std::string(chance >> 58, '.'));
    }
  }
}

TaskCheckpoint ChangeOf(const TaskId& task, int64_t next, const PairMap& before,
                        const PairMap& after) {
  TaskCheckpoint change;
  change.task = task;
  change.checkpoint = Checkpoint{
      .next = Offset{next}, .digest = DigestOf(after), .code_id = "build-1", .schema = 77};
  for (const auto& [key, value] : after) {
    const auto at = before.find(key);
    if (at == before.end() || at->second != value) change.pairs.Put(key, value);
  }
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) change.pairs.Delete(key);
  }
  return change;
}

PairMap PairsOf(StateStore& store, const TaskId& task) {
  PairMap pairs;
  const std::unique_ptr<TaskTier> tier = store.Tier(task);
  std::string last;
  tier->Scan("", [&](absl::string_view key, absl::string_view value) {
    EXPECT_TRUE(pairs.empty() || key > last) << "not in key order";
    last = std::string(key);
    pairs.emplace(key, value);
    return true;
  });
  EXPECT_TRUE(tier->status().ok()) << tier->status();
  return pairs;
}

int64_t NextOf(StateStore& store, const TaskId& task) {
  const absl::StatusOr<std::optional<Checkpoint>> found = store.Find(task);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() && found->has_value() ? (*found)->next.value : -1;
}

void ExpectAgreed(StateStore& store, const TaskId& task) {
  const absl::StatusOr<std::optional<Checkpoint>> found = store.Find(task);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->digest.Hex(), SumOfPairs(*store.Tier(task)).Hex());
}

}  // namespace gridledger
