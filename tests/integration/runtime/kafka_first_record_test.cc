// A leader that is one for the third batch of a new client and was none for the first two: brokers
// take the third for the first that they ever had of it, and the client takes its answer for that
// of all three (librdkafka 2.8, as its own issue tracker knows). On the client's own brokers in
// memory, which know no more of a client than those do.
#include <absl/synchronization/blocking_counter.h>
#include <absl/time/clock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/kafka/handles.h"
#include "services/runtime/adapters/kafka/kafka_log.h"
#include "tests/support/event_log_contract.h"

namespace gridledger {
namespace {

constexpr int16_t kProduce = 0;  // as the protocol numbers its requests
constexpr char kTopic[] = "first.ledger.v1";

class KafkaFirstRecord : public testing::Test {
 protected:
  void SetUp() override {
    char text[512];
    host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text));
    ASSERT_NE(host_, nullptr) << text;
    brokers_.reset(rd_kafka_mock_cluster_new(host_.get(), 1));
    ASSERT_NE(brokers_, nullptr);
    ASSERT_EQ(rd_kafka_mock_topic_create(brokers_.get(), kTopic, 2, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    // Some batches are under way before the first one is answered.
    ASSERT_EQ(rd_kafka_mock_broker_set_rtt(brokers_.get(), 1, 50), RD_KAFKA_RESP_ERR_NO_ERROR);
    auto log = KafkaLog::Open(
        {.bootstrap = rd_kafka_mock_cluster_bootstraps(brokers_.get()), .topic = kTopic});
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }
  void RefuseTwo() {
    rd_kafka_mock_push_request_errors(brokers_.get(), kProduce, 2,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  }
  // Of these a batch holds one.
  static std::vector<NewRecord> LargeRecords(int count) {
    std::vector<NewRecord> records;
    for (int i = 0; i < count; ++i) {
      records.push_back(NewRecord{absl::FromUnixMillis(1), std::to_string(i), "",
                                  std::string(kRecordBytesMax * 3 / 4, 'x')});
    }
    return records;
  }
  std::string Keys(Partition partition, int count) {
    const auto records = ReadRecords(*log_, partition, Offset{0}, count);
    if (!records.ok()) return records.status().ToString();
    std::string keys;
    for (const OwnedRecord& record : *records) keys += record.key;
    return keys;
  }

  kafka::Client host_;
  kafka::Handle<rd_kafka_mock_cluster_t, rd_kafka_mock_cluster_destroy> brokers_;
  std::unique_ptr<KafkaLog> log_;
};

TEST_F(KafkaFirstRecord, OfAnAppendIsNotLostWithALeaderThatWasNoneYet) {
  RefuseTwo();
  const auto first = log_->AppendAndWait(Partition{0}, LargeRecords(6));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, Offset{0});
  ASSERT_EQ(*log_->End(Partition{0}), Offset{6});
  EXPECT_EQ(Keys(Partition{0}, 6), "012345");
}

TEST_F(KafkaFirstRecord, AppendsBehindItKeepTheirOrder) {
  RefuseTwo();
  std::atomic<int> answers = 0;
  std::vector<int64_t> places(5, -1);
  for (int i = 0; i < 5; ++i) {
    auto record = LargeRecords(1);
    record[0].key = std::to_string(i);
    log_->Append(Partition{1}, std::move(record), [&, i](absl::StatusOr<Offset> first) {
      if (first.ok()) places[i] = first->value;
      ++answers;
    });
  }
  EXPECT_TRUE(log_->AppendAndWait(Partition{1}, LargeRecords(1)).ok());
  EXPECT_EQ(answers, 5);
  EXPECT_EQ(places, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(Keys(Partition{1}, 6), "012340");
}

// As much as its memory, most of it in one partition: a copy into a new topic hands over that.
TEST_F(KafkaFirstRecord, ThereIsRoomBehindIt) {
  RefuseTwo();
  constexpr int kAppends = 24;  // × 0.75 MiB of the 32 MiB that sending has
  std::atomic<int> taken = 0;
  for (int i = 0; i < kAppends; ++i) {
    log_->Append(Partition{0}, LargeRecords(1), [&](absl::StatusOr<Offset> first) {
      if (first.ok()) ++taken;
    });
  }
  const auto last = log_->AppendAndWait(Partition{0}, LargeRecords(1));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(*last, Offset{kAppends});
  EXPECT_EQ(taken, kAppends);
}

TEST_F(KafkaFirstRecord, WhenItIsRefusedForGoodWhatWaitsBehindItFailsToo) {
  rd_kafka_mock_push_request_errors(brokers_.get(), kProduce, 1,
                                    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  std::vector<absl::Status> told(3);
  absl::BlockingCounter answers(3);
  for (absl::Status& status : told) {
    log_->Append(Partition{0}, LargeRecords(2), [&](absl::StatusOr<Offset> first) {
      status = first.status();
      answers.DecrementCount();
    });
  }
  answers.Wait();
  for (const absl::Status& status : told) EXPECT_FALSE(status.ok());
  // And all of them can be sent again, as a task does.
  absl::StatusOr<Offset> again = absl::UnknownError("not tried");
  for (const absl::Time until = absl::Now() + absl::Minutes(1); !again.ok() && absl::Now() < until;)
    again = log_->AppendAndWait(Partition{0}, LargeRecords(2));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, Offset{0});
  EXPECT_EQ(*log_->End(Partition{0}), Offset{2});
}

}  // namespace
}  // namespace gridledger
