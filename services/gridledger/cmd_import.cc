// gridledger import: a city's own history, through a mapping, into a ledger.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "services/base/digest.h"
#include "services/gridledger/checks.h"
#include "services/gridledger/import_account.h"
#include "services/gridledger/import_record.h"
#include "services/gridledger/import_rows.h"
#include "services/gridledger/import_source.h"
#include "services/gridledger/instant.h"
#include "services/gridledger/lockstep_work.h"
#include "services/gridledger/read_yaml.h"
#include "services/gridledger/terminal.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct ImportOptions {
  CommonOptions common;
  std::string mapping;
  std::string until;
  std::vector<std::string> inputs;
  int partitions = 8;
  int64_t errors_max = std::numeric_limits<int64_t>::max();
};

// What is to be imported, checked before anything is written.
struct Import {
  v1::Mapping mapping;
  v1::Policy policy;
  absl::Time until = absl::InfinitePast();
  std::vector<ImportInput> inputs;
};

absl::StatusOr<Import> Prepare(const ImportOptions& options) {
  Import import;
  absl::StatusOr<v1::Mapping> mapping = ReadMapping(options.mapping);
  if (!mapping.ok()) return mapping.status();
  import.mapping = *std::move(mapping);
  absl::StatusOr<std::vector<ImportInput>> inputs =
      OpenInputs(options.inputs, import.mapping, options.mapping);
  if (!inputs.ok()) return inputs.status();
  import.inputs = *std::move(inputs);
  absl::StatusOr<v1::Policy> policy = ReadPolicy(PolicyPathOf(import.mapping, options.mapping));
  if (!policy.ok()) return policy.status();
  import.policy = *std::move(policy);
  if (options.until.empty()) return import;
  absl::TimeZone zone = absl::UTCTimeZone();
  const std::string& name =
      import.policy.zone().empty() ? import.mapping.zone() : import.policy.zone();
  if (!name.empty() && !absl::LoadTimeZone(name, &zone)) {
    return absl::InvalidArgumentError(absl::StrCat("this machine does not know the zone ", name));
  }
  const absl::StatusOr<absl::Time> until = ParseInstant(options.until, zone);
  if (!until.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--until: ", until.status().message()));
  }
  import.until = *until;
  return import;
}

// Facts that were offered and are not in the ledger: they lie before what an earlier import of the
// same source had reached, and the ledger does not go back.
absl::StatusOr<int64_t> CountLeftOut(host::Folder& folder, const std::vector<ImportInput>& inputs) {
  std::map<std::string, int64_t> offered;  // the same file given twice counts once
  for (const ImportInput& input : inputs) {
    offered[input.source] = std::max(offered[input.source], input.facts);
  }
  std::map<std::string, int64_t> there;
  const engine::Service& service = host::AllServices().front();
  for (int p = 0; p < folder.log().partitions(); ++p) {
    auto task = engine::Task::Open(service, Partition{p}, folder.store(), host::CodeId());
    if (!task.ok()) return task.status();
    for (const auto& [source, facts] : offered) {
      const engine::SourceMark* mark = (*task)->Mark(engine::SourceName(source));
      if (mark != nullptr) there[source] += static_cast<int64_t>(mark->entries);
    }
  }
  int64_t left_out = 0;
  for (const auto& [source, facts] : offered)
    left_out += std::max<int64_t>(0, facts - there[source]);
  return left_out;
}

struct ImportOutcome {
  RowsRead read;
  LockStepOutcome ledger;
  RowAccount rows;
  int64_t left_out = 0;  // facts, or rows where a row is an event
  double seconds = 0;
};

// "1 row says", "2,000 rows say".
std::string Rows(int64_t count, absl::string_view one, absl::string_view more) {
  const absl::string_view verb = count == 1 ? one : more;
  return absl::StrCat(Grouped(count), count == 1 ? " row" : " rows", verb.empty() ? "" : " ", verb);
}

