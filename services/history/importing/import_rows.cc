#include "services/history/importing/import_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/history/importing/mapped_rows.h"
#include "services/history/importing/read_annex.h"
#include "services/history/importing/rejected_rows.h"
#include "services/history/importing/row_order.h"
#include "services/runtime/console/progress_line.h"

namespace gridledger::cli {
namespace {

constexpr size_t kInputsMax = 1000;  // × ~16 KiB of rules and names = 16 MiB; one is open at a
                                     // time, and its lists
constexpr int64_t kRowsBetweenLooks = 1024;

// Rows that are corrected are the same source, whichever of them is corrected first.
std::string SourceOf(const v1::Mapping& mapping, const std::string& name, uint64_t beginning) {
  if (IsRowsFile(name)) beginning = Fingerprint(std::filesystem::path(name).filename().string());
  return absl::StrFormat("%s#%08x", mapping.source(), static_cast<uint32_t>(beginning));
}

absl::StatusOr<ImportInput> OpenHeader(const std::string& path, const v1::Mapping& mapping,
                                       const std::string& mapping_path,
                                       const files::RowOptions& options, const std::string& spool,
                                       const mapping::Annex& annex) {
  auto opened = OpenMappedRows(path, options, spool);
  if (!opened.ok()) return opened.status();
  ImportInput input;
  input.reader = std::move(opened->reader);
  input.delimiter = opened->delimiter;
  input.is_utf8 = opened->is_utf8;
  input.path = opened->again;
  input.corrects = IsRowsFile(path);
  input.name = input.reader->input().name();
  input.bytes = input.reader->input().size();
  const absl::StatusOr<bool> found = input.reader->Next(&input.row);
  if (!found.ok()) return found.status();
  input.has_row = *found;
  // Two files that begin alike are one input: their mapping has to be the same.
  input.source = SourceOf(mapping, input.name, input.reader->beginning());
  const auto refused = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(
        absl::StrCat(mapping_path, ": ", why.message(), " (with the columns of ", input.name, ")"));
  };
  const std::vector<std::string>& header = input.reader->header();
  if (input.delimiter != 0) SayUnknownLeaks(mapping, mapping_path, header);
  if (mapping.has_events()) {
    auto events = mapping::EventMapper::Compile(mapping, header, annex);
    if (!events.ok()) return refused(events.status());
    input.events = *std::move(events);
    return input;
  }
  auto lives = mapping::LifeMapper::Compile(mapping, header, annex);
  if (!lives.ok()) return refused(lives.status());
  input.lives = *std::move(lives);
  return input;
}

absl::StatusOr<ImportInput> OpenOne(const std::string& path, const v1::Mapping& mapping,
                                    const std::string& mapping_path,
                                    const files::RowOptions& options, const std::string& spool,
                                    const mapping::Annex& annex) {
  absl::StatusOr<ImportInput> input =
      OpenHeader(path, mapping, mapping_path, options, spool, annex);
  std::error_code error;
  if (!input.ok() || !std::filesystem::is_regular_file(path, error)) return input;
  input->reader.reset();
  input->row = {};
  return input;
}

// Rows of one incident lie together; those of one instant and version come in the order in which
// they were first seen. `number` is the row's in its round.
template <class Told>
absl::Status TakeTold(RoundRow<Told> row, uint64_t number, absl::Time at, int64_t version,
                      AllRows& all) {
  all.bytes.clear();
  AppendLayout(row, &all.bytes);
  return all.by_incident->Add(Partition{0},
                              {.at = at,
                               .version = version,
                               .input = static_cast<uint32_t>(row.round),
                               .row = number,
                               .group = Fingerprint(row.told.incident_id)},
                              row.told.incident_id, all.bytes);
}

// A row that no reader or mapping can take, or that is not what it was.
absl::Status RejectRow(ImportInput& input, uint32_t index, absl::string_view column,
                       absl::string_view reason, AllRows& all) {
  const files::InputRow& row = input.row;
  absl::Status kept = all.rejected[index]->Keep(input.reader->header(), row);
  return kept.ok() ? all.Reject(input, index, row.line, row.number, column, reason) : kept;
}

// A row, to what tells one reading of an input from another one.
void AddRow(const files::InputRow& row, uint64_t content, uint64_t* sum) {
  *sum = (*sum * 31 + static_cast<uint64_t>(row.number)) ^ content;
}

absl::Status TakeRow(ImportInput& input, uint32_t index, RowStore& store, AllRows& all) {
  ++all.read.rows;
  ++input.rows;
  const files::InputRow& row = input.row;
  const auto number = static_cast<uint64_t>(row.number);
  const uint64_t present = input.rows_before + number;
  const absl::StatusOr<RowStore::Known> known = store.Find(present);
  if (!known.ok()) return known.status();
  if (!row.rejected.empty()) return RejectRow(input, index, "", row.rejected, all);
  const mapping::Event* event = nullptr;
  const mapping::Life* life = nullptr;
  if (input.events != nullptr) {
    event = input.events->Apply(row.fields);
  } else {
    life = input.lives->Apply(row.fields);
  }
  if (event == nullptr && life == nullptr) {
    const mapping::Rejection& why =
        input.events != nullptr ? input.events->rejection() : input.lives->rejection();
    return RejectRow(input, index, why.column, why.reason, all);
  }
  AddRow(row, event != nullptr ? event->content : life->content, &input.taken);
  input.is_taken = true;
  const bool is_new = known->round == 0;
  const int round = is_new ? all.round : known->round;
  const uint64_t at = is_new ? present : known->row;
  if (event == nullptr) {
    return TakeTold(RoundLife{round, present, row.line, *life}, at, absl::UnixEpoch(), 0, all);
  }
  return TakeTold(RoundEvent{round, present, row.line, *event}, at, FromMillis(event->at_ms),
                  event->version, all);
}

// Opens it again, at its first row.
absl::Status Rewind(ImportInput& input, const files::RowOptions& options) {
  auto stream = files::OpenInput(input.path);
  if (!stream.ok()) return stream.status();
  absl::StatusOr<files::OpenedRows> opened =
      files::OpenRows(*std::move(stream), RowOptionsFor(input.path, options));
  if (!opened.ok()) return opened.status();
  input.reader = std::move(opened->reader);
  input.row = {};
  const absl::StatusOr<bool> found = input.reader->Next(&input.row);
  if (!found.ok()) return found.status();
  input.has_row = *found;
  return absl::OkStatus();
}

// Each row of an input, from the first on.
template <class Each>
absl::Status EachRow(ImportInput& input, AllRows& all, Each each) {
  if (input.reader == nullptr) {
    if (absl::Status status = Rewind(input, all.rows); !status.ok()) return status;
  }
  for (bool more = input.has_row && input.row.number <= input.rows_max; more;) {
    if (absl::Status status = each(); !status.ok()) return status;
    if (input.row.number % kRowsBetweenLooks == 0) {
      all.position = all.position_before + input.reader->input().position();
    }
    const absl::StatusOr<bool> next = input.reader->Next(&input.row);
    if (!next.ok()) return next.status();
    more = *next && input.row.number <= input.rows_max;
  }
  all.position_before += input.reader->input().position();
  return absl::OkStatus();
}

int64_t BytesOf(const std::vector<ImportInput>& inputs) {
  int64_t size = 0;  // not known when one of them is a pipe
  for (const ImportInput& input : inputs) {
    if (input.bytes == 0) return 0;
    size += input.bytes;
  }
  return size;
}

// Which rows are known: all of them are read for it, to be read once more.
absl::Status Recognise(std::vector<ImportInput>& inputs, RowStore& store, AllRows& all) {
  if (store.empty()) return absl::OkStatus();
  for (const ImportInput& input : inputs) {
    if (input.path != "-") continue;
    return absl::FailedPreconditionError(
        "rows of this source have come in while standard input was opened: import it once more, to "
        "be compared with them");
  }
  const int64_t size = BytesOf(inputs);
  const ProgressLine progress("comparing", "bytes", [&] { return Reading{all.position, size}; });
  uint64_t before = 0;
  for (ImportInput& input : inputs) {
    int64_t rows = 0;
    absl::Status status = EachRow(input, all, [&]() -> absl::Status {
      const files::InputRow& row = input.row;
      rows = row.number;
      if (!row.rejected.empty()) return absl::OkStatus();
      const uint64_t present = before + static_cast<uint64_t>(row.number);
      const auto look = [&](const auto* told) {
        if (told == nullptr) return absl::OkStatus();
        AddRow(row, told->content, &input.compared);
        return store.Take(present, Fingerprint(told->incident_id), told->content);
      };
      return input.events != nullptr ? look(input.events->Apply(row.fields))
                                     : look(input.lives->Apply(row.fields));
    });
    if (!status.ok()) return status;
    input.reader.reset();
    input.rows_max = rows;
    before += static_cast<uint64_t>(rows);
  }
  all.position = 0;
  all.position_before = 0;
  return store.Match();
}

// Rows that were taken and then found to be no good are read once more, to be kept beside the list.
absl::Status KeepLate(ImportInput& input, const files::RowOptions& options, const RowBits& late,
                      RejectedRows* rejected) {
  if (!late.any()) return absl::OkStatus();
  if (absl::Status status = Rewind(input, options); !status.ok()) return status;
  for (bool more = input.has_row; more && input.row.number <= input.rows;) {
    if (late.Has(static_cast<uint64_t>(input.row.number))) {
      absl::Status kept = rejected->Keep(input.reader->header(), input.row);
      if (!kept.ok()) return kept;
    }
    const absl::StatusOr<bool> next = input.reader->Next(&input.row);
    if (!next.ok()) return next.status();
    more = *next;
  }
  input.reader.reset();
  return rejected->Pause();
}

std::string ListBase(const ImportInput& input, size_t index, const std::string& folder,
                     const std::vector<ImportInput>& inputs) {
  std::string name = input.source;
  std::replace(name.begin(), name.end(), '#', '-');
  const bool again =
      std::any_of(inputs.begin(), inputs.begin() + static_cast<int64_t>(index),
                  [&](const ImportInput& other) { return other.source == input.source; });
  return absl::StrCat(folder, "/rejected/", name, again ? absl::StrCat(".", index + 1) : "");
}

// The number of the round that takes what is new.
absl::StatusOr<int> NextRound(const ImportRecord& record) {
  const int last = record.rounds.empty() ? 0 : record.rounds.back().number;
  if (last < kRoundsMax) return last + 1;
  return absl::FailedPreconditionError(absl::StrCat("files of this source have been imported ",
                                                    kRoundsMax, " times, which is the most"));
}

absl::StatusOr<std::unique_ptr<RowStore>> OpenStore(const ReadRowsOptions& options,
                                                    const std::string& source,
                                                    const ImportRecord& record) {
  RowStore::Options store;
  store.path = RowStorePath(options.folder, source);
  store.temp_folder = options.temp_folder;
  store.memory_bytes = options.memory_bytes / 4;
  for (const ImportRound& round : record.rounds) {
    store.rounds[round.number] = {round.rows, round.checksum};
    if (!round.complete) store.cut_off.push_back(round.number);
  }
  return RowStore::Open(std::move(store));
}

// What the ledger has of the source and the record does not know of would be taken for new, and a
// round's name twice, and then rows for told that nobody has told.
absl::Status CheckRounds(KnownIncidents& known, const std::string& source,
                         const std::string& folder, const ImportRecord& record) {
  const absl::StatusOr<std::vector<int>> rounds = known.RoundsOf(source);
  if (!rounds.ok()) return rounds.status();
  for (const int round : *rounds) {
    if (record.Find(round) != nullptr) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "the ledger has rows of ", source, " (", RoundName(source, round), ") that ",
        ImportRecordPath(folder, source), " does not know of. Bring ", folder,
        "/imports back as it was with this ledger, from where it was imported or from a copy; or ",
        "import all files at once into a new folder"));
  }
  return absl::OkStatus();
}

