// What the Kafka log does when a client or a setting is bad, on a real broker.
#include <absl/time/clock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
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
  std::unique_ptr<KafkaLog> Open(std::map<std::string, std::string> properties = {},
                                 size_t memory_bytes = size_t{64} << 20) {
    auto log = KafkaLog::Open({.bootstrap = KafkaBootstrap(),
                               .topic = topic_->name(),
                               .properties = std::move(properties),
                               .memory_bytes = memory_bytes});
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

// Sends records 0, 1, 2, … as a service sends decisions: several appends under way, and from a
// failure on everything again. Answers how often that was.
int SendInOrder(KafkaLog& log, int records, int at_once,
                const std::function<size_t(int number)>& size,
                const std::function<void(int sent)>& meanwhile) {
  enum class Answer { kNone, kGood, kFailed };
  struct UnderWay {
    int upto;
    std::shared_ptr<std::atomic<Answer>> answer;
  };
  std::deque<UnderWay> under_way;
  const auto is = [](Answer which) {
    return [which](const UnderWay& one) { return *one.answer == which; };
  };
  int failures = 0, sent = 0, acknowledged = 0;
  const absl::Time until = absl::Now() + absl::Minutes(1);
  while (acknowledged < records && absl::Now() < until) {
    while (!under_way.empty() && *under_way.front().answer == Answer::kGood) {
      acknowledged = under_way.front().upto;
      under_way.pop_front();
    }
    if (std::any_of(under_way.begin(), under_way.end(), is(Answer::kFailed))) {
      if (std::any_of(under_way.begin(), under_way.end(), is(Answer::kNone))) continue;
      ++failures;
      under_way.clear();
      sent = acknowledged;
    }
    if (under_way.size() == 4 || sent == records) continue;
    std::vector<NewRecord> batch;
    for (int i = 0; i < at_once && sent < records; ++i, ++sent) {
      batch.push_back(NewRecord{absl::FromUnixMillis(1), std::to_string(sent), "",
                                std::string(size(sent), 'x')});
    }
    const auto answer = std::make_shared<std::atomic<Answer>>(Answer::kNone);
    under_way.push_back(UnderWay{sent, answer});
    log.Append(Partition{0}, std::move(batch), [answer](absl::StatusOr<Offset> first) {
      EXPECT_TRUE(first.ok() || absl::IsUnavailable(first.status())) << first.status();
      *answer = first.ok() ? Answer::kGood : Answer::kFailed;
    });
    meanwhile(sent);
  }
  EXPECT_EQ(acknowledged, records) << "in a minute";
  return failures;
}

// Whoever takes the highest number for the sign that all before it are there is never wrong.
void ExpectNoGaps(KafkaLog& log, int records) {
  const auto all = ReadAll(log, Partition{0});
  ASSERT_TRUE(all.ok()) << all.status();
  int next = 0;
  for (const OwnedRecord& record : *all) {
    ASSERT_LE(std::stoi(record.key), next) << "at offset " << record.offset.value;
    next = std::max(next, std::stoi(record.key) + 1);
  }
  EXPECT_EQ(next, records);
}

TEST_F(KafkaLogFailures, WhatIsUnderWayWhenTheProducerGoesFatalLeavesNoGap) {
  const std::unique_ptr<KafkaLog> log = Open();
  int next = 500;
  const auto fail = [&](int sent) {
    if (sent < next) return;
    next += 500;
    log->FailProducerForTest();
  };
  const int failures = SendInOrder(*log, 20'000, 10, [](int) { return 100; }, fail);
  EXPECT_GE(failures, 10);
  ExpectNoGaps(*log, 20'000);
}

TEST_F(KafkaLogFailures, AnAppendThatFindsNoRoomInItsMidstLeavesNoGap) {
  const std::unique_ptr<KafkaLog> log = Open({}, 4 << 20);  // 2 MiB of them to send
  // Large ones by fives, and small ones behind them for which there is still room.
  const auto size = [](int number) { return number / 5 % 2 == 0 ? 300'000 : 10; };
  EXPECT_GE(SendInOrder(*log, 1000, 5, size, [](int) {}), 10);
  ExpectNoGaps(*log, 1000);
}

TEST_F(KafkaLogFailures, PropertiesThatTheLawsHangOnAreNotForChoosing) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"auto.offset.reset", "latest"},
           {"enable.idempotence", "false"},
           {"message.timeout.ms", "1000"},
           {"partition.assignment.strategy", "cooperative-sticky"},
           {"acks", "1"},
           {"check.crcs", "false"},
           {"isolation.level", "read_committed"},
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
