// The city's dead-letter topic: parks there what a state lists as unreadable and the topic does not
// hold. A thread of its own, so that neither brokers nor a missing topic ever hold up a fold; what
// fails is logged, by position and reason, and tried again. It never writes to the ledger.
//
// A letter lies in the partition of its record, and says of it all that the ledger does:
//   key        the record's position, PARTITION/OFFSET, as `gridledger dead-letters` names it
//   value      the record's own bytes
//   timestamp  when it was parked
//   headers    CloudEvents attributes: ce_specversion, ce_type (gridledger.v1.DeadLetter),
//              ce_source (/gridledger/dead-letters), ce_id (the position), ce_time (the record's
//              timestamp), ce_reason, ce_ledger (the topic), ce_partition, ce_offset,
//              content-type; then record.key, unless it is empty, and each header of the record
//              in its order, its name behind "record.header."
//
// None is lost: the state lists every one for ever, and whoever takes a partition on compares. One
// is there twice when
//   - the process is killed after the brokers took a letter and before the next process, which may
//     be quicker than a request still under way, asks what is there;
//   - two processes have the partition for a moment, as in a rebalance or with a static list twice;
//   - the brokers took it, and said so to a client that had failed meanwhile;
//   - a retention took it away: the state still lists it. `topics check` names such a setting.
// Its key tells.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/host/live_city.h"

namespace gridledger::host {

// The letter of a record, `at` when it is parked.
NewRecord MakeLetter(const std::string& ledger_topic, const Record& record,
                     const std::string& reason, absl::Time at);

struct DeadLetterTopicOptions {
  KafkaLogOptions topic;  // where and what it is; its limits are set here
  KafkaLog* ledger = nullptr;
  std::string ledger_topic;
};

class DeadLetterTopic : public ParkedSink {
 public:
  // Opens nothing before the first letter.
  explicit DeadLetterTopic(DeadLetterTopicOptions options);
  // What waits still is found by the next process.
  ~DeadLetterTopic() override;

  Room AskRoom() override;
  void Parked(Partition partition, std::vector<ParkedRecord> records) override;
  void GivenUp(Partition partition) override;
  // Waits until all that was told is published, or was tried and failed. False when `deadline`
  // passes first.
  bool WaitUntilTried(absl::Time deadline);

 private:
  // What waits of a partition, in offset order.
  struct Queue {
    std::vector<ParkedRecord> records;
    bool compared = false;  // with the topic, since it was taken on and since anything failed
  };
  void Run();
  absl::Status OpenTopic();
  // Takes off `queue` what is published; what may or may not be there stays.
  absl::Status Publish(Partition partition, Queue* queue);
  absl::Status DropWhatIsThere(Partition partition, std::vector<ParkedRecord>* records);
  absl::Status DropWhatIsGone(Partition partition, std::vector<ParkedRecord>* records);
  // Makes letters of the first records, up to a batch.
  absl::StatusOr<std::vector<NewRecord>> MakeLetters(Partition partition,
                                                     const std::vector<ParkedRecord>& records);
  absl::Status Append(Partition partition, std::vector<NewRecord> letters);
  bool stopping();

  const DeadLetterTopicOptions options_;
  // The thread's own.
  std::unique_ptr<KafkaLog> topic_;
  std::unique_ptr<LogReader> ledger_;

  absl::Mutex mutex_;
  // A partition that is given up takes its queue along, whoever works at it.
  std::map<Partition, std::shared_ptr<Queue>> queues_ ABSL_GUARDED_BY(mutex_);
  size_t in_work_ ABSL_GUARDED_BY(mutex_) = 0;  // records that the thread has taken off a queue
  bool untried_ ABSL_GUARDED_BY(mutex_) = false;
  bool fails_ ABSL_GUARDED_BY(mutex_) = false;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gridledger::host
