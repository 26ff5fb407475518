#include "services/runtime/adapters/kafka/membership.h"

#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "services/runtime/adapters/kafka/client.h"

namespace gridledger {
namespace {

constexpr int kPollMs = 100;
constexpr int kLeavePollMs = 10;
constexpr absl::Duration kCommitEvery = absl::Seconds(5);
// A static member can be put out of its own place: a coordinator that dies between giving it a new
// id and telling it so leaves it with one that nobody knows. It joins anew. Two members of one name
// put each other out every second or two: who is put out so often has a namesake, and ends.
constexpr size_t kPutOutMax = 5;
constexpr absl::Duration kPutOutWithin = absl::Minutes(1);
constexpr absl::Duration kRejoinDelay = absl::Milliseconds(500);
constexpr int kAskMs = 1'000;  // who else is in the group
constexpr absl::Duration kLeaveWait = absl::Seconds(2);
constexpr std::chrono::seconds kLookEvery{2};

class Member final : public KafkaMembership {
 public:
  explicit Member(KafkaMembershipOptions options) : options_(std::move(options)) {}

  absl::Status Begin() {
    if (absl::Status status = Join(); !status.ok()) return status;
    thread_ = std::thread([this] { Work(); });
    return absl::OkStatus();
  }

  ~Member() override {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    if (client_ == nullptr) return;
    // One that was put out has no place to leave.
    if (status().ok() && !options_.keeps_place && !is_out_ && HasOthers()) Leave();
    rd_kafka_consumer_close(client_->get());
  }

  absl::Status status() override {
    const absl::MutexLock lock(&mutex_);
    return status_;
  }

  void StandBack(bool stands_back) override { stands_back_ = stands_back; }

  std::string Statistics() override {
    const absl::MutexLock lock(&mutex_);
    return shown_ == nullptr ? "" : shown_->Statistics();
  }

 private:
  absl::Status Join() {
    const kafka::Properties ours = {
        {"group.id", options_.group},
        {"group.instance.id", options_.instance},
        {"partition.assignment.strategy", "range"},
        {"session.timeout.ms", "10000"},
        // How soon the others hear that somebody came or left.
        {"heartbeat.interval.ms", "250"},
        {"max.poll.interval.ms", "300000"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"queued.max.messages.kbytes", "1024"},
    };
    auto client = kafka::StartClient(
        RD_KAFKA_CONSUMER, {options_.bootstrap, options_.properties, options_.said}, ours,
        [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_rebalance_cb(conf, OnRebalance); });
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    Show(client_);
    client_->rebalanced = [this](rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list) {
      Rebalanced(error, list);
    };
    rd_kafka_poll_set_consumer(client_->get());
    return Subscribe();
  }

  absl::Status Subscribe() {
    const kafka::PartitionList topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(client_->get(), topics.get());
    return kafka::StatusOf(error, "cannot join");
  }

  void Show(std::shared_ptr<kafka::RunningClient> client) {
    const absl::MutexLock lock(&mutex_);
    shown_ = std::move(client);
  }

  // Whether anybody would take over what this one leaves; also when nobody knows.
  bool HasOthers() { return CountMembers().value_or(2) > 1; }

  // Nothing when nobody knows.
  std::optional<size_t> CountMembers() {
    const kafka::AdminOptions options(
        rd_kafka_AdminOptions_new(client_->get(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS));
    char text[512];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), kAskMs, text, sizeof text);
    const kafka::Queue queue(rd_kafka_queue_new(client_->get()));
    const char* group = options_.group.c_str();
    rd_kafka_DescribeConsumerGroups(client_->get(), &group, 1, options.get(), queue.get());
    const kafka::Event answer(rd_kafka_queue_poll(queue.get(), 2 * kAskMs));
    if (answer == nullptr) return std::nullopt;
    const auto* result = rd_kafka_event_DescribeConsumerGroups_result(answer.get());
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t** groups =
        result == nullptr ? nullptr : rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
    if (count != 1) return std::nullopt;
    if (const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[0])) {
      // Brokers forget a group that nobody is in and that has committed nothing.
      if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return 0;
      return std::nullopt;
    }
    return rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
  }

