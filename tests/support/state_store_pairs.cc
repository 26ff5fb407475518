#include "tests/support/state_store_pairs.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

namespace gridledger {

TaskId TaskOf(absl::string_view service, int partition) {
  return TaskId{ServiceName(service), Partition{partition}};
}

Digest DigestOf(const PairMap& pairs) {
  Digest digest;
  for (const auto& [key, value] : pairs) digest += HashPair(key, value);
  return digest;
}

TaskCheckpoint ChangeOf(const TaskId& task, int64_t next, const PairMap& before,
                        const PairMap& after) {
  TaskCheckpoint change;
  change.task = task;
  change.checkpoint = Checkpoint{.next = Offset{next},
                                 .digest = DigestOf(after),
                                 .code_id = "build-1",
                                 .schema = 77,
                                 .pending = absl::StrCat("pending at ", next)};
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
  EXPECT_EQ((*found)->digest.Hex(), DigestOf(PairsOf(store, task)).Hex());
}

}  // namespace gridledger
