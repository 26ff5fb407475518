// gridledger copy: a ledger from one log to another, offsets and bytes kept, and proof that both
// fold to the same states.
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/copying/ends.h"
#include "services/gridledger/digests/folded_digests.h"
#include "services/history/importing/import_record.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/progress_line.h"
#include "services/runtime/console/stop_flag.h"

namespace gridledger::cli {
namespace {

struct CopyOptions {
  CommonOptions common;
  std::string from, to;
  bool digests = true;
};

struct Outcome {
  int64_t records = 0;  // in the source
  int64_t copied = 0;
  double seconds = 0;
  bool compared = false;
  bool equal = false;
  std::vector<DigestRow> digests;
};

// What the target holds already has to be the beginning of the source.
absl::Status CheckBeginning(const CopyOptions& options, CopySource& source, CopyTarget& target) {
  std::vector<Offset> last = source.ends();
  bool any = false;
  for (size_t p = 0; p < last.size(); ++p) {
    const Offset end = target.ends()[p];
    if (end > source.ends()[p]) {
      return absl::FailedPreconditionError(
          absl::StrCat(options.to, " is longer than ", options.from, " in partition ", p, ": ",
                       end.value, " records, not ", source.ends()[p].value));
    }
    if (end.value == 0) continue;
    last[p] = Offset{end.value - 1};
    any = true;
  }
  if (!any) return absl::OkStatus();
  const absl::Status all_seen = absl::CancelledError("");
  std::vector<bool> seen(last.size(), false);
  size_t left = 0;
  for (size_t p = 0; p < last.size(); ++p) left += target.ends()[p].value > 0 ? 1 : 0;
  const absl::Status status = source.Read(last, [&](const Record& record) -> absl::Status {
    const size_t p = static_cast<size_t>(record.partition.value);
    if (seen[p] || record.offset != last[p] || target.ends()[p].value == 0) {
      return absl::OkStatus();
    }
    const absl::StatusOr<std::string> value = target.LastValue(record.partition);
    if (!value.ok()) return value.status();
    if (*value != record.value) {
      return absl::FailedPreconditionError(
          absl::StrCat(options.to, " holds another ledger: partition ", p, " differs at offset ",
                       record.offset.value));
    }
    seen[p] = true;
    return --left == 0 ? all_seen : absl::OkStatus();
  });
  return status == all_seen ? absl::OkStatus() : status;
}

// What one end's records are folded to: by this process, or, a file's, as it says. Empty when
// nobody knows.
template <class End>
absl::StatusOr<std::vector<DigestRow>> DigestsOf(const CopyOptions& options, End& end,
                                                 host::Begin begin,
                                                 const std::vector<Offset>& ends) {
  if (end.folder() == nullptr) return end.kept_digests();
  return FoldDigests(options.common, end.folder(), begin, ends);
}

absl::Status Compare(const CopyOptions& options, CopySource& source, CopyTarget& target,
                     Outcome* outcome) {
  if (!options.digests) return absl::OkStatus();
  auto there = DigestsOf(options, target, host::Begin::kZero, source.ends());
  if (!there.ok()) return there.status();
  auto here = DigestsOf(options, source, host::Begin::kNewest, source.ends());
  if (!here.ok()) return here.status();
  if (there->empty() && !here->empty()) {
    if (absl::Status kept = target.KeepDigests(*here); !kept.ok()) return kept;
  }
  outcome->compared = !there->empty() && !here->empty();
  outcome->equal = *here == *there;
  outcome->digests = there->empty() ? *std::move(here) : *std::move(there);
  return absl::OkStatus();
}

absl::Status Print(const CopyOptions& options, const Outcome& outcome) {
  if (options.common.json) {
    nlohmann::ordered_json json = {{"from", options.from},
                                   {"to", options.to},
                                   {"records", outcome.records},
                                   {"copied", outcome.copied},
                                   {"seconds", outcome.seconds}};
    json["equal"] = outcome.compared ? nlohmann::ordered_json(outcome.equal) : nullptr;
    json["digests"] = DigestRowsJson(outcome.digests);
    return WriteOut(JsonText(json));
  }
  return WriteOut(absl::StrCat(
      Grouped(outcome.copied), " of ", Grouped(outcome.records), " records copied in ",
      PrintDuration(absl::Seconds(outcome.seconds)),
      outcome.copied < outcome.records ? "; the others were there already" : "", ".\n",
      outcome.compared ? (outcome.equal ? "Every service folds both to the same digests.\n"
                                        : "The digests differ.\n")
                       : "",
      outcome.digests.empty() || outcome.compared
          ? ""
          : absl::StrCat("What it folds to:\n", PrintDigestRows(outcome.digests))));
}

absl::Status Copy(const CopyOptions& options) {
  absl::string_view from = options.from;
  absl::string_view to = options.to;
  const bool folders = absl::ConsumePrefix(&from, "local:") && absl::ConsumePrefix(&to, "local:");
  const absl::StatusOr<TakenImports> imports =
      folders ? TakenImports::Of(std::string(from)) : TakenImports();
  if (!imports.ok()) return imports.status();
  auto source = OpenSource(options.from, options.common);
  if (!source.ok()) return source.status();
  auto target = OpenTarget(options.to, (*source)->partitions(), options.common);
  if (!target.ok()) return target.status();
  if (absl::Status status = CheckBeginning(options, **source, **target); !status.ok()) {
    return status;
  }
  Outcome outcome;
  int64_t there = 0;
  for (const Offset end : (*source)->ends()) outcome.records += end.value;
  for (const Offset end : (*target)->ends()) there += end.value;
  const absl::Time begun = absl::Now();
  {
    const std::atomic<bool>& stop = *options.common.stop->Listen();
    std::atomic<int64_t> done{there};
    const ProgressLine progress("copying", "records",
                                [&] { return Reading{done, outcome.records}; });
    absl::Status status = (*source)->Read((*target)->ends(), [&](const Record& record) {
      if (stop) return absl::AbortedError("stopped; the same command goes on");
      ++done;
      return (*target)->Write(record);
    });
    const absl::Status finished = (*target)->Finish();
    if (status.ok()) status = finished;
    if (!status.ok()) return status;
    outcome.copied = done - there;
  }
  if (folders) {
    if (absl::Status status = imports->PutInto(std::string(to)); !status.ok()) return status;
  }
  outcome.seconds = absl::ToDoubleSeconds(absl::Now() - begun);
  if (absl::Status status = Compare(options, **source, **target, &outcome); !status.ok()) {
    return status;
  }
  if (absl::Status status = Print(options, outcome); !status.ok()) return status;
  if (!outcome.compared || outcome.equal) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(options.to, " folds to other digests than ", options.from));
}

}  // namespace

