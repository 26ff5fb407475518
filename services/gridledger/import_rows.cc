#include "services/gridledger/import_rows.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <utility>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/base/partitioning.h"
#include "services/domain/mapping/case_teller.h"
#include "services/gridledger/mapped_rows.h"
#include "services/gridledger/places.h"
#include "services/gridledger/rejected_rows.h"
#include "services/gridledger/terminal.h"
#include "services/runtime/adapters/files/distinct.h"

namespace gridledger::cli {
namespace {

constexpr size_t kInputsMax = 256;  // each holds a file and ~256 KiB: 64 MiB
constexpr int64_t kRowsBetweenLooks = 1024;

absl::StatusOr<ImportInput> OpenOne(const std::string& path, const v1::Mapping& mapping,
                                    const std::string& mapping_path,
                                    const files::RowOptions& options,
                                    const mapping::Places& places) {
  auto reader = OpenMappedRows(path, options);
  if (!reader.ok()) return reader.status();
  ImportInput input;
  input.reader = *std::move(reader);
  input.path = path;
  input.name = input.reader->input().name();
  const absl::StatusOr<bool> found = input.reader->Next(&input.row);
  if (!found.ok()) return found.status();
  input.has_row = *found;
  // Two files that begin alike are one source.
  input.source = absl::StrFormat("%s#%08x", mapping.source(),
                                 static_cast<uint32_t>(input.reader->beginning()));
  const auto refused = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(
        absl::StrCat(mapping_path, ": ", why.message(), " (with the columns of ", input.name, ")"));
  };
  const std::vector<std::string>& header = input.reader->header();
  if (mapping.has_events()) {
    auto events = mapping::EventMapper::Compile(mapping, header, input.source, places);
    if (!events.ok()) return refused(events.status());
    input.events = *std::move(events);
    return input;
  }
  auto mapper = mapping::Mapper::Compile(mapping, header, input.source, places);
  if (!mapper.ok()) return refused(mapper.status());
  input.mapper = *std::move(mapper);
  return input;
}

// What all inputs share while they are read.
struct AllRows {
  int partitions;
  const ReadRowsOptions& options;
  files::FactSorter* sorter;
  files::FactSorter* by_incident;  // events, or what tells rows of the same id apart
  files::DistinctCounter incidents;
  RowsRead read;
  int told = 0;
  std::vector<std::unique_ptr<RejectedRows>> rejected = {};  // by input
  std::vector<std::set<int64_t>> late = {};  // by input: rows found out when they had gone by
  std::string bytes = {};                    // of an entry
  std::atomic<int64_t> position{0};
  int64_t position_before = 0;  // of the inputs that are done

