// The Kafka log keeps the contract of its port, on a real broker.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "tests/support/event_log_contract.h"
#include "tests/support/kafka.h"

namespace gridledger {
namespace {

class KafkaUnderTest : public LogUnderTest {
 public:
  explicit KafkaUnderTest(int partitions) : topic_(partitions) { Reopen(); }
  EventLog& log() override { return *log_; }
  void Reopen() override {
    log_.reset();
    auto opened = KafkaLog::Open({.bootstrap = KafkaBootstrap(), .topic = topic_.name()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = *std::move(opened);
  }
  std::unique_ptr<BulkAppender> NewBulkAppender() override { return nullptr; }

 private:
  TestTopic topic_;
  std::unique_ptr<KafkaLog> log_;
};

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract,
                         testing::Values(EventLogFactory{
                             "one_broker",
                             [](int partitions) -> std::unique_ptr<LogUnderTest> {
                               if (KafkaBootstrap().empty()) return nullptr;
                               return std::make_unique<KafkaUnderTest>(partitions);
                             },
                             /*takes_any_timestamp=*/false}),
                         NameOfFactory);

}  // namespace
}  // namespace gridledger