// Rows that came in by another mapping must not come in by this one; nor an incident of them go on,
// which they may be of though none is known: another mapping may use other columns. A round that
// was cut off goes on exactly as it was.
absl::Status CheckMeans(const ImportMeans& means, const std::string& source,
                        const ImportRecord& record, const RowStore& store) {
  for (const int round : store.rounds_met()) {
    const ImportRound& one = *record.Find(round);
    const ImportMeans& before = record.means[one.means];
    const std::string name = absl::StrCat("what round ", round, " of ", source, " took");
    absl::Status same = !store.rounds_here().contains(round) ? CheckGoesOn(name, before, means)
                        : one.complete ? CheckHasGoneOn(name, record, before, means)
                                       : CheckSameMeans(name, before, means);
    if (!same.ok()) return same;
  }
  return absl::OkStatus();
}

absl::Status ReadAll(const v1::Mapping& mapping, std::vector<ImportInput>& inputs, RowStore& store,
                     AllRows& all) {
  const int64_t size = BytesOf(inputs);
  const ProgressLine progress("reading", "bytes", [&] { return Reading{all.position, size}; });
  uint64_t before = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ImportInput& input = inputs[i];
    input.rows_before = before;
    absl::Status status =
        EachRow(input, all, [&] { return TakeRow(input, static_cast<uint32_t>(i), store, all); });
    if (!status.ok()) return status;
    if (!store.empty() && input.taken != input.compared) {
      return absl::FailedPreconditionError(absl::StrCat(
          input.name, " has changed while it was read; nothing was imported: import it once more"));
    }
    if (status = all.rejected[i]->Pause(); !status.ok()) return status;
    before += static_cast<uint64_t>(input.rows);
    // Only the source's name is still needed.
    input.reader.reset();
    input.lives.reset();
    input.events.reset();
  }
  absl::Status status = all.by_incident->Finish();
  if (status.ok()) {
    status = mapping.has_events() ? TellRowsPerEvent(mapping, inputs, store, all)
                                  : TellRowsPerIncident(inputs, store, all);
  }
  return status.ok() ? all.sorter->Finish() : status;
}