  absl::Status Reject(uint32_t index, int64_t line, int64_t row, absl::string_view column,
                      absl::string_view reason) {
    ++read.rejected;
    ++read.reasons[absl::StrCat("rejected: ", column, column.empty() ? "" : ": ", reason)];
    if (read.rejected > options.errors_max) {
      return absl::DataLossError(
          absl::StrCat("more than ", options.errors_max,
                       " rows are rejected (--max-errors), the last one at line ", line, ": ",
                       reason, "; nothing was imported"));
    }
    return rejected[index]->Add(line, row, column, reason);
  }
};

// What is kept of a row with an incident of its own, to find those of the same id.
struct RowMark {
  int64_t line = 0;
  uint64_t content = 0;
  int64_t facts = 0;  // that it made
  absl::Time first_at;
  absl::Time last_at;
  template <class A>
  void Fields(A& a) {
    a(line, content, facts, first_at, last_at);
  }
};

uint64_t ContentOf(absl::Span<const absl::string_view> fields, std::string* bytes) {
  bytes->clear();
  for (const absl::string_view field : fields) {
    AppendVarint(bytes, field.size());
    absl::StrAppend(bytes, field);
  }
  return Fingerprint(*bytes);
}

absl::Status TakeIncident(ImportInput& input, uint32_t index, AllRows& all) {
  const files::InputRow& row = input.row;
  const auto made = input.mapper->Apply(row.fields, static_cast<uint64_t>(row.number));
  if (made.empty()) {
    const mapping::Rejection& why = input.mapper->rejection();
    absl::Status kept = all.rejected[index]->Keep(input.reader->header(), row.fields);
    return kept.ok() ? all.Reject(index, row.line, row.number, why.column, why.reason) : kept;
  }
  const RowMark mark{.line = row.line,
                     .content = ContentOf(row.fields, &all.bytes),
                     .facts = static_cast<int64_t>(made.size()),
                     .first_at = made.front().at,
                     .last_at = made.back().at};
  const std::string& id = input.mapper->incident_id();
  all.bytes.clear();
  AppendLayout(mark, &all.bytes);
  absl::Status added = all.by_incident->Add(Partition{0},
                                            {.at = absl::UnixEpoch(),
                                             .input = index,
                                             .row = static_cast<uint64_t>(row.number),
                                             .group = Fingerprint(id)},
                                            id, all.bytes);
  if (!added.ok()) return added;
  const std::string& community = input.mapper->community();
  const Partition partition = PartitionOf(community, all.partitions);
  for (const mapping::Mapper::Made& fact : made) {
    fact.entry->SerializeToString(&all.bytes);
    const v1::SourcePosition& at = fact.entry->source();
    added = all.sorter->Add(
        partition, {.at = fact.at, .input = index, .row = at.row(), .ordinal = at.ordinal()},
        community, all.bytes);
    if (!added.ok()) return added;
  }
  return all.incidents.Add(Fingerprint(id));
}

absl::Status TakeEvent(ImportInput& input, uint32_t index, AllRows& all) {
  const files::InputRow& row = input.row;
  const mapping::Event* event = input.events->Apply(row.fields, static_cast<uint64_t>(row.number));
  if (event == nullptr) {
    const mapping::Rejection& why = input.events->rejection();
    absl::Status kept = all.rejected[index]->Keep(input.reader->header(), row.fields);
    return kept.ok() ? all.Reject(index, row.line, row.number, why.column, why.reason) : kept;
  }
  all.bytes.clear();
  AppendLayout(*event, &all.bytes);
  return all.by_incident->Add(Partition{0},
                              {.at = FromMillis(event->at_ms),
                               .version = event->version,
                               .input = index,
                               .row = static_cast<uint64_t>(row.number),
                               .group = Fingerprint(event->incident_id)},
                              event->incident_id, all.bytes);
}

absl::Status TakeRow(ImportInput& input, uint32_t index, AllRows& all) {
  ++all.read.rows;
  ++input.rows;
  const files::InputRow& row = input.row;
  if (!row.rejected.empty()) {
    if (absl::Status kept = all.rejected[index]->Keep(input.reader->header(), row.fields);
        !kept.ok()) {
      return kept;
    }
    return all.Reject(index, row.line, row.number, "", row.rejected);
  }
  return input.events != nullptr ? TakeEvent(input, index, all) : TakeIncident(input, index, all);
}

absl::Status ReadOne(ImportInput& input, uint32_t index, AllRows& all) {
  for (bool more = input.has_row; more;) {
    if (absl::Status status = TakeRow(input, index, all); !status.ok()) return status;
    if (all.read.rows % kRowsBetweenLooks == 0) {
      all.position = all.position_before + input.reader->input().position();
    }
    const absl::StatusOr<bool> next = input.reader->Next(&input.row);
    if (!next.ok()) return next.status();
    more = *next;
  }
  all.position_before += input.reader->input().position();
  return absl::OkStatus();
}

// Goes through what was sorted by incident, `each` of one incident after the other. Two incidents
// may share a group: hashes do.
template <class State, class Each>
absl::Status EachOfIncident(const files::FactSorter& sorter, Each each) {
  auto reader = sorter.NewReader(Partition{0});
  if (!reader.ok()) return reader.status();
  uint64_t group = 0;
  absl::flat_hash_map<std::string, State> of_group;  // look-ups only
  files::SortedFact fact;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&fact);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    if (fact.place.group != group) of_group.clear();
    group = fact.place.group;
    if (absl::Status status = each(fact, of_group[fact.key]); !status.ok()) return status;
  }
}

