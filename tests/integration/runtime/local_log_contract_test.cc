// The embedded log keeps the contract of its port: with its own write buffer, and with one so small
// that flushes and compactions run all the time.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "services/runtime/adapters/local/local_log.h"
#include "tests/support/event_log_contract.h"

namespace gridledger {
namespace {

class LocalUnderTest : public LogUnderTest {
 public:
  LocalUnderTest(int partitions, size_t write_buffer_bytes) {
    std::string folder = testing::TempDir() + "local-log-XXXXXX";
    options_.folder = ::mkdtemp(folder.data());
    options_.partitions = partitions;
    options_.write_buffer_bytes = write_buffer_bytes;
    Reopen();
  }
  ~LocalUnderTest() override {
    log_.reset();
    std::filesystem::remove_all(options_.folder);
  }
  EventLog& log() override { return *log_; }
  void Reopen() override {
    log_.reset();
    absl::StatusOr<std::unique_ptr<LocalLog>> opened = LocalLog::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE((*opened)->warnings().empty()) << (*opened)->warnings().front();
    log_ = *std::move(opened);
  }
  std::unique_ptr<BulkAppender> NewBulkAppender() override { return log_->NewBulkAppender(); }

 private:
  LocalLog::Options options_;
  std::unique_ptr<LocalLog> log_;
};

EventLogFactory FactoryOf(std::string name, size_t write_buffer_bytes) {
  return EventLogFactory{std::move(name), [write_buffer_bytes](int partitions) {
                           return std::make_unique<LocalUnderTest>(partitions, write_buffer_bytes);
                         }};
}

INSTANTIATE_TEST_SUITE_P(Local, EventLogContract,
                         testing::Values(FactoryOf("ordinary", size_t{16} << 20),
                                         FactoryOf("flushing", size_t{64} << 10)),
                         NameOfFactory);

}  // namespace
}  // namespace gridledger
