// What the Kafka log does when a client or a setting is bad, on a real broker.
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/adapters/kafka/topics.h"
#include "tests/support/event_log_contract.h"
#include "tests/support/kafka.h"

namespace gridledger {
namespace {

class KafkaLogFailures : public testing::Test {
 protected:
  void SetUp() override {
    if (KafkaBootstrap().empty()) GTEST_SKIP() << "there is no broker to try it on";
    topic_ = std::make_unique<TestTopic>(2);
  }
  std::unique_ptr<KafkaLog> Open(std::map<std::string, std::string> properties = {}) {
    auto log = KafkaLog::Open({.bootstrap = KafkaBootstrap(),
                               .topic = topic_->name(),
                               .properties = std::move(properties)});
    EXPECT_TRUE(log.ok()) << log.status();
    return log.ok() ? *std::move(log) : nullptr;
  }
  static NewRecord Plain(std::string value) {
    return NewRecord{absl::FromUnixMillis(1), "key", "", std::move(value)};
  }

  std::unique_ptr<TestTopic> topic_;
};

TEST_F(KafkaLogFailures, AFatalProducerIsMadeAnewAndNothingAcknowledgedIsLostOrOutOfOrder) {
  const std::unique_ptr<KafkaLog> log = Open();
  std::vector<std::string> acknowledged;
  const absl::Time until = absl::Now() + absl::Minutes(1);
  for (int i = 0; i < 400; ++i) {
    if (i % 100 == 50) log->FailProducerForTest();
    const std::string value = std::to_string(i);
    // As a task does: what was not acknowledged is sent again.
    while (true) {
      const auto at = log->AppendAndWait(Partition{0}, {Plain(value)});
      if (at.ok()) break;
      EXPECT_TRUE(absl::IsUnavailable(at.status())) << at.status();
      ASSERT_LT(absl::Now(), until) << "the producer does not come back";
    }
    acknowledged.push_back(value);
  }
  EXPECT_GE(log->times_recreated(), 4);
  const auto records = ReadAll(*log, Partition{0});
  ASSERT_TRUE(records.ok()) << records.status();
  // A record whose answer was lost may be there twice; their order is that of the first ones.
  std::vector<std::string> once;
  std::set<std::string> seen;
  for (const OwnedRecord& record : *records) {
    if (seen.insert(record.value).second) once.push_back(record.value);
  }
  EXPECT_EQ(once, acknowledged);
}

TEST_F(KafkaLogFailures, PropertiesThatTheLawsHangOnAreNotForChoosing) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"auto.offset.reset", "latest"},
           {"enable.idempotence", "false"},
           {"message.timeout.ms", "1000"},
           {"partition.assignment.strategy", "cooperative-sticky"},
           {"acks", "1"},
           {"check.crcs", "false"},
           {"no.such.property", "x"},
           {"socket.timeout.ms", "a secret that nobody shall see"}}) {
    const auto log = KafkaLog::Open(
        {.bootstrap = KafkaBootstrap(), .topic = topic_->name(), .properties = {{name, value}}});
    ASSERT_TRUE(absl::IsInvalidArgument(log.status())) << name << ": " << log.status();
    EXPECT_NE(log.status().message().find(name), std::string::npos) << log.status();
    EXPECT_EQ(log.status().message().find("secret"), std::string::npos) << log.status();
  }
  EXPECT_NE(Open({{"client.id", "somebody"}, {"client.rack", "here"}}), nullptr);
}

TEST_F(KafkaLogFailures, ATopicThatIsNotThereAndBrokersThatAreNotThere) {
  const auto nowhere =
      KafkaLog::Open({.bootstrap = KafkaBootstrap(), .topic = "no-such.ledger.v1"});
  EXPECT_TRUE(absl::IsNotFound(nowhere.status())) << nowhere.status();
  const auto nobody = KafkaLog::Open({.bootstrap = "127.0.0.1:1",
                                      .topic = topic_->name(),
                                      .wait_for_brokers = absl::Milliseconds(500)});
  EXPECT_TRUE(absl::IsUnavailable(nobody.status())) << nobody.status();
}

TEST_F(KafkaLogFailures, ARecordOfTheFutureIsRefusedAndTheProducerLives) {
  const std::unique_ptr<KafkaLog> log = Open();
  NewRecord ahead = Plain("ahead");
  ahead.timestamp = absl::Now() + absl::Minutes(2);
  const auto refused = log->AppendAndWait(Partition{1}, {Plain("before it"), ahead});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_EQ(*log->AppendAndWait(Partition{1}, {Plain("well")}), Offset{0});
  EXPECT_EQ(log->times_recreated(), 0);
}

TEST_F(KafkaLogFailures, ATopicThatLostItsBeginningIsDataLoss) {
  const std::unique_ptr<KafkaLog> log = Open();
  ASSERT_TRUE(log->AppendAndWait(Partition{0}, {Plain("a"), Plain("b"), Plain("c")}).ok());
  auto admin = KafkaAdmin::Start({.bootstrap = KafkaBootstrap()});
  ASSERT_TRUE(admin.ok()) << admin.status();
  ASSERT_TRUE((*admin)->DeleteBefore(topic_->name(), Partition{0}, Offset{2}).ok());
  EXPECT_EQ(*log->Begin(Partition{0}), Offset{2});
  const absl::Status lost = log->NewReader()->Assign(Partition{0}, Offset{0});
  EXPECT_TRUE(absl::IsDataLoss(lost)) << lost;
  EXPECT_EQ(ReadRecords(*log, Partition{0}, Offset{2}, 1)->front().value, "c");
}

}  // namespace
}  // namespace gridledger