// What is new becomes a round; inputs whose rows the ledger has are kept in mind.
void Remember(const ImportMeans& means, const std::vector<ImportInput>& inputs, const AllRows& all,
              ImportRecord* record) {
  const RowStore::Sum& taken = all.read.store->taken();
  if (taken.rows > 0) {
    ImportRound round{.number = all.round,
                      .means = record->Remember(means),
                      .rows = taken.rows,
                      .checksum = taken.checksum};
    for (const int other : all.read.rounds) {
      if (other != all.round) round.along.push_back(other);
    }
    record->rounds.push_back(std::move(round));
  }
  for (const ImportInput& input : inputs) {
    if (input.is_taken) record->inputs.emplace(input.source, record->Remember(means));
  }
}

}  // namespace

std::string RowStorePath(const std::string& folder, const std::string& source) {
  return absl::StrCat(absl::StripSuffix(ImportRecordPath(folder, source), ".json"), ".rows");
}

RowOf RowOfPresent(const std::vector<ImportInput>& inputs, uint64_t present) {
  // The last input that begins before it: one without rows begins where the next one does.
  const auto behind =
      std::partition_point(inputs.begin(), inputs.end(),
                           [&](const ImportInput& input) { return input.rows_before < present; });
  const auto input = static_cast<size_t>(behind - inputs.begin()) - 1;
  return {input, present - inputs[input].rows_before};
}

absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path,
                                                    const std::string& spool, bool again,
                                                    absl::Time present) {
  if (paths.size() > kInputsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(paths.size(), " inputs; at most ", kInputsMax, " are read at once"));
  }
  const absl::StatusOr<files::RowOptions> options = RowOptionsOf(mapping);
  if (!options.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(mapping_path, ": ", options.status().message()));
  }
  absl::StatusOr<mapping::Annex> annex = LoadAnnex(mapping, mapping_path);
  if (!annex.ok()) return annex.status();
  annex->present = present;
  // Rows with an incident each are read once more to be kept beside the list of rejected ones.
  const std::string kept = again || !mapping.has_events() ? spool : "";
  std::vector<ImportInput> inputs;
  for (const std::string& path : paths) {
    absl::StatusOr<ImportInput> input =
        OpenOne(path, mapping, mapping_path, *options, kept, *annex);
    if (!input.ok()) return input.status();
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

absl::StatusOr<RowsRead> ReadRows(const ImportMeans& means, std::vector<ImportInput>& inputs,
                                  int partitions, const ReadRowsOptions& options,
                                  ImportRecord* record, files::FactSorter* sorter) {
  const v1::Mapping& mapping = means.mapping;
  for (const ImportInput& input : inputs) {
    const auto before = record->inputs.find(input.source);
    if (before == record->inputs.end()) continue;
    absl::Status same = CheckHasGoneOn(input.source, *record, record->means[before->second], means);
    if (!same.ok()) return same;
  }
  const absl::StatusOr<files::RowOptions> rows = RowOptionsOf(mapping);
  if (!rows.ok()) return rows.status();
  const absl::StatusOr<std::vector<mapping::Target>> targets = mapping::TargetsOf(mapping);
  if (!targets.ok()) return targets.status();
  if (options.known != nullptr) {
    absl::Status known = CheckRounds(*options.known, mapping.source(), options.folder, *record);
    if (!known.ok()) return known;
  }
  const absl::StatusOr<int> round = NextRound(*record);
  if (!round.ok()) return round.status();
  auto store = OpenStore(options, mapping.source(), *record);
  if (!store.ok()) return store.status();
  auto by_incident = files::FactSorter::Open({.memory_bytes = options.memory_bytes / 2,
                                              .temp_folder = options.temp_folder,
                                              .partitions = 1});
  if (!by_incident.ok()) return by_incident.status();
  AllRows all{partitions, options, mapping.source(), *rows, sorter, by_incident->get(),
              *targets,   *round};
  all.late.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].list_base = ListBase(inputs[i], i, options.folder, inputs);
    const char declared = mapping.csv().delimiter().empty() ? ',' : mapping.csv().delimiter()[0];
    all.rejected.push_back(std::make_unique<RejectedRows>(
        RejectedRows::Options{
            .base = inputs[i].list_base,
            .input = inputs[i].name,
            .delimiter = inputs[i].delimiter != 0 ? inputs[i].delimiter : declared,
            .mark = !inputs[i].is_utf8 || !mapping.encoding().empty(),
            .csv = inputs[i].delimiter != 0},
        &all.told));
  }
  const auto of_source = [&](absl::Status status) {
    return status.code() != absl::StatusCode::kFailedPrecondition
               ? status
               : absl::FailedPreconditionError(
                     absl::StrCat(mapping.source(), ": ", status.message()));
  };
  absl::Status status = of_source(Recognise(inputs, **store, all));
  if (status.ok()) status = CheckMeans(means, mapping.source(), *record, **store);
  if (!status.ok()) return status;
  all.read.round = all.round;
  for (const ImportRound& before : record->rounds) {
    const bool here = (*store)->rounds_here().contains(before.number);
    if (!before.complete && here) all.read.rounds.push_back(before.number);
  }
  all.read.rounds.push_back(all.round);
  status = ReadAll(mapping, inputs, **store, all);
  // The lists are there however it ends: they say why.
  for (size_t i = 0; i < inputs.size() && status.ok(); ++i) {
    status = KeepLate(inputs[i], *rows, all.late[i], all.rejected[i].get());
  }
  for (const std::unique_ptr<RejectedRows>& rejected : all.rejected) {
    status.Update(rejected->Finish());
    if (rejected->count() > 0) all.read.lists.push_back(rejected->path());
    if (!rejected->kept_path().empty()) all.read.kept.push_back(rejected->kept_path());
  }
  for (ImportInput& input : inputs) input.in_ledger.Grow(input.rows);
  if (status.ok()) status = (*store)->Commit();
  if (!status.ok()) return status;
  all.read.store = *std::move(store);
  Remember(means, inputs, all, record);
  return std::move(all.read);
}

}  // namespace gridledger::cli
