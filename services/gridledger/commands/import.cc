// gridledger import: a city's own history, through a mapping, into a ledger.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "services/base/digest.h"
#include "services/domain/policy/policy.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/history/importing/import_account.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/import_rows.h"
#include "services/history/importing/import_source.h"
#include "services/history/importing/known_incidents.h"
#include "services/history/importing/read_annex.h"
#include "services/history/importing/read_yaml.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/lockstep_work.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/question.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct ImportOptions {
  CommonOptions common;
  std::string mapping;
  std::string until;
  bool yes = false;  // to what would be asked
  std::vector<std::string> inputs;
  int partitions = 8;
  int64_t errors_max = std::numeric_limits<int64_t>::max();
};

// What is to be imported, checked before anything is written.
struct Import {
  ImportMeans means;
  v1::Policy policy;  // that of the means, and the rules of its zone
  absl::Time until = absl::InfinitePast();
  std::vector<ImportInput> inputs;
  ImportRecord record;
};

// Up to where time runs on after the last row.
absl::StatusOr<absl::Time> UntilOf(const ImportOptions& options, const Import& import) {
  if (options.until.empty()) return absl::InfinitePast();
  v1::Policy told = import.policy;
  if (told.zone().empty()) {
    told.set_zone(import.means.mapping.zone());
    if (absl::Status zone = GiveZoneRules(options.mapping, &told); !zone.ok()) return zone;
  }
  const absl::StatusOr<absl::Time> until =
      ParseInstantOf("--until", options.until, policy::FindZone(told).value_or(policy::Zone()));
  if (!until.ok()) return until.status();
  // Beyond it no time is written in four digits, and none that a ledger reaches can be taken back.
  if (*until >= absl::FromCivil(absl::CivilYear(10'000), absl::UTCTimeZone())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--until ", options.until, ": years have four digits"));
  }
  return until;
}

// Time that has run on past the present does not come back. Asks whoever sits there; a script has
// to say so: InvalidArgument.
absl::Status CheckUntil(const ImportOptions& options, absl::Time until, absl::Time now) {
  if (until <= now || options.yes) return absl::OkStatus();
  const std::string what =
      absl::StrCat("--until ", options.until, " is ", PrintDuration(until - now),
                   " ahead of this machine's clock: what is reported live before then would count "
                   "from there on");
  const bool reads_input = std::count(options.inputs.begin(), options.inputs.end(), "-") > 0;
  if (!reads_input && IsAsked()) {
    if (Ask(absl::StrCat(what, ". Run time on to there all the same?"))) return absl::OkStatus();
    return absl::InvalidArgumentError("nothing was imported");
  }
  return absl::InvalidArgumentError(absl::StrCat(what, ". Say --yes when that is meant"));
}

absl::StatusOr<Import> Prepare(const ImportOptions& options) {
  Import import;
  absl::StatusOr<v1::Mapping> mapping = ReadMapping(options.mapping);
  if (!mapping.ok()) return mapping.status();
  import.means.mapping = *std::move(mapping);
  absl::StatusOr<v1::Policy> policy =
      ReadPolicy(PolicyPathOf(import.means.mapping, options.mapping));
  if (!policy.ok()) return policy.status();
  import.policy = *std::move(policy);
  import.means.policy = import.policy;
  import.means.policy.clear_zone_rules();  // of this machine; another one tells the same rows
  const absl::StatusOr<absl::Time> until = UntilOf(options, import);
  if (!until.ok()) return until.status();
  const absl::Time now = absl::Now();
  if (absl::Status asked = CheckUntil(options, *until, now); !asked.ok()) return asked;
  import.until = *until;
  auto beside = FingerprintAnnex(import.means.mapping, options.mapping);
  if (!beside.ok()) return beside.status();
  import.means.files = std::move(beside->fingerprints);
  import.means.lines = std::move(beside->lines);
  // Where the source has been imported before, its rows are compared first.
  std::error_code error;
  const bool again = std::filesystem::exists(
      RowStorePath(options.common.data, import.means.mapping.source()), error);
  absl::StatusOr<std::vector<ImportInput>> inputs =
      OpenInputs(options.inputs, import.means.mapping, options.mapping, options.common.data, again,
                 now + kAheadMax);
  if (!inputs.ok()) return inputs.status();
  import.inputs = *std::move(inputs);
  return import;
}

struct ImportOutcome {
  RowsRead read;
  LockStepOutcome ledger;
  RowAccount rows;
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
  if (read.changed > 0) {
    absl::StrAppend(&text, Rows(read.changed, "is of an incident", "are of incidents"),
                    " that the ledger had already; what is new in them was told.\n");
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
  json["left_out"] = 0;  // nothing is, any more; scripts add it up
  json["changed"] = outcome.read.changed;
  json["as_of"] = absl::FormatTime(absl::RFC3339_full, outcome.ledger.now, absl::UTCTimeZone());
  json["rejected_lists"] = outcome.read.lists;
  json["rejected_rows"] = outcome.read.kept;
  json["void_lists"] = outcome.rows.lists;
  json["seconds"] = outcome.seconds;
  return JsonText(json);
}

// What of a ledger is there.
std::vector<std::filesystem::path> PartsOf(const std::string& data) {
  std::error_code error;
  std::vector<std::filesystem::path> parts;
  for (const auto& entry : std::filesystem::directory_iterator(data, error)) {
    if (entry.path().filename() != "rejected") parts.push_back(entry.path());
  }
  return parts;
}

// A ledger that this import has begun, and that nothing came into: only the lists stay.
void TakeBack(const std::string& data, std::unique_ptr<host::Folder> folder) {
  folder.reset();
  std::error_code error;
  for (const std::filesystem::path& part : PartsOf(data)) std::filesystem::remove_all(part, error);
  std::filesystem::remove(data, error);  // only if it is empty
}

// Services' states to the end of the log, so that they can be asked.
absl::Status CatchUp(const CommonOptions& options, host::Folder& folder) {
  class Nothing final : public engine::OutsideSource {
   public:
    absl::StatusOr<bool> Next(const incident::State&, engine::Outside*) override { return false; }
  };
  LockStepWork work;
  work.options = &options;
  work.folder = &folder;
  work.verb = "reading the ledger";
  work.new_source = [](Partition) { return std::make_unique<Nothing>(); };
  return RunLockStep(work).status();
}

absl::StatusOr<bool> IsEmpty(host::Folder& folder) {
  for (Partition p{0}; p.value < folder.log().partitions(); ++p.value) {
    const absl::StatusOr<Offset> end = folder.log().End(p);
    if (!end.ok()) return end.status();
    if (end->value > 0) return false;
  }
  return true;
}

absl::StatusOr<RowsRead> Read(const ImportOptions& options, host::Folder& folder, bool is_empty,
                              size_t share, Import& import, files::FactSorter* sorter) {
  const std::string& source = import.means.mapping.source();
  absl::StatusOr<ImportRecord> record = FindImportRecord(options.common.data, source);
  if (!record.ok()) return record.status();
  import.record = *std::move(record);
  ReadRowsOptions reading;
  reading.folder = options.common.data;
  reading.temp_folder = absl::StrCat(options.common.data, "/tmp");
  reading.memory_bytes = share * 3 / 8;
  reading.errors_max = options.errors_max;
  reading.id_column = import.means.mapping.incident().id().column();
  KnownIncidents known(folder);
  if (!is_empty) {
    if (absl::Status status = CatchUp(options.common, folder); !status.ok()) return status;
    reading.known = &known;
  }
  return ReadRows(import.means, import.inputs, folder.log().partitions(), reading, &import.record,
                  sorter);
}

absl::Status RunImport(const ImportOptions& options) {
  const absl::Time begun_at = absl::Now();
  const absl::StatusOr<size_t> memory = options.common.MemoryBytes();
  if (!memory.ok()) return memory.status();
  absl::StatusOr<Import> import = Prepare(options);
  if (!import.ok()) return import.status();
  const bool was_new = PartsOf(options.common.data).empty();
  auto folder = OpenForWriting(options.common, options.partitions);
  if (!folder.ok()) return folder.status();
  // Somebody else may have made it meanwhile.
  const absl::StatusOr<bool> empty = IsEmpty(**folder);
  if (!empty.ok()) return empty.status();

  const size_t share = host::ShareMemory(*memory).batches;
  const std::string temp_folder = absl::StrCat(options.common.data, "/tmp");
  auto sorter = files::FactSorter::Open({.memory_bytes = share / 2,
                                         .temp_folder = temp_folder,
                                         .partitions = (*folder)->log().partitions()});
  if (!sorter.ok()) return sorter.status();
  absl::StatusOr<RowsRead> read = Read(options, **folder, *empty, share, *import, sorter->get());
  if (!read.ok()) {
    sorter->reset();
    if (was_new && *empty) TakeBack(options.common.data, *std::move(folder));
    return read.status();
  }
  const v1::Mapping& mapping = import->means.mapping;
  absl::Status kept = KeepImportRecord(options.common.data, mapping.source(), import->record);
  if (!kept.ok()) return kept;

  absl::StatusOr<mapping::LifeWalk::Setting> walk = mapping::LifeWalk::SettingOf(mapping);
  if (!walk.ok()) return walk.status();
  ImportTelling telling;
  telling.opening.policy = import->policy;
  telling.opening.source =
      absl::StrFormat("%s#policy-%08x", mapping.source(),
                      static_cast<uint32_t>(Fingerprint(import->policy.SerializeAsString())));
  telling.opening.at = read->first_at;
  telling.walk = *std::move(walk);
  telling.source = mapping.source();
  telling.record = &import->record;
  telling.read = &*read;
  telling.inputs = &import->inputs;
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
    return NewImportSource(telling, *std::move(facts));
  };
  absl::StatusOr<LockStepOutcome> ledger = RunLockStep(work);
  if (!ledger.ok()) return ledger.status();
  for (ImportRound& round : import->record.rounds) {
    const std::vector<int>& told = read->rounds;
    round.complete = round.complete || std::count(told.begin(), told.end(), round.number) > 0;
  }
  kept = KeepImportRecord(options.common.data, mapping.source(), import->record);
  if (!kept.ok()) return kept;
  sorter->reset();
  std::error_code error;
  std::filesystem::remove(temp_folder, error);  // only if nobody else's work is in it
  absl::StatusOr<RowAccount> rows =
      AccountForRows(**folder, mapping.source(), *read, import->inputs);
  read->store.reset();
  if (!rows.ok()) return rows.status();
  const ImportOutcome outcome{*std::move(read), *std::move(ledger), *std::move(rows),
                              absl::ToDoubleSeconds(absl::Now() - begun_at)};
  return WriteOut(options.common.json ? Json(outcome) : Text(options, outcome));
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
  command->add_flag("--yes", options->yes, "Go on without asking, also with --until beyond now");
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
