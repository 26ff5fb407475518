// What a city's topics have to be like (deploy/kafka/topics.yaml, built in), and how far a
// cluster's are.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "gridledger/v1/topics.pb.h"
#include "services/runtime/adapters/kafka/topics.h"
#include "services/runtime/host/folder.h"

namespace gridledger::host {

// InvalidArgument with line and column when the text is not of its schema.
absl::StatusOr<v1::TopicList> TopicRules();

// The topic as it is to be made. `replication` copies of everything; all but one of them have to be
// in step for an append to be acknowledged.
KafkaTopic TopicToMake(const v1::TopicRule& rule, const std::string& prefix, int partitions,
                       int replication);

struct TopicDifference {
  std::string topic;
  std::string what;  // the setting's name, "partitions", "replication", or "topic"
  std::string found;
  std::string wanted;
  std::string why;
  bool dangerous = false;
};

// Every difference of the topics there from what the rules want. `partitions` 0: as many as the
// ledger has, or as most others that share its number have when those are not the same.
absl::StatusOr<std::vector<TopicDifference>> CheckTopics(KafkaAdmin& admin,
                                                         const v1::TopicList& rules,
                                                         const std::string& prefix, int partitions,
                                                         int replication);

// FailedPrecondition names the dangerous differences of the ledger's topic, its number of
// partitions among them: no program may fold it as it is, or write to it. NotFound when it is not
// there.
absl::Status CheckLedgerIsSafe(KafkaAdmin& admin, const std::string& prefix);
// The same of the cluster's ledger that `where` names.
absl::Status CheckLedgerIsSafe(const FolderOptions& where);

}  // namespace gridledger::host
