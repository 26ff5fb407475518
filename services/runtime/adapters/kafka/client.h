// What every client of the brokers has in common: its properties, its log lines, its errors.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "services/runtime/adapters/kafka/handles.h"

namespace gridledger::kafka {

// librdkafka's own names and values.
using Properties = std::map<std::string, std::string>;

struct ClientOptions {
  std::string bootstrap;  // HOST:PORT[,HOST:PORT]
  Properties properties;  // an operator's, e.g. security.protocol: they win over our defaults
  // What the client has to say to an operator: lost brokers, refused logins. Called from any
  // thread, and must be quick. `severity` as in syslog: 3 is an error, 4 a warning, 6 a note.
  std::function<void(int severity, absl::string_view text)> said = [](int, absl::string_view) {};
};

// Properties that an operator cannot choose, for the laws hang on them: idempotence, the reset of
// offsets, commits, and the like. InvalidArgument names the first one that says otherwise.
absl::Status CheckProperties(const Properties& properties);

// A running client, and what its callbacks reach.
class RunningClient {
 public:
  explicit RunningClient(std::function<void(int, absl::string_view)> said)
      : said_(std::move(said)) {}
  rd_kafka_t* get() const { return client_.get(); }
  // The client's newest statistics, librdkafka's own JSON; empty before the first.
  std::string Statistics() const;

  // Callbacks of the client.
  void Say(int severity, absl::string_view text) const { said_(severity, text); }
  void TakeStatistics(absl::string_view json);
  std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*)> rebalanced;

 private:
  friend absl::StatusOr<std::shared_ptr<RunningClient>> StartClient(rd_kafka_type_t,
                                                                    const ClientOptions&,
                                                                    const Properties&,
                                                                    void (*)(rd_kafka_conf_t*));
  const std::function<void(int, absl::string_view)> said_;
  mutable absl::Mutex mutex_;
  std::string statistics_ ABSL_GUARDED_BY(mutex_);
  Client client_;  // goes first: its callbacks reach the others
};

// `ours` are this use's settings; `tune` may set callbacks and events. InvalidArgument for a
// property that librdkafka refuses, by name and never by value: a value may be a password.
absl::StatusOr<std::shared_ptr<RunningClient>> StartClient(
    rd_kafka_type_t type, const ClientOptions& options, const Properties& ours,
    void (*tune)(rd_kafka_conf_t*) = nullptr);

// The status that an error of the brokers or of the client means to us: Unavailable unless it is a
// matter of wrong settings (InvalidArgument), of rights (PermissionDenied), of a topic that is not
// there (NotFound), or of lost records (DataLoss).
absl::Status StatusOf(rd_kafka_resp_err_t error, absl::string_view doing);

// Makes the topic's leaders known to the client; false when nobody answers within two seconds. A
// client that is to send or to fetch before it knows them looks once a second only (L12).
bool AskForLeaders(rd_kafka_t* client, const std::string& topic);

}  // namespace gridledger::kafka
