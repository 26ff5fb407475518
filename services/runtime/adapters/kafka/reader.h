// A reader of one topic: one client, its partitions assigned by hand, their messages through one
// queue. All calls but Wake come from one thread (L1); a partition is moved by taking it away and
// giving it anew, never by seek or pause (L1, L2).
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>
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

// The client delivers neither the marks that end transactions nor word of them: what it passes over
// between two messages, or before it says that the partition ends, is such a mark, for the topic is
// not compacted and no record's outcome is waited for.
class Reader final : public LogReader {
 public:
  // Without headers they are not even parsed: librdkafka does that for whoever asks.
  Reader(std::shared_ptr<RunningClient> client, std::string topic, ReaderHost* host,
         bool with_headers);
  ~Reader() override;

  absl::Status Assign(Partition partition, Offset from) override;
  absl::Status AssignWithin(Partition partition, Offset from, const LogBounds& bounds) override;
  void Unassign(Partition partition) override;
  absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) override;
  void ReadHeaders(bool reads) override { with_headers_ = reads; }
  void Wake() override;

 private:
  absl::Status Fill(absl::Duration wait, int records_max, RecordBatch* batch);
  void TakeAway(Partition partition);
  absl::Status Take(Message message, RecordBatch* batch);
  // The places up to there hold no record. False when they are too many to be marks: then the
  // partition has ended.
  bool PassTo(Partition partition, Offset upto, RecordBatch* batch);
  // What the message says of its partition, or of all.
  absl::Status TakeError(const rd_kafka_message_t& message, RecordBatch* batch);
  bool NextBadPlace(RecordBatch* batch, absl::Status* status);

  std::shared_ptr<RunningClient> client_;
  Queue queue_;
  const std::string topic_;
  ReaderHost* const host_;
  bool with_headers_;
  bool knows_leaders_ = false;
  absl::Time ask_leaders_at_ = absl::InfinitePast();
  absl::flat_hash_map<Partition, Offset> next_;  // of each partition assigned
  std::vector<rd_kafka_message_t*> got_;         // reused
  std::deque<Message> left_;                     // taken off the queue, and over the batch's limit
  int64_t stamped_ms_ = 0;                       // by the brokers; of what was taken last
  // Partitions that ended at such a place, and not told yet.
  std::deque<std::pair<BadPlace, absl::Status>> bad_;
  std::string headers_;  // reused
  std::atomic<bool> woken_{false};
};

}  // namespace gridledger::kafka
