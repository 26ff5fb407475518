// gridledger simulate: plays a published period into a ledger, in virtual time.
#include "services/gridledger/commands/simulate.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "services/domain/metrics/metrics.h"
#include "services/gridledger/commands/built_in_policies.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/lockstep_work.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

class FeedSource : public engine::OutsideSource {
 public:
  FeedSource(const simulation::City& city, Partition partition) : feed_(city, partition) {}
  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    return feed_.Next(view, &next->at, &next->key, &next->entry);
  }

 private:
  simulation::PartitionFeed feed_;
};

// FailedPrecondition when the ledger was begun by something else: its incidents have the same ids,
// and two lives of one incident make sense to nobody.
absl::Status CheckBegunBy(const std::string& source, host::Folder& folder) {
  for (Partition p{0}; p.value < folder.log().partitions(); ++p.value) {
    const absl::StatusOr<Offset> end = folder.log().End(p);
    if (!end.ok()) return end.status();
    if (*end == Offset{0}) continue;
    const auto first = ReadRecordAt(folder.log(), p, Offset{0});
    if (!first.ok()) return first.status();
    v1::Entry entry;
    if (!first->has_value() || !engine::DecodeEntry((*first)->value, &entry).ok() ||
        entry.source().source() != source) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the ledger in ", folder.path(), " was begun by ",
          entry.source().source().empty() ? "something else" : entry.source().source(), ", not by ",
          source, ": take a new folder, or the seed and the number of incidents that it has"));
    }
  }
  return absl::OkStatus();
}

// "yutang 1 52297": what is being played, until it is all there.
std::string UnfinishedPath(const std::string& data) { return absl::StrCat(data, "/unfinished"); }

absl::Status SayUnfinished(const SimulateOptions& options) {
  const std::string path = UnfinishedPath(options.common.data);
  std::ofstream file(path);
  file << options.pack << " " << options.seed << " " << options.incidents << "\n";
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace

absl::StatusOr<std::optional<SimulateOptions>> CutOffSimulation(const std::string& data) {
  std::ifstream file(UnfinishedPath(data));
  if (!file) return std::nullopt;
  SimulateOptions options;
  file >> options.pack >> options.seed >> options.incidents;
  if (file) return options;
  return absl::DataLossError(
      absl::StrCat(UnfinishedPath(data),
                   " does not say which simulation was cut off: run `gridledger simulate` "
                   "over the folder again, or take a new one"));
}

absl::Status Simulate(const SimulateOptions& options) {
  absl::StatusOr<v1::Policy> policy = PackPolicy(options.pack);
  if (!policy.ok()) return policy.status();
  auto folder = OpenForWriting(options.common, options.partitions);
  if (!folder.ok()) return folder.status();
  const simulation::City city({.seed = options.seed,
                               .incidents = options.incidents,
                               .partitions = (*folder)->log().partitions()},
                              *std::move(policy));
  if (absl::Status status = CheckBegunBy(city.source(), **folder); !status.ok()) return status;
  if (absl::Status status = SayUnfinished(options); !status.ok()) return status;
  options.opened();
  LockStepWork work;
  work.options = &options.common;
  work.folder = folder->get();
  work.verb = "simulating";
  work.until = city.cut_off();
  work.steps_expected = static_cast<int64_t>(options.incidents) * 46 / 5;  // 9.12 entries a life
  work.new_source =
      [&city](Partition partition) -> absl::StatusOr<std::unique_ptr<engine::OutsideSource>> {
    return std::make_unique<FeedSource>(city, partition);
  };
  const absl::Time begun_at = absl::Now();
  const absl::StatusOr<LockStepOutcome> outcome = RunLockStep(work);
  if (!outcome.ok()) return outcome.status();
  std::error_code was_not_there;
  std::filesystem::remove(UnfinishedPath(options.common.data), was_not_there);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begun_at);
  const std::string rate = metrics::PrintedRate(outcome->closed, outcome->incidents, 2);
  if (!options.prints) return absl::OkStatus();
  if (options.common.json) {
    nlohmann::ordered_json json;
    json["pack"] = options.pack;
    json["seed"] = options.seed;
    json["incidents"] = outcome->incidents;
    json["closed"] = outcome->closed;
    json["open"] = outcome->open;
    json["rectification"] = rate;
    json["records"] = outcome->records;
    json["void"] = outcome->voids - outcome->voids_before;
    json["as_of"] = absl::FormatTime(absl::RFC3339_sec, outcome->now, absl::UTCTimeZone());
    json["seconds"] = seconds;
    return WriteOut(JsonText(json));
  }
  return WriteOut(absl::StrCat(
      "Simulated ", options.pack, " (seed ", options.seed, "): ", Grouped(outcome->records),
      " records added in ", PrintDuration(absl::Seconds(seconds)), ".\nThe ledger now holds ",
      Grouped(outcome->incidents), " incidents: ", Grouped(outcome->closed), " rectified (", rate,
      "), ", Grouped(outcome->open), " open.\n\nNext: gridledger metrics --data ",
      options.common.data, " --by category\n"));
}

void AddSimulate(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "simulate",
       .summary = "Play a published period into a ledger, in virtual time",
       .examples =
           "  gridledger simulate --data city --pack yutang --seed 1\n"
           "      the published Yutang period: 52,297 incidents, 50,879 rectified, 97.29 %\n"
           "  gridledger simulate --data big --pack yutang --seed 7 --incidents 2000000 --json\n\n"
           "The same seed and number make the same ledger, byte for byte, on every machine and "
           "with\n"
           "any number of threads. A run that was cut off is continued by the same command.\n"},
      &options->common, chosen, [options] { return Simulate(*options); });
  command->add_option("--pack", options->pack, "What to play")
      ->check(CLI::IsMember({"yutang"}))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Chooses among all such periods")
      ->check(WholeNumber(UINT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--incidents", options->incidents, "How many incidents, in the same proportions")
      ->check(WholeNumber(simulation::kIncidentsMax))
      ->capture_default_str();
  command
      ->add_option("--partitions", options->partitions,
                   "Of a new ledger; one that is there keeps its own")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

}  // namespace gridledger::cli
