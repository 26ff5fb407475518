#include "services/runtime/cluster/topic_rules.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
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

// Each topic of the rules, nothing for one that is not there.
absl::StatusOr<std::vector<std::optional<KafkaTopic>>> FindAll(KafkaAdmin& admin,
                                                               const v1::TopicList& rules,
                                                               const std::string& prefix) {
  std::vector<std::optional<KafkaTopic>> found;
  for (const v1::TopicRule& rule : rules.topics()) {
    auto one = admin.Find(absl::StrCat(prefix, ".", rule.name()));
    if (!one.ok()) return one.status();
    found.push_back(*std::move(one));
  }
  return found;
}

// They were made with one number for all. Partitions can be added to a topic and not taken away: a
// ledger that says otherwise than most of the others was altered.
int PartitionsMeant(const v1::TopicList& rules,
                    const std::vector<std::optional<KafkaTopic>>& found) {
  if (!found[0].has_value()) return 0;
  const int ledger = found[0]->partitions;
  std::map<int, int> votes = {{ledger, 1}};
  for (size_t i = 1; i < found.size(); ++i) {
    if (found[i].has_value() && rules.topics(static_cast<int>(i)).partitioned_as_ledger()) {
      ++votes[found[i]->partitions];
    }
  }
  int meant = ledger;
  for (const auto& [partitions, count] : votes) {
    if (partitions == ledger || count < votes[ledger]) continue;
    if (meant == ledger || count > votes[meant]) meant = partitions;
  }
  return meant;
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
  const auto found = FindAll(admin, rules, prefix);
  if (!found.ok()) return found.status();
  if (partitions == 0) partitions = PartitionsMeant(rules, *found);
  std::vector<TopicDifference> differences;
  for (int i = 0; i < rules.topics_size(); ++i) {
    const v1::TopicRule& rule = rules.topics(i);
    const std::optional<KafkaTopic>& topic = (*found)[i];
    if (topic.has_value()) {
      Compare(rule, *topic, rule.partitioned_as_ledger() ? partitions : 1, replication,
              &differences);
    } else {
      differences.push_back({absl::StrCat(prefix, ".", rule.name()), "topic", "nothing", "a topic",
                             rule.what(), true});
    }
  }
  return differences;
}

absl::Status CheckLedgerIsSafe(KafkaAdmin& admin, const std::string& prefix, Filling filling) {
  const absl::StatusOr<v1::TopicList> rules = TopicRules();
  if (!rules.ok()) return rules.status();
  const auto differences = CheckTopics(admin, *rules, prefix, 0, 0);
  if (!differences.ok()) return differences.status();
  const std::string ledger = absl::StrCat(prefix, ".", rules->topics(0).name());
  std::string text;
  for (const TopicDifference& one : *differences) {
    if (one.topic != ledger || !one.dangerous) continue;
    if (filling == Filling::kYes && one.what == kTimestampType) continue;
    if (one.what == "topic") {
      return absl::NotFoundError(
          absl::StrCat("there is no topic ", ledger, ". `gridledger topics create` makes it"));
    }
    absl::StrAppend(&text, text.empty() ? "" : "; ", one.what, " is ", one.found, " and should be ",
                    one.wanted, " (", one.why, ")");
  }
  if (text.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(ledger, " is no safe ledger: ", text,
                   ". `gridledger topics check` shows everything, and how to alter it"));
}

absl::Status CheckLedgerIsSafe(const FolderOptions& where, Filling filling) {
  auto admin =
      KafkaAdmin::Start({where.log->bootstrap, where.kafka, where.said, absl::Seconds(30)});
  if (!admin.ok()) return admin.status();
  return CheckLedgerIsSafe(**admin, where.log->prefix, filling);
}

}  // namespace gridledger::host