void AddCopy(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<CopyOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "copy",
       .summary = "Copy a ledger between a data folder, a cluster and a file",
       .examples =
           "  gridledger copy --from local:city --to kafka:127.0.0.1:9092/city\n"
           "  gridledger copy --from kafka:127.0.0.1:9092/city --to local:city-here\n"
           "  gridledger copy --from local:city --to file:city.ledger\n"
           "\n"
           "Offsets, times and bytes stay as they are. A copy that was stopped or killed goes on\n"
           "where it ended; what is there already has to be the beginning of the same ledger.\n"
           "At the end every service folds both up to there, whoever writes on meanwhile, and "
           "the\ndigests are compared. A file is not folded: what its records came to at the "
           "source is written\nat its end, and compared when it is copied again, or out of it. "
           "Without that, or when a\nbuild with other layouts wrote it, \"equal\" is null.\n"
           "\n"
           "What imports keep about their rows, DIR/imports, comes along from folder to folder. "
           "Beside a\ncluster or a file, copy it by hand: without it no import goes on.\n",
       // Both ends are named, and by options of their own.
       .needs_ledger = false},
      &options->common, chosen, [options] { return Copy(*options); });
  for (const char* name : {"--data", "--log"}) command->remove_option(command->get_option(name));
  command
      ->add_option("--from", options->from,
                   "The ledger: local:DIR, kafka:HOST:PORT/PREFIX, file:PATH")
      ->type_name("LOG")
      ->required();
  command->add_option("--to", options->to, "Where it shall be, in the same forms")
      ->type_name("LOG")
      ->required();
  command->add_flag("!--no-digests", options->digests, "Do not fold both at the end");
}

}  // namespace gridledger::cli