  // A static member that closes says nothing to its group; one that unsubscribes leaves it. Its id
  // is gone once that is said, and closing waits for the answer.
  void Leave() {
    if (rd_kafka_unsubscribe(client_->get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    for (const absl::Time until = absl::Now() + kLeaveWait; absl::Now() < until && IsMember();) {
      const kafka::Message message(rd_kafka_consumer_poll(client_->get(), kLeavePollMs));
    }
  }

  bool IsMember() {
    char* id = rd_kafka_memberid(client_->get());
    const bool is = id != nullptr && *id != '\0';
    if (id != nullptr) rd_kafka_mem_free(client_->get(), id);
    return is;
  }

  static void OnRebalance(rd_kafka_t*, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* list, void* running) {
    static_cast<kafka::RunningClient*>(running)->rebalanced(error, list);
  }

  void Rebalanced(rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* list) {
    if (error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      // The other half follows, and says what is ours then.
      rd_kafka_assign(client_->get(), nullptr);
      return;
    }
    std::vector<Partition> owned;
    for (int i = 0; i < list->cnt; ++i) {
      list->elems[i].offset = RD_KAFKA_OFFSET_END;
      owned.push_back(Partition{list->elems[i].partition});
    }
    rd_kafka_assign(client_->get(), list);
    rd_kafka_pause_partitions(client_->get(), list);  // this client reads nothing
    if (!stopping_) options_.owns(owned);
    owned_ = std::move(owned);
  }

  void Work() {
    absl::Time commit_at = absl::Now() + kCommitEvery;
    while (!stopping_ && client_ != nullptr) {
      if (const rd_kafka_resp_err_t error = Poll(); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        Heard(error);
      }
      if (client_ != nullptr && status().ok()) Move();
      if (absl::Now() < commit_at) continue;
      commit_at = absl::Now() + kCommitEvery;
      Commit();
    }
    if (status().ok()) Commit();
  }

  // Out of the group and in again, as StandBack says. Two that step out at once leave it empty: who
  // sees that comes back.
  void Move() {
    const auto now = std::chrono::steady_clock::now();
    if (stands_back_ == is_out_ && !is_out_) return;
    if (stands_back_ && now < look_at_) return;
    look_at_ = now + kLookEvery;
    if (!is_out_) {
      if (CountMembers().value_or(1) < 2) return;  // alone, or nobody knows
      Leave();
      is_out_ = true;
      owned_.clear();
      options_.owns({});
    } else if (!stands_back_ || CountMembers() == 0) {
      if (const absl::Status status = Subscribe(); !status.ok()) return End(status.message());
      is_out_ = false;
    }
  }

  // No message outlives this: the client may go next.
  rd_kafka_resp_err_t Poll() {
    const kafka::Message message(rd_kafka_consumer_poll(client_->get(), kPollMs));
    return message == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : message->err;
  }

  void Heard(rd_kafka_resp_err_t error) {
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      char text[512];
      error = rd_kafka_fatal_error(client_->get(), text, sizeof text);
      if (MayRejoin()) return Rejoin(error);
    } else {
      const absl::Status status = kafka::StatusOf(error, "the group");
      if (!absl::IsPermissionDenied(status)) {
        options_.said(6, status.message());
        return;
      }
    }
    End(rd_kafka_err2str(error));
  }

  bool MayRejoin() {
    const absl::Time now = absl::Now();
    put_out_at_.push_back(now);
    while (now - put_out_at_.front() > kPutOutWithin) put_out_at_.pop_front();
    return put_out_at_.size() < kPutOutMax;
  }

  // What the process owned it goes on with until the group says otherwise.
  void Rejoin(rd_kafka_resp_err_t error) {
    options_.said(4, absl::StrCat(options_.instance, " joins the group ", options_.group,
                                  " anew: ", rd_kafka_err2str(error)));
    rd_kafka_consumer_close(client_->get());
    Show(nullptr);
    client_.reset();
    owned_.clear();
    absl::SleepFor(kRejoinDelay);
    if (const absl::Status status = Join(); !status.ok()) End(status.message());
  }

  void End(absl::string_view why) {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return;
    status_ = absl::FailedPreconditionError(absl::StrCat("the membership of ", options_.instance,
                                                         " in the group ", options_.group,
                                                         " ended: ", why));
  }

  void Commit() {
    if (client_ == nullptr || owned_.empty()) return;
    const std::map<Partition, Offset> positions = options_.positions();
    const kafka::PartitionList list(
        rd_kafka_topic_partition_list_new(static_cast<int>(owned_.size())));
    for (const Partition partition : owned_) {
      const auto at = positions.find(partition);
      if (at == positions.end()) continue;
      rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), partition.value)
          ->offset = at->second.value;
    }
    if (list->cnt > 0) rd_kafka_commit(client_->get(), list.get(), /*async=*/1);
  }

  const KafkaMembershipOptions options_;
  std::shared_ptr<kafka::RunningClient> client_;
  std::vector<Partition> owned_;       // the thread's
  std::deque<absl::Time> put_out_at_;  // the thread's
  std::atomic<bool> stands_back_{false};
  bool is_out_ = false;                              // the thread's
  std::chrono::steady_clock::time_point look_at_{};  // the thread's: who is in the group
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<kafka::RunningClient> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaMembership>> KafkaMembership::Start(
    KafkaMembershipOptions options) {
  auto member = std::make_unique<Member>(std::move(options));
  if (absl::Status status = member->Begin(); !status.ok()) return status;
  return member;
}

}  // namespace gridledger
