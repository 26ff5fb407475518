// A reader of one topic: one client, its partitions assigned by hand, their messages through one
// queue. All calls but Wake come from one thread (L1); a partition is moved by taking it away and
// giving it anew, never by seek or pause (L1, L2).
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "services/runtime/adapters/kafka/client.h"
#include "services/runtime/adapters/kafka/kafka_log.h"

namespace gridledger::kafka {

// What a reader asks of its log.
class ReaderHost {
 public:
  virtual ~ReaderHost() = default;
  // The oldest offset and the one after the newest. InvalidArgument for a partition that is not
  // there.
  virtual absl::Status Ask(Partition partition, Offset* begin, Offset* end) = 0;
  // The newest of the records read just now that the brokers stamped.
  virtual void Saw(absl::Time stamped) = 0;
  // Ends a client, which takes half a second, without letting anybody wait for it.
  virtual void Retire(std::shared_ptr<RunningClient> client) = 0;
};

class Reader final : public LogReader {
 public:
  // Without headers they are not even parsed: librdkafka does that for whoever asks.
  Reader(std::shared_ptr<RunningClient> client, std::string topic, ReaderHost* host,
         bool with_headers);
  ~Reader() override;

  absl::Status Assign(Partition partition, Offset from) override;
  void Unassign(Partition partition) override;
  absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) override;
  void ReadHeaders(bool reads) override { with_headers_ = reads; }
  void Wake() override;

 private:
  absl::Status Fill(absl::Duration wait, int records_max, RecordBatch* batch);
  void TakeAway(Partition partition);
  absl::Status Take(Message message, RecordBatch* batch);
  absl::Status ErrorOf(const rd_kafka_message_t& message);

  std::shared_ptr<RunningClient> client_;
  Queue queue_;
  const std::string topic_;
  ReaderHost* const host_;
  bool with_headers_;
  bool knows_leaders_ = false;
  absl::flat_hash_map<Partition, Offset> next_;  // of each partition assigned
  std::vector<rd_kafka_message_t*> got_;         // reused
  std::deque<Message> left_;                     // taken off the queue, and over the batch's limit
  std::string headers_;                          // reused
  int64_t stamped_ms_ = 0;                       // by the brokers; of what was taken last
  std::atomic<bool> woken_{false};
};

}  // namespace gridledger::kafka
