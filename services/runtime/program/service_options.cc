#include "services/runtime/program/service_options.h"

#include <unistd.h>

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace gridledger::host {
namespace {

// GRIDLEDGER_ and the option's name in capitals. GRIDLEDGER_DATA is where the tests look for the
// public data sets.
std::string EnvironmentName(absl::string_view option) {
  if (option == "data") return "GRIDLEDGER_DATA_FOLDER";
  std::string name = absl::StrCat("GRIDLEDGER_", absl::AsciiStrToUpper(option));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The file of --config, but for what the environment says: CLI11 would have the file win.
class FileBehindEnvironment : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> said = CLI::ConfigTOML::from_config(input);
    std::erase_if(said, [](const CLI::ConfigItem& item) {
      const char* value = std::getenv(EnvironmentName(item.name).c_str());
      return item.parents.empty() && value != nullptr && *value != '\0';
    });
    return said;
  }
};

}  // namespace

void AddOptions(CLI::App& app, ServiceOptions& options) {
  app.set_config("--config", "", "A file of these options, a line NAME = VALUE each")
      ->envname("GRIDLEDGER_CONFIG");
  app.config_formatter(std::make_shared<FileBehindEnvironment>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  const auto add = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->envname(EnvironmentName(name + 2));
  };
  const auto add_flag = [&app](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->envname(EnvironmentName(name + 2));
  };
  add("--data", options.data, "The data folder, as made by import, simulate or up");
  add("--log", options.log, "Another ledger: kafka:HOST:PORT[,HOST:PORT]/PREFIX");
  add("--state", options.state, "With a cluster: where this process keeps its state");
  add("--kafka", options.kafka, "A property of librdkafka, NAME=VALUE; may be repeated")
      ->take_all();
  add("--kafka-properties", options.kafka_properties,
      "A file of such properties: the place for passwords");
  add("--group", options.group, "The consumer group; PREFIX.SERVICE unless told");
  add("--instance", options.instance,
      "This member's own static name; of the host and the state folder unless told");
  add("--partitions", options.partitions, "A static list, e.g. 0-7,12, instead of a group");
  add("--memory", options.memory,
      "The one memory limit, e.g. 512MiB; with 64 partitions at least 256MiB")
      ->capture_default_str();
  add("--threads", options.threads, "Threads, each with some of the partitions")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add("--checkpoint-every", options.checkpoint_every, "At the latest")->capture_default_str();
  add("--takeover-after", options.takeover_after,
      "When a standby takes over what nobody has settled")
      ->capture_default_str();
  add("--stuck-after", options.stuck_after, "End the process when a thread of it hangs for so long")
      ->capture_default_str();
  add("--http", options.http, "HOST:PORT for /live, /ready, /metrics, /clients; none unless told");
  add("--log-format", options.log_format, "Log lines: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  // For tests: as if this machine's clock were wrong by so much, e.g. -300s.
  add("--clock-offset", options.clock_offset, "")->group("");
  add_flag("--drain", options.drain,
           "End when nothing is left to do, but in partitions that stopped");
  add_flag("--standby", options.standby,
           "Fold along and send nothing; on a cluster take over what nobody settles");
  add_flag("--keep-place", options.keep_place,
           "Do not leave the group at the end: back within 10 s, nothing has moved");
}

absl::StatusOr<absl::Duration> ParseWait(const std::string& option, const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration()) return duration;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", text, ": a duration is written as 500ms, 10s or 1m"));
}

absl::StatusOr<std::vector<Partition>> ParsePartitions(const std::string& text, int count) {
  std::vector<Partition> partitions;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int from = 0, to = 0;
    if (!absl::SimpleAtoi(ends.front(), &from) || !absl::SimpleAtoi(ends.back(), &to) || from < 0 ||
        to < from || to >= count) {
      return absl::InvalidArgumentError(absl::StrCat("--partitions ", text, ": '", part,
                                                     "' is no partition of 0 to ", count - 1,
                                                     ", nor a range of them"));
    }
    for (int p = from; p <= to; ++p) partitions.push_back(Partition{p});
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

absl::Duration OffsetOf(const std::string& text) {
  absl::Duration offset;
  return absl::ParseDuration(text, &offset) ? offset : absl::ZeroDuration();
}

std::string InstanceName(const ServiceOptions& options) {
  if (!options.instance.empty()) return options.instance;
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  std::error_code ignored;
  std::string name =
      absl::StrCat(host, "-", std::filesystem::absolute(options.state, ignored).string());
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  }
  return name.substr(name.size() > 200 ? name.size() - 200 : 0);
}

}  // namespace gridledger::host