std::string Text(const ImportOptions& options, const ImportOutcome& outcome) {
  const RowsRead& read = outcome.read;
  const LockStepOutcome& ledger = outcome.ledger;
  const RowAccount& rows = outcome.rows;
  std::string text =
      absl::StrCat("Imported ", Grouped(rows.applied), " of ", Grouped(read.rows),
                   " rows: ", Grouped(read.incidents), " incidents, ", Grouped(ledger.records),
                   " records added in ", PrintDuration(absl::Seconds(outcome.seconds)), ".\n");
  if (ledger.records == 0 && rows.applied > 0) {
    absl::StrAppend(&text, "All of it was in the ledger already.\n");
  }
  if (rows.ignored > 0) {
    absl::StrAppend(&text, Rows(rows.ignored, "says", "say"), " nothing that was not known.\n");
  }
  if (read.rejected > 0) {
    absl::StrAppend(&text, Rows(read.rejected, "", ""),
                    " could not be taken; line, column and reason of ", "each are in ",
                    absl::StrJoin(read.lists, ", "), ".\n");
  }
  if (!read.kept.empty()) {
    absl::StrAppend(&text, "Correct them in ", absl::StrJoin(read.kept, ", "),
                    ", and import that with the same mapping.\n");
  }
  if (rows.void_rows > 0) {
    absl::StrAppend(&text, Rows(rows.void_rows, "is", "are"),
                    " void, against the life of its incident; each is in ",
                    absl::StrJoin(rows.lists, ", "), ".\n");
  }
  if (ledger.late > 0) {
    absl::StrAppend(&text, Grouped(ledger.late),
                    " facts are older than what the ledger held already; ",
                    "they count from its present on. To have them in their place, import all ",
                    "files at once into a new folder.\n");
  }
  absl::StrAppend(&text, "The ledger now holds ", Grouped(ledger.incidents),
                  " incidents: ", Grouped(ledger.closed), " closed, ", Grouped(ledger.open),
                  " open.\n\n", "Next: gridledger metrics --data ", options.common.data,
                  " --by category\n");
  return text;
}

std::string Json(const ImportOutcome& outcome) {
  nlohmann::ordered_json json;
  json["rows"] = outcome.read.rows;
  json["incidents"] = outcome.read.incidents;
  json["records"] = outcome.ledger.records;
  json["applied"] = outcome.rows.applied;
  json["void"] = outcome.rows.void_rows;
  json["rejected"] = outcome.read.rejected;
  json["ignored"] = outcome.rows.ignored;
  json["reasons"] = outcome.rows.reasons;
  json["void_facts"] = outcome.rows.void_facts;
  json["late"] = outcome.ledger.late;
  json["left_out"] = outcome.left_out;
  json["as_of"] = absl::FormatTime(absl::RFC3339_full, outcome.ledger.now, absl::UTCTimeZone());
  json["rejected_lists"] = outcome.read.lists;
  json["rejected_rows"] = outcome.read.kept;
  json["void_lists"] = outcome.rows.lists;
  json["seconds"] = outcome.seconds;
  return absl::StrCat(json.dump(2), "\n");
}

