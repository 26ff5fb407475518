// Both state stores keep the contract of their port.
#include "tests/support/state_store_contract.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "services/runtime/adapters/memory/memory_state_store.h"
#include "services/runtime/adapters/rocksdb/rocks_state_store.h"

namespace gridledger {
namespace {

class RocksUnderTest : public StoreUnderTest {
 public:
  RocksUnderTest() {
    std::string folder = testing::TempDir() + "state-store-XXXXXX";
    root_ = ::mkdtemp(folder.data());
    options_.folder = root_ + "/state";
    Reopen();
  }
  ~RocksUnderTest() override {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  StateStore& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ = Open(options_);
    ASSERT_NE(store_, nullptr);
  }
  std::unique_ptr<StateStore> OpenSnapshot(const std::string& name) override {
    RocksStateStore::Options options;
    options.folder = root_ + "/snapshots/" + name;
    options.read_only = true;
    return Open(options);
  }

 private:
  static std::unique_ptr<StateStore> Open(const RocksStateStore::Options& options) {
    auto opened = RocksStateStore::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  std::string root_;
  RocksStateStore::Options options_;
  std::unique_ptr<StateStore> store_;
};

class MemoryUnderTest : public StoreUnderTest {
 public:
  StateStore& store() override { return store_; }
  void Reopen() override { store_.Crash(); }
  std::unique_ptr<StateStore> OpenSnapshot(const std::string& name) override {
    return store_.OpenSnapshot(name);
  }

 private:
  MemoryStateStore store_;
};

INSTANTIATE_TEST_SUITE_P(
    Stores, StateStoreContract,
    testing::Values(StateStoreFactory{"rocksdb", [] { return std::make_unique<RocksUnderTest>(); }},
                    StateStoreFactory{"memory",
                                      [] { return std::make_unique<MemoryUnderTest>(); }}),
    NameOfStateStore);

}  // namespace
}  // namespace gridledger
