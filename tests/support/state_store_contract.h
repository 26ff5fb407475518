// The contract of the state store port as one suite. An adapter's test names its factory:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StateStoreContract, testing::Values(StateStoreFactory{...}),
//                            NameOfStateStore);
//
// Knows no adapter.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "services/runtime/ports/state_store.h"
#include "tests/support/state_store_pairs.h"

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

}  // namespace gridledger
