// The contract of the state store port as one suite. An adapter's test names its factory:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StateStoreContract, testing::Values(StateStoreFactory{...}),
//                            NameOfStateStore);
//
// Knows no adapter.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/base/digest.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger {

class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual StateStore& store() = 0;
  // Drops the store without a word of farewell and opens it again. Tiers are gone by then.
  virtual void Reopen() = 0;
  virtual std::unique_ptr<StateStore> OpenSnapshot(const std::string& name) = 0;
};

struct StateStoreFactory {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
std::ostream& operator<<(std::ostream& out, const StateStoreFactory& factory);
std::string NameOfStateStore(const testing::TestParamInfo<StateStoreFactory>& tested);

class StateStoreContract : public testing::TestWithParam<StateStoreFactory> {
 protected:
  void SetUp() override { under_test_ = GetParam().make(); }
  StateStore& store() { return under_test_->store(); }

  std::unique_ptr<StoreUnderTest> under_test_;
};

using PairMap = std::map<std::string, std::string>;

TaskId TaskOf(absl::string_view service, int partition);
Digest DigestOf(const PairMap& pairs);
// The change from one set of pairs to another, as a task would hand it over at that offset.
TaskCheckpoint ChangeOf(const TaskId& task, int64_t next, const PairMap& before,
                        const PairMap& after);
// All of the task's pairs, by a scan. Fails the test when the store cannot read.
PairMap PairsOf(StateStore& store, const TaskId& task);
// The task's next offset; -1 when it has no checkpoint.
int64_t NextOf(StateStore& store, const TaskId& task);
// The checkpoint's digest is that of the pairs.
void ExpectAgreed(StateStore& store, const TaskId& task);

}  // namespace gridledger
