// The cluster that the tests against real brokers share, and topics of their own on it.
#pragma once

#include <string>

namespace gridledger {

// HOST:PORT of the brokers; empty when there are none, and a test skips itself then.
// GRIDLEDGER_KAFKA_BOOTSTRAP names them, else the folder GRIDLEDGER_KAFKA_DIR of deploy/dev/kafka.
std::string KafkaBootstrap();

// A topic of a new name, made as a ledger's is, and deleted with this.
class TestTopic {
 public:
  explicit TestTopic(int partitions);
  ~TestTopic();
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

}  // namespace gridledger
