#include "tests/support/kafka.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "services/runtime/adapters/kafka/topics.h"

namespace gridledger {

std::string KafkaBootstrap() {
  if (const char* named = std::getenv("GRIDLEDGER_KAFKA_BOOTSTRAP")) return named;
  const char* folder = std::getenv("GRIDLEDGER_KAFKA_DIR");
  if (folder == nullptr) return "";
  std::ifstream file(absl::StrCat(folder, "/cluster.json"));
  if (!file) return "";
  std::string bootstrap;
  const nlohmann::json cluster = nlohmann::json::parse(file);
  for (const auto& broker : cluster["brokers"]) {
    absl::StrAppend(&bootstrap, bootstrap.empty() ? "" : ",",
                    "127.0.0.1:", broker["plain"].get<int>());
  }
  return bootstrap;
}

TestTopic::TestTopic(int partitions) {
  static std::atomic<int> count = 0;
  name_ = absl::StrCat("test-", ::getpid(), "-", ++count, ".ledger.v1");
  auto admin = KafkaAdmin::Start({.bootstrap = KafkaBootstrap()});
  if (!admin.ok()) {
    ADD_FAILURE() << admin.status();
    return;
  }
  const absl::Status made = (*admin)->Create({name_,
                                              partitions,
                                              1,
                                              {{"retention.ms", "-1"},
                                               {"max.message.bytes", "1150000"},
                                               {"message.timestamp.type", "CreateTime"},
                                               {"message.timestamp.after.max.ms", "60000"}}});
  EXPECT_TRUE(made.ok()) << made;
}

TestTopic::~TestTopic() {
  auto admin = KafkaAdmin::Start({.bootstrap = KafkaBootstrap()});
  if (admin.ok()) (*admin)->Delete(name_).IgnoreError();
}

}  // namespace gridledger