absl::Status RunImport(const ImportOptions& options) {
  const absl::Time begun_at = absl::Now();
  const absl::StatusOr<size_t> memory = options.common.MemoryBytes();
  if (!memory.ok()) return memory.status();
  absl::StatusOr<Import> import = Prepare(options);
  if (!import.ok()) return import.status();
  auto folder = OpenForWriting(options.common, options.partitions);
  if (!folder.ok()) return folder.status();

  const int partitions = (*folder)->log().partitions();
  std::vector<ImportRecord> before;
  for (const ImportInput& input : import->inputs) {
    const absl::StatusOr<ImportRecord> record =
        CheckImportRecord(options.common.data, input.source, import->mapping);
    if (!record.ok()) return record.status();
    before.push_back(*record);
  }
  const size_t share = host::ShareMemory(*memory).batches;
  const std::string temp_folder = absl::StrCat(options.common.data, "/tmp");
  auto sorter = files::FactSorter::Open(
      {.memory_bytes = share / 2, .temp_folder = temp_folder, .partitions = partitions});
  if (!sorter.ok()) return sorter.status();
  absl::StatusOr<RowsRead> read = ReadRows(import->mapping, import->inputs, partitions,
                                           {.folder = options.common.data,
                                            .temp_folder = temp_folder,
                                            .memory_bytes = share * 3 / 8,
                                            .errors_max = options.errors_max,
                                            .id_column = import->mapping.incident().id().column()},
                                           sorter->get());
  if (!read.ok()) return read.status();
  const auto keep_records = [&](bool complete) {
    absl::Status status;
    for (const ImportInput& input : import->inputs) {
      status.Update(KeepImportRecord(options.common.data, input.source, import->mapping,
                                     {.rows = input.rows, .complete = complete}));
    }
    return status;
  };
  if (absl::Status kept = keep_records(false); !kept.ok()) return kept;

  ImportOpening opening;
  opening.policy = std::move(import->policy);
  opening.source =
      absl::StrFormat("%s#policy-%08x", import->mapping.source(),
                      static_cast<uint32_t>(Fingerprint(opening.policy.SerializeAsString())));
  opening.at = read->first_at;
  ImportWalk walk;
  const bool events = import->mapping.has_events();
  if (events) {
    absl::StatusOr<std::vector<mapping::Target>> targets = mapping::TargetsOf(import->mapping);
    if (!targets.ok()) return targets.status();
    walk.setting = {.targets = *std::move(targets),
                    .after_closing = import->mapping.events().after_closing(),
                    .actor = import->mapping.source(),
                    .default_unit = import->mapping.incident().unit().default_()};
    for (size_t i = 0; i < import->inputs.size(); ++i) {
      walk.inputs.push_back({import->inputs[i].source, before[i].rows});
      walk.goes_on = walk.goes_on || (before[i].rows > 0 && !before[i].complete);
    }
  }
  LockStepWork work;
  work.options = &options.common;
  work.folder = folder->get();
  work.verb = "importing";
  work.until = std::max(import->until, read->last_at);
  work.steps_expected = (*sorter)->count();
  work.new_source =
      [&](Partition partition) -> absl::StatusOr<std::unique_ptr<engine::OutsideSource>> {
    auto facts = (*sorter)->NewReader(partition);
    if (!facts.ok()) return facts.status();
    return events ? NewWalkSource(opening, &walk, *std::move(facts))
                  : NewImportSource(opening, read->twice, *std::move(facts));
  };
  absl::StatusOr<LockStepOutcome> ledger = RunLockStep(work);
  if (!ledger.ok()) return ledger.status();
  if (absl::Status kept = keep_records(true); !kept.ok()) return kept;
  sorter->reset();
  std::error_code not_there;
  std::filesystem::remove(temp_folder, not_there);  // only if nobody else's work is in it
  const absl::StatusOr<int64_t> left_out =
      events ? walk.left_out.load() : CountLeftOut(**folder, import->inputs);
  if (!left_out.ok()) return left_out.status();
  absl::StatusOr<RowAccount> rows =
      AccountForRows(**folder, import->inputs, *read, events ? *left_out : 0);
  if (!rows.ok()) return rows.status();
  const ImportOutcome outcome{*std::move(read), *std::move(ledger), *std::move(rows), *left_out,
                              absl::ToDoubleSeconds(absl::Now() - begun_at)};
  absl::Status written = WriteOut(options.common.json ? Json(outcome) : Text(options, outcome));
  if (!written.ok() || outcome.left_out == 0) return written;
  return absl::DataLossError(absl::StrCat(
      Grouped(outcome.left_out), events ? " rows" : " facts",
      " of the input are not in the ledger: they lie before what an ",
      "earlier import of it had reached. The input has changed in its past; import it into a new ",
      "folder"));
}

}  // namespace

void AddImport(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "import",
       .summary = "Bring a city's own history into a ledger, by a mapping",
       .examples =
           "  gridledger import --data boston --mapping deploy/mappings/boston311.yaml "
           "requests.csv.gz\n"
           "  gridledger import --data boston --mapping deploy/mappings/boston311.yaml \\\n"
           "      --until 2020-01-01 requests_2011.csv requests_2012.csv\n"
           "      all files of a history at once, so that their rows come into one order\n\n"
           "Inputs are CSV with a header, JSON lines or XES, in any encoding, plain or packed "
           "with\n"
           "gzip, zstd or bzip2; - is standard input. A mapping says which column is what:\n"
           "`gridledger mapping guess` drafts one, deploy/mappings/boston311.yaml is a worked\n"
           "example. Rows that cannot be taken are listed in DIR/rejected with line, "
           "column\n"
           "and reason. An import that was cut off is continued by the same command, and the same\n"
           "import twice adds nothing.\n\n"},
      &options->common, chosen, [options] { return RunImport(*options); });
  command->footer(absl::StrCat(command->get_footer(), kInstantForms));
  command->add_option("--mapping", options->mapping, "Which column is what, as YAML")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--until", options->until,
                   "After the last row time runs on to here, so that what falls due is decided")
      ->type_name("INSTANT")
      ->check(NotEmpty());
  command
      ->add_option("--partitions", options->partitions,
                   "Of a new ledger; one that is there keeps its own")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--max-errors", options->errors_max,
                   "Import nothing when more rows than this are rejected")
      ->type_name("N")
      ->check(WholeNumber(INT32_MAX));
  command->add_option("INPUT", options->inputs, "The files, or - for standard input")
      ->type_name("FILE")
      ->required();
}

}  // namespace gridledger::cli
