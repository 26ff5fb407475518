// gridledger topics: the topics of a city on a cluster, made as they have to be, and checked.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/cluster/topic_rules.h"
#include "services/runtime/console/json_text.h"

namespace gridledger::cli {
namespace {

struct TopicsOptions {
  CommonOptions common;
  std::string act;
  int partitions = 0;
  int replication = 0;
};

constexpr int kPartitions = 64;  // for a city; one machine does with 8
constexpr int kReplication = 3;

struct Cluster {
  std::unique_ptr<KafkaAdmin> admin;
  std::string prefix;
  int brokers = 0;
};

absl::StatusOr<Cluster> Reach(const CommonOptions& options) {
  absl::StatusOr<host::FolderOptions> where = options.Folder();
  if (!where.ok()) return where.status();
  if (!where->log.has_value()) {
    return absl::InvalidArgumentError(
        "topics are a cluster's: name it with --log kafka:HOST:PORT/PREFIX");
  }
  auto admin =
      KafkaAdmin::Start({where->log->bootstrap, where->kafka, where->said, absl::Seconds(30)});
  if (!admin.ok()) return admin.status();
  const absl::StatusOr<int> brokers = (*admin)->Brokers();
  if (!brokers.ok()) return brokers.status();
  return Cluster{*std::move(admin), where->log->prefix, *brokers};
}

absl::Status Create(const TopicsOptions& options) {
  absl::StatusOr<Cluster> cluster = Reach(options.common);
  if (!cluster.ok()) return cluster.status();
  const absl::StatusOr<v1::TopicList> rules = host::TopicRules();
  if (!rules.ok()) return rules.status();
  const int partitions = options.partitions > 0 ? options.partitions : kPartitions;
  const int replication =
      options.replication > 0 ? options.replication : std::min(kReplication, cluster->brokers);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const v1::TopicRule& rule : rules->topics()) {
    const KafkaTopic topic = host::TopicToMake(rule, cluster->prefix, partitions, replication);
    const absl::Status made = cluster->admin->Create(topic);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    json.push_back({{"topic", topic.name}, {"made", made.ok()}});
    if (options.common.json) continue;
    const absl::Status said = WriteOut(absl::StrCat(
        topic.name, made.ok()
                        ? absl::StrCat(": made, ", topic.partitions, " partitions, ", replication,
                                       replication == 1 ? " copy\n" : " copies\n")
                        : std::string(": is there already, and left as it is\n")));
    if (!said.ok()) return said;
  }
  return options.common.json ? WriteOut(JsonText(json)) : absl::OkStatus();
}

bool IsSetting(const host::TopicDifference& one) {
  return one.what != "partitions" && one.what != "replication" && one.what != "topic";
}

// With the tool that comes with Kafka, a line a topic.
std::string HowToAlter(const std::vector<host::TopicDifference>& differences,
                       const CommonOptions& common) {
  std::map<std::string, std::string> settings;  // by topic
  for (const host::TopicDifference& one : differences) {
    if (!IsSetting(one)) continue;
    std::string& all = settings[one.topic];
    absl::StrAppend(&all, all.empty() ? "" : ",", one.what, "=", one.wanted);
  }
  if (settings.empty()) return "";
  const absl::StatusOr<host::FolderOptions> where = common.Folder();
  std::string text = "\nTo alter settings:\n";
  for (const auto& [topic, all] : settings) {
    absl::StrAppend(&text, "  kafka-configs.sh --bootstrap-server ",
                    where.ok() ? where->log->bootstrap : "HOST:PORT",
                    " --alter --entity-type topics --entity-name ", topic,
                    " \\\n      --add-config ", all, "\n");
  }
  return text;
}

absl::Status Check(const TopicsOptions& options) {
  absl::StatusOr<Cluster> cluster = Reach(options.common);
  if (!cluster.ok()) return cluster.status();
  const absl::StatusOr<v1::TopicList> rules = host::TopicRules();
  if (!rules.ok()) return rules.status();
  const int replication =
      options.replication > 0 ? options.replication : std::min(kReplication, cluster->brokers);
  const auto differences =
      host::CheckTopics(*cluster->admin, *rules, cluster->prefix, options.partitions, replication);
  if (!differences.ok()) return differences.status();
  absl::Status printed;
  if (options.common.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const host::TopicDifference& one : *differences) {
      json.push_back({{"topic", one.topic},
                      {"what", one.what},
                      {"found", one.found},
                      {"wanted", one.wanted},
                      {"why", one.why},
                      {"dangerous", one.dangerous}});
    }
    printed = WriteOut(JsonText(json));
  } else if (differences->empty()) {
    printed =
        WriteOut(absl::StrCat("all ", rules->topics_size(), " topics are as they should be\n"));
  } else {
    TextTable table({{"topic"}, {"what"}, {"found"}, {"wanted"}, {""}});
    for (const host::TopicDifference& one : *differences) {
      table.Add({one.topic, one.what, one.found, one.wanted,
                 TextTable::Cell(one.dangerous ? "dangerous" : "",
                                 one.dangerous ? Colour::kRed : Colour::kNone)});
      table.AddNote(one.why);
    }
    printed = WriteOut(absl::StrCat(table.Print(), HowToAlter(*differences, options.common)));
  }
  if (!printed.ok() || differences->empty()) return printed;
  return absl::DataLossError(absl::StrCat(differences->size(), " differences"));
}

}  // namespace

void AddTopics(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<TopicsOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "topics",
       .summary = "Make a city's topics on a cluster, or check what they are like",
       .examples =
           "  gridledger topics create --log kafka:127.0.0.1:9092/city\n"
           "  gridledger topics create --log kafka:127.0.0.1:9092/city --partitions 8\n"
           "  gridledger topics check  --log kafka:127.0.0.1:9092/city\n"
           "\n"
           "What is there already is left as it is: `check` names each difference, and which of\n"
           "them would lose records. A ledger's number of partitions is chosen once: 64 unless "
           "told.\n"},
      &options->common, chosen,
      [options] { return options->act == "create" ? Create(*options) : Check(*options); });
  command->add_option("act", options->act, "create or check")
      ->required()
      ->check(CLI::IsMember({"create", "check"}));
  command->add_option("--partitions", options->partitions, "Partitions of the ledger")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command
      ->add_option("--replication", options->replication,
                   "Copies of each record; 3 unless told, or as many as there are brokers")
      ->type_name("N")
      ->check(CLI::Range(1, 32));
}

}  // namespace gridledger::cli
