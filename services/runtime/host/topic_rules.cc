#include "services/runtime/host/topic_rules.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/runtime/adapters/yaml/yaml.h"

namespace gridledger::host {
namespace {

// From deploy/kafka/topics.yaml, by the build.
constexpr char kTopics[] =
#include <kafka_topics.inc>
    ;

// -1 is Kafka's "without end".
bool IsAtLeast(const std::string& found, const std::string& wanted) {
  int64_t has = 0, wants = 0;
  if (!absl::SimpleAtoi(found, &has) || !absl::SimpleAtoi(wanted, &wants)) return found == wanted;
  if (has == -1) return true;
  return wants != -1 && has >= wants;
}

int InStep(int replication) { return std::max(1, replication - 1); }

void Compare(const v1::TopicRule& rule, const KafkaTopic& found, int partitions, int replication,
             std::vector<TopicDifference>* differences) {
  if (partitions > 0 && found.partitions != partitions) {
    differences->push_back({found.name, "partitions", absl::StrCat(found.partitions),
                            absl::StrCat(partitions), "a key would lie in another partition",
                            true});
  }
  if (replication > 0 && found.replication < replication) {
    differences->push_back({found.name, "replication", absl::StrCat(found.replication),
                            absl::StrCat(replication), "a lost broker takes its only copy along",
                            false});
  }
  const auto compare = [&](const v1::TopicSetting& wanted) {
    const auto at = found.settings.find(wanted.name());
    const std::string has = at == found.settings.end() ? "" : at->second;
    const bool good = wanted.at_least() ? IsAtLeast(has, wanted.value()) : has == wanted.value();
    if (good) return;
    differences->push_back({found.name, wanted.name(), has.empty() ? "nothing" : has,
                            wanted.value(), wanted.why(), wanted.dangerous()});
  };
  for (const v1::TopicSetting& wanted : rule.settings()) compare(wanted);
  v1::TopicSetting in_step;
  in_step.set_name("min.insync.replicas");
  in_step.set_value(absl::StrCat(InStep(replication > 0 ? replication : found.replication)));
  in_step.set_at_least(true);
  in_step.set_why("acknowledged means on more than one broker");
  compare(in_step);
}

}  // namespace

absl::StatusOr<v1::TopicList> TopicRules() {
  v1::TopicList rules;
  absl::Status parsed = yaml::ParseYaml(kTopics, "topics.yaml (built in)", &rules);
  if (!parsed.ok()) return parsed;
  return rules;
}

KafkaTopic TopicToMake(const v1::TopicRule& rule, const std::string& prefix, int partitions,
                       int replication) {
  KafkaTopic topic{absl::StrCat(prefix, ".", rule.name()),
                   rule.partitioned_as_ledger() ? partitions : 1,
                   replication,
                   {}};
  for (const v1::TopicSetting& setting : rule.settings()) {
    topic.settings[setting.name()] = setting.value();
  }
  topic.settings["min.insync.replicas"] = absl::StrCat(InStep(replication));
  return topic;
}

absl::StatusOr<std::vector<TopicDifference>> CheckTopics(KafkaAdmin& admin,
                                                         const v1::TopicList& rules,
                                                         const std::string& prefix, int partitions,
                                                         int replication) {
  std::vector<TopicDifference> differences;
  for (const v1::TopicRule& rule : rules.topics()) {
    const std::string name = absl::StrCat(prefix, ".", rule.name());
    const auto found = admin.Find(name);
    if (!found.ok()) return found.status();
    if (!found->has_value()) {
      differences.push_back({name, "topic", "nothing", "a topic", rule.what(), true});
      continue;
    }
    // The others follow the ledger, which is the first.
    if (partitions == 0) partitions = (*found)->partitions;
    Compare(rule, **found, rule.partitioned_as_ledger() ? partitions : 1, replication,
            &differences);
  }
  return differences;
}

absl::Status CheckLedgerIsSafe(KafkaAdmin& admin, const std::string& prefix) {
  absl::StatusOr<v1::TopicList> rules = TopicRules();
  if (!rules.ok()) return rules.status();
  v1::TopicList ledger;
  *ledger.add_topics() = rules->topics(0);
  const auto differences = CheckTopics(admin, ledger, prefix, 0, 0);
  if (!differences.ok()) return differences.status();
  std::string text;
  for (const TopicDifference& one : *differences) {
    if (!one.dangerous) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", one.what, " is ", one.found, " and should be ",
                    one.wanted, " (", one.why, ")");
  }
  if (text.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(prefix, ".", rules->topics(0).name(), " is no safe ledger: ", text,
                   ". `gridledger topics check` shows everything"));
}

}  // namespace gridledger::host
