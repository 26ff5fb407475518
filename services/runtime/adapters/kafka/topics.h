// Topics of a cluster: making them, and seeing what they are.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger {

struct KafkaTopic {
  std::string name;
  int partitions = 0;
  int replication = 0;
  std::map<std::string, std::string> settings = {};  // Kafka's own names and values
};

// A topic's setting that says who stamps its records, and its two values.
inline constexpr char kTimestampType[] = "message.timestamp.type";
inline constexpr char kStampedByBrokers[] = "LogAppendTime";
inline constexpr char kStampedBySender[] = "CreateTime";

struct KafkaAdminOptions {
  std::string bootstrap;  // HOST:PORT[,HOST:PORT]
  std::map<std::string, std::string> properties = {};
  std::function<void(int severity, absl::string_view text)> said = [](int, absl::string_view) {};
  absl::Duration timeout = absl::Seconds(30);
};

class KafkaAdmin {
 public:
  // InvalidArgument for a property; makes no connection yet.
  static absl::StatusOr<std::unique_ptr<KafkaAdmin>> Start(KafkaAdminOptions options);
  virtual ~KafkaAdmin() = default;

  // How many brokers answer. Unavailable: none did in time.
  virtual absl::StatusOr<int> Brokers() = 0;
  // AlreadyExists when there is one of that name, whatever it is like.
  virtual absl::Status Create(const KafkaTopic& topic) = 0;
  // With every setting that is in force there, a default or not. Nothing when there is no such
  // topic.
  virtual absl::StatusOr<std::optional<KafkaTopic>> Find(const std::string& name) = 0;
  // From now on records keep the times that they bring, as a copy needs it; true of each
  // partition's leader when this returns. `topic` as Find told it. PermissionDenied without the
  // right to alter.
  virtual absl::Status KeepSentTimes(const KafkaTopic& topic) = 0;
  // From now on brokers stamp what they take; `topic` as Find told it before all.
  virtual absl::Status StampByBrokers(const KafkaTopic& topic) = 0;
  virtual absl::Status Delete(const std::string& name) = 0;
  // Takes away the records below that offset, as a retention would. For tests.
  virtual absl::Status DeleteBefore(const std::string& name, Partition partition,
                                    Offset offset) = 0;
};

}  // namespace gridledger
