// gridledger copy: a ledger from one log to another, offsets and bytes kept, and proof that both
// fold to the same states.
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/copying/ends.h"
#include "services/gridledger/copying/reunion.h"
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
  std::vector<std::string> lose;
  bool digests = true;
  int reunite = 0;  // partitions that the ledger was made with; 0: copied as it is
};

struct Outcome {
  int64_t records = 0;  // in the source
  int64_t copied = 0;
  std::optional<Reunion> reunion = {};
  double seconds = 0;
  bool compared = false;
  bool equal = false;
  std::vector<DigestRow> digests;
  std::vector<MissingPart> missing;
  std::vector<BadPlace> lost;
};

// What the target holds behind the source's records: strays that an earlier run told again there.
absl::Status CheckStrays(const CopyOptions& options, const std::vector<Stray>& strays,
                         Partition partition, size_t held, CopyTarget& target) {
  if (held <= strays.size()) {
    const absl::StatusOr<std::string> value = target.LastValue(partition);
    if (!value.ok()) return value.status();
    if (*value == strays[held - 1].value) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(options.to, " goes on otherwise than ", options.from, " in partition ",
                   partition.value, ": somebody wrote to one of them since. Copy to a new ledger"));
}

// What the target holds already has to be the beginning of the source.
absl::Status CheckBeginning(const CopyOptions& options, const LostPlaces& lost, CopySource& source,
                            CopyTarget& target, const Reunion* reunion) {
  std::vector<Offset> last = source.ends();
  bool any = false;
  for (size_t p = 0; p < last.size(); ++p) {
    const Offset end = target.ends()[p];
    if (end > source.ends()[p] && reunion != nullptr) {
      const absl::Status told =
          CheckStrays(options, reunion->strays[p], Partition{static_cast<int32_t>(p)},
                      static_cast<size_t>(end.value - source.ends()[p].value), target);
      if (!told.ok()) return told;
      continue;
    }
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
  const auto is_compared = [&](size_t p) {
    return target.ends()[p].value > 0 && target.ends()[p] <= source.ends()[p];
  };
  for (size_t p = 0; p < last.size(); ++p) left += is_compared(p) ? 1 : 0;
  const absl::Status status = source.Read(last, lost, [&](const Record& record) -> absl::Status {
    const size_t p = static_cast<size_t>(record.partition.value);
    if (seen[p] || record.offset != last[p] || !is_compared(p)) {
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
                                                 host::Begin begin, const std::vector<Offset>& ends,
                                                 std::vector<MissingPart>* missing) {
  if (end.folder() == nullptr) return end.kept_digests();
  return FoldDigests(options.common, end.folder(), begin, ends, missing);
}

absl::Status Compare(const CopyOptions& options, CopySource& source, CopyTarget& target,
                     Outcome* outcome) {
  if (!options.digests) return absl::OkStatus();
  // Both can be folded up to the first damage only; a file says nothing of there.
  std::vector<Offset> ends = source.ends();
  for (const MissingPart& one : outcome->missing) ends[one.partition.value] = one.at;
  for (const BadPlace& one : outcome->lost) {
    ends[one.partition.value] = std::min(ends[one.partition.value], one.offset);
  }
  if (ends != source.ends() && (source.folder() == nullptr || target.folder() == nullptr)) {
    return absl::OkStatus();
  }
  std::vector<MissingPart> missing;  // where an earlier copy left out what is lost
  auto there = DigestsOf(options, target, host::Begin::kZero, ends, &missing);
  if (!there.ok()) return there.status();
  // A source of which the first partitions are taken is folded as it is.
  if (source.folder() != nullptr) {
    ends.resize(static_cast<size_t>(source.folder()->log().partitions()), Offset{0});
  }
  auto here = DigestsOf(options, source, host::Begin::kNewest, ends, &missing);
  if (!here.ok()) return here.status();
  std::erase_if(
      *here, [&](const DigestRow& row) { return row.task.partition.value >= source.partitions(); });
  if (!missing.empty()) return absl::OkStatus();
  // A file's are of all its records, and those told again are not folded here.
  if (there->empty() && !here->empty() && !outcome->reunion) {
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
    if (outcome.reunion) {
      json["told_again"] = outcome.reunion->told_again;
      json["left_behind"] = outcome.reunion->left_behind;
    }
    json["equal"] = outcome.compared ? nlohmann::ordered_json(outcome.equal) : nullptr;
    json["digests"] = DigestRowsJson(outcome.digests);
    json["missing"] = JsonOf(outcome.missing);
    json["lost"] = nlohmann::ordered_json::array();
    for (const BadPlace& one : outcome.lost) {
      json["lost"].push_back({{"partition", one.partition.value},
                              {"offset", one.offset.value},
                              {"damage", DamageName(one.damage).data()}});
    }
    return WriteOut(JsonText(json));
  }
  return WriteOut(absl::StrCat(
      Grouped(outcome.copied), " of ", Grouped(outcome.records), " records copied in ",
      PrintDuration(absl::Seconds(outcome.seconds)),
      outcome.copied < outcome.records && outcome.missing.empty()
          ? "; the others were there already"
          : "",
      ".\n",
      outcome.lost.empty()
          ? ""
          : absl::StrCat(Grouped(static_cast<int64_t>(outcome.lost.size())),
                         " lost records are dead letters there: `gridledger dead-letters list`.\n"),
      outcome.reunion
          ? absl::StrCat(Grouped(outcome.reunion->told_again),
                         " of them are told again in the partition of their incident; ",
                         Grouped(outcome.reunion->left_behind),
                         " of the partitions given up stay behind:\nticks, policies, and what "
                         "services decided there, which they decide anew.\n")
          : "",
      outcome.compared ? (outcome.equal ? "Every service folds both to the same digests.\n"
                                        : "The digests differ.\n")
                       : "",
      outcome.digests.empty() || outcome.compared
          ? ""
          : absl::StrCat("What it folds to:\n", PrintDigestRows(outcome.digests))));
}

absl::Status CheckReunion(const CopyOptions& options, CopySource& source) {
  if (source.folder() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--reunite looks for incidents, and a file is not folded: copy ", options.from,
                     " into a folder first"));
  }
  if (options.reunite <= source.partitions()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--reunite ", options.reunite, ": ", options.from,
                                                 " has ", source.partitions(), " partitions"));
}

// Behind what was there, where their incidents are; each is the record that it was, but for its
// place.
absl::Status TellStrays(const Reunion& reunion, const std::vector<Offset>& begin,
                        const std::vector<Offset>& held,
                        absl::FunctionRef<absl::Status(const Record&)> write) {
  for (size_t p = 0; p < reunion.strays.size(); ++p) {
    Offset next = begin[p];
    for (const Stray& stray : reunion.strays[p]) {
      const Offset at = std::exchange(next, next.Next());
      if (at < held[p]) continue;  // by an earlier run
      const absl::Status written =
          write(Record{Partition{static_cast<int32_t>(p)}, at, stray.timestamp, stray.key,
                       stray.headers, stray.value});
      if (!written.ok()) return written;
    }
  }
  return absl::OkStatus();
}

absl::Status Copy(const CopyOptions& options) {
  absl::string_view from = options.from;
  absl::string_view to = options.to;
  const bool folders = absl::ConsumePrefix(&from, "local:") && absl::ConsumePrefix(&to, "local:");
  const absl::StatusOr<TakenImports> imports =
      folders ? TakenImports::Of(std::string(from)) : TakenImports();
  if (!imports.ok()) return imports.status();
  LostPlaces lost;
  for (const std::string& text : options.lose) {
    if (absl::Status status = lost.Add(text); !status.ok()) return status;
  }
  auto opened = OpenSource(options.from, options.common);
  if (!opened.ok()) return opened.status();
  Outcome outcome;
  std::unique_ptr<CopySource> source = *std::move(opened);
  std::unique_ptr<CopySource> all;  // what `source` is the first partitions of
  if (options.reunite > 0) {
    if (absl::Status status = CheckReunion(options, *source); !status.ok()) return status;
    absl::StatusOr<Reunion> found = FindStrays(options.common, *source, lost, options.reunite);
    if (!found.ok()) return found.status();
    outcome.reunion = *std::move(found);
    all = std::exchange(source, nullptr);
    source = FirstPartitions(*all, options.reunite);
  }
  const Reunion* const reunion = outcome.reunion ? &*outcome.reunion : nullptr;
  auto target = OpenTarget(options.to, source->partitions(), options.common);
  if (!target.ok()) return target.status();
  if (absl::Status status = CheckBeginning(options, lost, *source, **target, reunion);
      !status.ok()) {
    return status;
  }
  int64_t there = 0;
  for (const Offset end : source->ends()) outcome.records += end.value;
  if (reunion != nullptr) outcome.records += reunion->told_again;
  for (const Offset end : (*target)->ends()) there += end.value;
  const absl::Time begun = absl::Now();
  {
    const std::atomic<bool>& stop = *options.common.stop->Listen();
    std::atomic<int64_t> done{there};
    const ProgressLine progress("copying", "records",
                                [&] { return Reading{done, outcome.records}; });
    const auto write = [&](const Record& record) -> absl::Status {
      if (stop) return absl::AbortedError("stopped; the same command goes on");
      ++done;
      return (*target)->Write(record);
    };
    std::vector<Offset> unread = (*target)->ends();
    for (size_t p = 0; p < unread.size(); ++p) unread[p] = std::min(unread[p], source->ends()[p]);
    absl::Status status = source->Read(unread, lost, write);
    if (status.ok() && reunion != nullptr) {
      status = TellStrays(*reunion, source->ends(), (*target)->ends(), write);
    }
    const absl::Status finished = (*target)->Finish();
    if (status.ok()) status = finished;
    if (status.ok()) status = (*target)->Complete();
    if (!status.ok()) return status;
    outcome.copied = done - there;
    outcome.missing = source->missing();
    outcome.lost = source->replaced();
  }
  if (folders) {
    if (absl::Status status = imports->PutInto(std::string(to)); !status.ok()) return status;
  }
  outcome.seconds = absl::ToDoubleSeconds(absl::Now() - begun);
  if (absl::Status status = Compare(options, *source, **target, &outcome); !status.ok()) {
    return status;
  }
  if (absl::Status status = Print(options, outcome); !status.ok()) return status;
  if (!outcome.missing.empty()) {
    const MissingPart& first = outcome.missing.front();
    const absl::Status missing = EndOf(outcome.missing);
    return absl::Status(
        missing.code(),
        absl::StrCat(missing.message(),
                     ". The rest is copied. Restore the ledger from a backup or "
                     "a replica; when that record is lost for good, the same "
                     "command with --lose ",
                     first.partition.value, "/", first.at.value, " goes on behind it"));
  }
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
           "A record that cannot be read ends its partition; the others are copied. One that is\n"
           "lost for good is left out with --lose PARTITION/OFFSET: a dead letter stands in its\n"
           "place, which can be retried by whoever knows what it said.\n"
           "\n"
           "What imports keep about their rows, DIR/imports, comes along from folder to folder. "
           "Beside a\ncluster or a file, copy it by hand: without it no import goes on.\n"
           "\n"
           "  gridledger copy --reunite 8 --from kafka:127.0.0.1:9092/city --to "
           "kafka:127.0.0.1:9092/city-2\n"
           "\n"
           "A topic that got more partitions than its ledger was made with has facts apart from\n"
           "their incidents. End all that writes and folds it, make new topics with the number "
           "that\nit was made with (`gridledger topics create --partitions 8`), and copy so: "
           "those\n"
           "partitions are copied as they are, and what lies in the others, or waits apart from "
           "its\nincident, is told again behind, in the partition of its incident. Then run "
           "everything on\nthe new ledger, with a new folder for each service's state.\n",
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
  command
      ->add_option("--lose", options->lose,
                   "Leave out a record that cannot be read, or FROM-TO of them; may be repeated")
      ->type_name("PARTITION/OFFSET");
  command
      ->add_option("--reunite", options->reunite,
                   "Bring facts to their incidents; N: partitions that the ledger was made with")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command->add_flag("!--no-digests", options->digests, "Do not fold both at the end");
}

}  // namespace gridledger::cli
