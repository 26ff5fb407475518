// The one producer of a process for one topic: idempotent and gap-free, its answers served by a
// thread of its own. A client that went fatal is put away and a new one takes its place; what was
// under way then is answered Unavailable, and whoever sent it reads the log and sends again.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/runtime/adapters/kafka/broker_clock.h"
#include "services/runtime/adapters/kafka/client.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::kafka {

struct ProducerOptions {
  ClientOptions client;
  std::string topic;
  // Of records on their way, and as much again of those that wait for a partition's first one.
  size_t memory_bytes = size_t{64} << 20;
  size_t record_bytes_max = kRecordBytesMax;
  BrokerClock* clock = nullptr;  // told when answers say who stamped what; outlives the producer
};

class Producer {
 public:
  static absl::StatusOr<std::unique_ptr<Producer>> Start(ProducerOptions options);
  // Waits a little for what is under way; what has no answer then gets Unavailable.
  ~Producer();

  // As EventLog::Append. Never blocks: Unavailable (through `done`) when the memory is full, and
  // while an append that it cut off in its midst is still under way.
  void Append(Partition partition, std::vector<NewRecord> records, EventLog::Done done);
  // The client of this moment, for questions about the topic.
  std::shared_ptr<RunningClient> client();
  int64_t times_recreated() const { return times_recreated_; }
  // Makes the client fatal, as a desynchronized sequence would.
  void FailForTest();

 private:
  struct Sending {
    Partition partition;
    EventLog::Done done;
    absl::Time sent;  // the last of it, by the steady clock
    size_t left = 0;  // handed to the client, or about to be, and not answered
    int64_t first = -1;
    absl::Status status;
    std::vector<NewRecord> kept;  // of one that waits, those that are not handed over
  };
  // What a client has done in a partition.
  struct Lane {
    // When the brokers last acknowledged something. The first record after that goes alone.
    absl::Time known_at = absl::InfinitePast();
    // In order: the append whose first record is under way alone, and those behind it.
    std::vector<Sending*> waiting;
    size_t kept_bytes = 0;  // of those behind it
    // The append of which only the beginning was handed over, until it is answered.
    Sending* cut_off = nullptr;
  };
  // A client, and what was handed to it: an answer is only ever looked for among its own.
  struct Generation {
    std::shared_ptr<RunningClient> client;
    absl::Mutex mutex;
    absl::flat_hash_set<Sending*> under_way ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<Partition, Lane> lanes ABSL_GUARDED_BY(mutex);
    size_t kept_bytes ABSL_GUARDED_BY(mutex) = 0;  // of all lanes
  };
  explicit Producer(ProducerOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::shared_ptr<Generation>> NewGeneration();
  std::shared_ptr<Generation> generation();
  void Serve();
  // Hands over records until one is refused, and answers how many; the append's status says why.
  size_t HandOver(Generation& generation, Sending* sending, absl::Span<const NewRecord> records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(order_);
  void Answer(Generation& generation, const rd_kafka_message_t* message);
  void TellClock(const rd_kafka_message_t* message, absl::Time sent);
  // Hands over what waited for a partition's first record, or fails it when that has failed.
  void GoOn(Generation& generation, Partition partition);
  // Takes `count` off what is left, and answers when that was all.
  static void Landed(Generation& generation, Sending* sending, size_t count);
  // Serves the answers that still come, and answers the rest.
  void PutAway(Generation& generation);
  void Recreate();

  const ProducerOptions options_;
  // Held while records are handed over: those of one Append stand next to each other.
  absl::Mutex order_;
  std::shared_ptr<Generation> generation_ ABSL_GUARDED_BY(order_);
  std::atomic<int64_t> times_recreated_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace gridledger::kafka
