// The event log port on one topic of Apache Kafka. README.md says which trap of the client each
// setting answers.
//
// Contract, beyond that of EventLog
//   - A record is stamped by its broker, or keeps the time that it brings, as the topic says when
//   it
//     is taken (message.timestamp.type); which of the two it was stays with it, so that whoever
//     reads gets the same time for ever (decisions/0019). A ledger's are stamped, but for those of
//     a copy.
//   - Times that are brought are 1 ms after the epoch or later, and at most a minute ahead of this
//     machine's clock, or the brokers': InvalidArgument otherwise (Kafka has no earlier ones, and a
//     ledger refuses later ones).
//   - Records of one Append stand next to each other among those of this process.
//   - The topic is not compacted: an offset that no message has is the mark of a transaction's end,
//     and a place without a record. Nobody waits for transactions: their records count as they
//     come, whatever becomes of them (decision 0018).
//   - While no broker answers, End is Unavailable, appends wait until their memory is full and are
//     Unavailable then, and a reader waits.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger {

// What a client says of itself, and which of a process's clients it is.
struct KafkaClientStatistics {
  std::string client;  // "producer", "reader-0", "member"
  std::string json;    // librdkafka's own
};

struct KafkaLogOptions {
  std::string bootstrap;  // HOST:PORT[,HOST:PORT]
  std::string topic = {};
  // librdkafka's own, e.g. security.protocol, client.id, client.rack. They win over our defaults,
  // but for those that the laws hang on: InvalidArgument names the first that contradicts them.
  std::map<std::string, std::string> properties = {};
  size_t memory_bytes = size_t{64} << 20;     // of the clients' queues: half to send, half to read
  int readers = 1;                            // that share the reading half
  size_t record_bytes_max = kRecordBytesMax;  // of key + headers + value, to send
  absl::Duration wait_for_brokers = absl::Seconds(30);
  // What the clients have to say to an operator; `severity` as in syslog (3 an error, 4 a warning,
  // 6 a note). From any thread, and quick.
  std::function<void(int severity, absl::string_view text)> said = [](int, absl::string_view) {};
};

class KafkaLog : public EventLog {
 public:
  // NotFound: no such topic. Unavailable: no broker answered in time. InvalidArgument: a property.
  static absl::StatusOr<std::unique_ptr<KafkaLog>> Open(KafkaLogOptions options);

  // The oldest record that is still there: not 0 when retention has taken some.
  virtual absl::StatusOr<Offset> Begin(Partition partition) = 0;
  // The newest statistics of each client that has had time to make some.
  virtual std::vector<KafkaClientStatistics> Statistics() = 0;
  // How many partitions the topic has now. Unavailable when no broker answers within seconds.
  virtual absl::StatusOr<int> CountPartitions() = 0;
  // What time it is by the brokers, where this machine's clock says `machine`: as the answers to
  // what was appended tell, and what was read. Nothing before there are any.
  virtual std::optional<absl::Time> BrokersNow(absl::Time machine) = 0;
  // From now on asks them once a second, by records without content in that topic.
  virtual absl::Status AskForTime(const std::string& topic) = 0;
  // From now on nobody waits for a broker's answer any more, but for a question under way, two
  // seconds at most: End, Begin and Assign are Unavailable at once. For a process that is to end.
  virtual void AskNoMore() = 0;
  // How often the producer went fatal and was made anew.
  virtual int64_t times_recreated() const = 0;
  // Makes the producer go fatal, as a desynchronized sequence would.
  virtual void FailProducerForTest() = 0;
};

}  // namespace gridledger