// One row an incident: of rows with the same id the first one counts.
absl::Status FindTwice(std::vector<ImportInput>& inputs, AllRows& all) {
  struct First {
    std::optional<RowMark> mark;
  };
  return EachOfIncident<First>(
      *all.by_incident, [&](const files::SortedFact& fact, First& first) -> absl::Status {
        RowMark mark;
        if (!ParseLayout(fact.entry, &mark)) {
          return absl::DataLossError("a sorted row does not parse");
        }
        if (!first.mark) {
          first.mark = mark;
          inputs[fact.place.input].facts += mark.facts;
          all.read.first_at = std::min(all.read.first_at, mark.first_at);
          all.read.last_at = std::max(all.read.last_at, mark.last_at);
          return absl::OkStatus();
        }
        all.read.twice.insert({fact.place.input, fact.place.row});
        if (mark.content == first.mark->content) {
          ++all.read.ignored_twice;
          return absl::OkStatus();
        }
        const auto row = static_cast<int64_t>(fact.place.row);
        all.late[fact.place.input].insert(row);
        return all.Reject(fact.place.input, mark.line, row, all.options.id_column,
                          absl::StrCat("the id of another row, at line ", first.mark->line));
      });
}

// Rows that were taken and then found to be no good are read once more, to be kept beside the list.
// What came through standard input is gone.
absl::Status KeepLate(const ImportInput& input, const files::RowOptions& options,
                      const std::set<int64_t>& late, RejectedRows* rejected) {
  if (late.empty() || input.path == "-") return absl::OkStatus();
  auto stream = files::OpenInput(input.path);
  if (!stream.ok()) return stream.status();
  absl::StatusOr<files::OpenedRows> opened = files::OpenRows(*std::move(stream), options);
  if (!opened.ok()) return opened.status();
  files::InputRow row;
  while (row.number < *late.rbegin()) {
    const absl::StatusOr<bool> more = opened->reader->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (!late.contains(row.number)) continue;
    absl::Status kept = rejected->Keep(opened->reader->header(), row.fields);
    if (!kept.ok()) return kept;
  }
  return absl::OkStatus();
}

// One row an event: what each row tells beside the others of its incident, into ledger order.
absl::Status TellCases(const v1::Mapping& mapping, AllRows& all) {
  struct Case {
    std::optional<mapping::CaseTeller> teller;
  };
  const auto first_fact = static_cast<uint32_t>(mapping.events().states_size() + 1);
  mapping::Event event;
  return EachOfIncident<Case>(
      *all.by_incident, [&](const files::SortedFact& sorted, Case& one) -> absl::Status {
        if (!ParseLayout(sorted.entry, &event)) {
          return absl::DataLossError("a sorted event does not parse");
        }
        if (!one.teller) {
          one.teller.emplace(first_fact);
          ++all.read.incidents;
        }
        auto answer = mapping::CaseTeller::Answer::kTold;
        absl::Status status = one.teller->Tell(
            event, &answer,
            [&](const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
              all.bytes.clear();
              AppendLayout(told, &all.bytes);
              const std::string& community = one.teller->community();
              const absl::Time at = FromMillis(place.at_ms);
              all.read.first_at = std::min(all.read.first_at, at);
              all.read.last_at = std::max(all.read.last_at, at);
              return all.sorter->Add(PartitionOf(community, all.partitions),
                                     {.at = at,
                                      .version = place.version,
                                      .input = sorted.place.input,
                                      .row = sorted.place.row,
                                      .ordinal = place.ordinal},
                                     community, all.bytes);
            });
        if (answer == mapping::CaseTeller::Answer::kTwice) ++all.read.ignored_twice;
        return status;
      });
}

std::string ListPath(const ImportInput& input, size_t index, const std::string& folder,
                     const std::vector<ImportInput>& inputs) {
  std::string name = input.source;
  std::replace(name.begin(), name.end(), '#', '-');
  const bool again =
      std::any_of(inputs.begin(), inputs.begin() + static_cast<int64_t>(index),
                  [&](const ImportInput& other) { return other.source == input.source; });
  return absl::StrCat(folder, "/rejected/", name, again ? absl::StrCat("-", index + 1) : "",
                      ".csv");
}

}  // namespace

absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path) {
  if (paths.size() > kInputsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(paths.size(), " inputs; at most ", kInputsMax, " are read at once"));
  }
  const absl::StatusOr<files::RowOptions> options = RowOptionsOf(mapping);
  if (!options.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(mapping_path, ": ", options.status().message()));
  }
  const absl::StatusOr<mapping::Places> places = LoadPlaces(mapping, mapping_path);
  if (!places.ok()) return places.status();
  std::vector<ImportInput> inputs;
  for (const std::string& path : paths) {
    absl::StatusOr<ImportInput> input = OpenOne(path, mapping, mapping_path, *options, *places);
    if (!input.ok()) return input.status();
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

absl::StatusOr<RowsRead> ReadRows(const v1::Mapping& mapping, std::vector<ImportInput>& inputs,
                                  int partitions, const ReadRowsOptions& options,
                                  files::FactSorter* sorter) {
  auto by_incident = files::FactSorter::Open({.memory_bytes = options.memory_bytes / 2,
                                              .temp_folder = options.temp_folder,
                                              .partitions = 1});
  if (!by_incident.ok()) return by_incident.status();
  AllRows all{partitions,
              options,
              sorter,
              by_incident->get(),
              files::DistinctCounter({options.memory_bytes / 8, options.temp_folder}),
              RowsRead{}};
  all.late.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const char delimiter = mapping.csv().delimiter().empty() ? ',' : mapping.csv().delimiter()[0];
    all.rejected.push_back(std::make_unique<RejectedRows>(
        RejectedRows::Options{.list = ListPath(inputs[i], i, options.folder, inputs),
                              .input = inputs[i].name,
                              .delimiter = delimiter,
                              .mark = !mapping.encoding().empty()},
        &all.told));
  }
  int64_t size = 0;  // not known when one of them is a pipe
  for (const ImportInput& input : inputs) size += input.reader->input().size();
  for (const ImportInput& input : inputs) {
    if (input.reader->input().size() == 0) size = 0;
  }
  {
    const ProgressLine progress("reading", "bytes", [&] { return Reading{all.position, size}; });
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (absl::Status status = ReadOne(inputs[i], static_cast<uint32_t>(i), all); !status.ok()) {
        return status;
      }
      // Only the source's name is still needed.
      inputs[i].reader.reset();
      inputs[i].mapper.reset();
      inputs[i].events.reset();
    }
    absl::Status status = all.by_incident->Finish();
    if (status.ok()) {
      status = mapping.has_events() ? TellCases(mapping, all) : FindTwice(inputs, all);
    }
    if (status.ok()) status = sorter->Finish();
    if (!status.ok()) return status;
  }
  const absl::StatusOr<files::RowOptions> rows = RowOptionsOf(mapping);
  if (!rows.ok()) return rows.status();
  for (size_t i = 0; i < inputs.size(); ++i) {
    absl::Status kept = KeepLate(inputs[i], *rows, all.late[i], all.rejected[i].get());
    if (!kept.ok()) return kept;
  }
  for (const std::unique_ptr<RejectedRows>& rejected : all.rejected) {
    if (absl::Status status = rejected->Finish(); !status.ok()) return status;
    if (rejected->count() > 0) all.read.lists.push_back(rejected->path());
    if (!rejected->kept_path().empty()) all.read.kept.push_back(rejected->kept_path());
  }
  if (mapping.has_events()) return std::move(all.read);
  const absl::StatusOr<int64_t> incidents = all.incidents.Count();
  if (!incidents.ok()) return incidents.status();
  all.read.incidents = *incidents;
  return std::move(all.read);
}

}  // namespace gridledger::cli
