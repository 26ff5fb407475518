#include "services/gridledger/import_rows.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/base/partitioning.h"
#include "services/domain/mapping/case_teller.h"
#include "services/gridledger/mapped_rows.h"
#include "services/gridledger/places.h"
#include "services/gridledger/rejected_rows.h"
#include "services/gridledger/row_store.h"
#include "services/gridledger/terminal.h"
#include "services/runtime/adapters/files/distinct.h"

namespace gridledger::cli {
namespace {

constexpr size_t kInputsMax = 256;  // each holds a file and ~256 KiB: 64 MiB
constexpr int64_t kRowsBetweenLooks = 1024;
constexpr size_t kReasonsMax = 200;  // × ~100 B; more are nothing that anybody reads

// Rows that are corrected are the same source, whichever of them is corrected first.
std::string SourceOf(const v1::Mapping& mapping, const std::string& name, uint64_t beginning) {
  if (IsRowsFile(name)) beginning = Fingerprint(std::filesystem::path(name).filename().string());
  return absl::StrFormat("%s#%08x", mapping.source(), static_cast<uint32_t>(beginning));
}

absl::StatusOr<ImportInput> OpenOne(const std::string& path, const v1::Mapping& mapping,
                                    const std::string& mapping_path,
                                    const files::RowOptions& options, const std::string& spool,
                                    const mapping::Places& places) {
  auto opened = OpenMappedRows(path, options, mapping.has_events() ? std::string() : spool);
  if (!opened.ok()) return opened.status();
  ImportInput input;
  input.reader = std::move(opened->reader);
  input.delimiter = opened->delimiter;
  input.is_utf8 = opened->is_utf8;
  input.path = opened->again;
  input.name = input.reader->input().name();
  const absl::StatusOr<bool> found = input.reader->Next(&input.row);
  if (!found.ok()) return found.status();
  input.has_row = *found;
  // Two files that begin alike are one source.
  input.source = SourceOf(mapping, input.name, input.reader->beginning());
  const auto refused = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(
        absl::StrCat(mapping_path, ": ", why.message(), " (with the columns of ", input.name, ")"));
  };
  const std::vector<std::string>& header = input.reader->header();
  if (mapping.has_events()) {
    auto events = mapping::EventMapper::Compile(mapping, header, input.source, places);
    if (!events.ok()) return refused(events.status());
    input.events = *std::move(events);
    input.of_events = true;
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
  int round;  // of rows that no import has taken
  RowsRead read = {};
  int told = 0;
  std::vector<std::unique_ptr<RejectedRows>> rejected = {};      // by input
  std::vector<RowBits> late = {};                                // by input: see KeepLate
  std::map<std::string, std::unique_ptr<RowStore>> stores = {};  // by source
  std::vector<bool> takes = {};                                  // by input: rows that are new
  std::string bytes = {};                                        // of an entry
  std::atomic<int64_t> position{0};
  int64_t position_before = 0;  // of the inputs that are done

  // `why` stands in the list only, so that reasons stay few.
  absl::Status Reject(ImportInput& input, uint32_t index, int64_t line, int64_t row,
                      absl::string_view column, absl::string_view reason,
                      absl::string_view why = "") {
    ++read.rejected;
    input.rejected.Set(static_cast<uint64_t>(row));
    const std::string key = absl::StrCat("rejected: ", column, column.empty() ? "" : ": ", reason);
    const bool many = read.reasons.size() >= kReasonsMax && !read.reasons.contains(key);
    ++read.reasons[many ? "rejected: for another reason" : key];
    absl::Status added = rejected[index]->Add(line, row, column, absl::StrCat(reason, why));
    if (!added.ok() || read.rejected <= options.errors_max) return added;
    return absl::DataLossError(
        absl::StrCat("more than ", options.errors_max,
                     " rows are rejected (--max-errors), the last one at line ", line, ": ", reason,
                     why, "; nothing was imported"));
  }
};

// What is kept of a row with an incident of its own, to find those of the same id.
struct RowMark {
  int64_t line = 0;
  uint64_t content = 0;
  int round = 0;
  absl::Time first_at;
  absl::Time last_at;
  template <class A>
  void Fields(A& a) {
    a(line, content, round, first_at, last_at);
  }
};

// An event, and the round that took it.
struct RoundEvent {
  int round = 0;
  mapping::Event event;
  template <class A>
  void Fields(A& a) {
    a(round);
    event.Fields(a);
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

absl::Status TakeIncident(ImportInput& input, uint32_t index, uint64_t content, int round,
                          absl::Span<const mapping::Mapper::Made> made, AllRows& all) {
  const files::InputRow& row = input.row;
  const auto number = static_cast<uint64_t>(row.number);
  const RowMark mark{.line = row.line,
                     .content = content,
                     .round = round,
                     .first_at = made.front().at,
                     .last_at = made.back().at};
  const std::string& id = input.mapper->incident_id();
  all.bytes.clear();
  AppendLayout(mark, &all.bytes);
  // What an earlier round took comes first, wherever it stands in the file.
  absl::Status added = all.by_incident->Add(Partition{0},
                                            {.at = absl::UnixEpoch(),
                                             .version = round,
                                             .input = index,
                                             .row = number,
                                             .group = Fingerprint(id)},
                                            id, all.bytes);
  if (!added.ok()) return added;
  std::string community = input.mapper->community();
  Partition partition = PartitionOf(community, all.partitions);
  if (all.options.find_known) {
    auto found = all.options.find_known(id, partition);
    if (!found.ok()) return found.status();
    if (const std::optional<KnownIncident>& there = *found) {
      community = there->community;
      partition = there->partition;
    }
  }
  for (const mapping::Mapper::Made& fact : made) {
    fact.entry->SerializeToString(&all.bytes);
    added = all.sorter->Add(partition,
                            {.at = fact.at,
                             .input = index,
                             .row = number,
                             .ordinal = fact.entry->source().ordinal(),
                             .group = static_cast<uint64_t>(round)},
                            community, all.bytes);
    if (!added.ok()) return added;
  }
  return all.incidents.Add(Fingerprint(id));
}

absl::Status TakeEvent(const mapping::Event& event, uint32_t index, int64_t row, int round,
                       AllRows& all) {
  all.bytes.clear();
  AppendLayout(RoundEvent{round, event}, &all.bytes);
  return all.by_incident->Add(Partition{0},
                              {.at = FromMillis(event.at_ms),
                               .version = event.version,
                               .input = index,
                               .row = static_cast<uint64_t>(row),
                               .group = Fingerprint(event.incident_id)},
                              event.incident_id, all.bytes);
}

// A row that no reader or mapping can take, or that is not what it was.
absl::Status RejectRow(ImportInput& input, uint32_t index, absl::string_view column,
                       absl::string_view reason, AllRows& all) {
  const files::InputRow& row = input.row;
  absl::Status kept = all.rejected[index]->Keep(input.reader->header(), row);
  return kept.ok() ? all.Reject(input, index, row.line, row.number, column, reason) : kept;
}

absl::Status TakeRow(ImportInput& input, uint32_t index, RowStore& store, AllRows& all) {
  ++all.read.rows;
  ++input.rows;
  const files::InputRow& row = input.row;
  const auto number = static_cast<uint64_t>(row.number);
  const uint64_t content = ContentOf(row.fields, &all.bytes);
  const RowStore::Answer before = store.Look(content);
  const auto reject = [&](absl::string_view column, absl::string_view reason) {
    absl::Status status = store.Leave();
    status.Update(RejectRow(input, index, column, reason, all));
    return status;
  };
  if (!row.rejected.empty()) return reject("", row.rejected);
  if (before.kind == RowStore::Kind::kChanged) {
    ++all.read.changed;
    return reject("", "not what it was when it was imported; the ledger keeps what it has");
  }
  const bool known = before.kind == RowStore::Kind::kKnown;
  if (known && before.round == all.round) {  // an input before this one, of the same source
    input.twice.Set(number);
    return store.Leave();
  }
  const int round = known ? before.round : all.round;
  absl::Span<const mapping::Mapper::Made> made;
  const mapping::Event* event = nullptr;
  if (input.events != nullptr) {
    event = input.events->Apply(row.fields, number);
  } else {
    made = input.mapper->Apply(row.fields, number);
  }
  if (event == nullptr && made.empty()) {
    const mapping::Rejection& why =
        input.events != nullptr ? input.events->rejection() : input.mapper->rejection();
    return reject(why.column, why.reason);
  }
  if (!known) all.takes[index] = true;
  if (absl::Status put = known ? store.Leave() : store.Take(round); !put.ok()) return put;
  return event != nullptr ? TakeEvent(*event, index, row.number, round, all)
                          : TakeIncident(input, index, content, round, made, all);
}

absl::Status ReadOne(ImportInput& input, uint32_t index, AllRows& all) {
  RowStore& store = *all.stores[input.source];
  if (absl::Status begun = store.Begin(); !begun.ok()) return begun;
  for (bool more = input.has_row; more;) {
    if (absl::Status status = TakeRow(input, index, store, all); !status.ok()) return status;
    if (all.read.rows % kRowsBetweenLooks == 0) {
      all.position = all.position_before + input.reader->input().position();
    }
    const absl::StatusOr<bool> next = input.reader->Next(&input.row);
    if (!next.ok()) return next.status();
    more = *next;
  }
  all.position_before += input.reader->input().position();
  return store.End();
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
    uint32_t input = 0;
  };
  return EachOfIncident<First>(
      *all.by_incident, [&](const files::SortedFact& fact, First& first) -> absl::Status {
        RowMark mark;
        if (!ParseLayout(fact.entry, &mark)) {
          return absl::DataLossError("a sorted row does not parse");
        }
        ImportInput& input = inputs[fact.place.input];
        if (!first.mark) {
          first.mark = mark;
          first.input = fact.place.input;
          input.in_ledger.Set(fact.place.row);
          all.read.first_at = std::min(all.read.first_at, mark.first_at);
          all.read.last_at = std::max(all.read.last_at, mark.last_at);
          return absl::OkStatus();
        }
        input.twice.Set(fact.place.row);
        if (mark.content == first.mark->content) return absl::OkStatus();
        const auto row = static_cast<int64_t>(fact.place.row);
        all.late[fact.place.input].Set(fact.place.row);
        if (mark.round == all.round) {
          absl::Status back = all.stores[input.source]->GiveBack(row, mark.round);
          if (!back.ok()) return back;
        }
        return all.Reject(input, fact.place.input, mark.line, row, all.options.id_column,
                          "the id of another row",
                          absl::StrCat(", at line ", first.mark->line,
                                       first.input == fact.place.input
                                           ? std::string()
                                           : absl::StrCat(" of ", inputs[first.input].name)));
      });
}

// Rows that were taken and then found to be no good are read once more, to be kept beside the list.
absl::Status KeepLate(const ImportInput& input, const files::RowOptions& options,
                      const RowBits& late, RejectedRows* rejected) {
  if (!late.any()) return absl::OkStatus();
  auto stream = files::OpenInput(input.path);
  if (!stream.ok()) return stream.status();
  absl::StatusOr<files::OpenedRows> opened = files::OpenRows(*std::move(stream), options);
  if (!opened.ok()) return opened.status();
  files::InputRow row;
  while (row.number < input.rows) {
    const absl::StatusOr<bool> more = opened->reader->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (!late.Has(static_cast<uint64_t>(row.number))) continue;
    absl::Status kept = rejected->Keep(opened->reader->header(), row);
    if (!kept.ok()) return kept;
  }
  return absl::OkStatus();
}

// Where the newest row of each incident stands that each round took: a group ahead of what is told,
// so that a row that comes to light in the midst of a life is known as such.
class TakenAhead {
 public:
  using Place = std::tuple<int64_t, int64_t, uint32_t, uint64_t>;
  static Place PlaceOf(const files::FactPlace& at) {
    return {ToMillis(at.at), at.version, at.input, at.row};
  }

  explicit TakenAhead(std::unique_ptr<files::SortedFacts> facts) : facts_(std::move(facts)) {}

  // Groups come in order.
  absl::Status GoTo(uint64_t group) {
    if (started_ && group == group_) return absl::OkStatus();
    group_ = group;
    newest_.clear();
    if (!std::exchange(started_, true)) {
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    while (more_ && fact_.place.group == group) {
      RoundEvent event;
      if (!ParseLayout(fact_.entry, &event)) {
        return absl::DataLossError("a sorted event does not parse");
      }
      newest_[std::string(fact_.key)][event.round] = PlaceOf(fact_.place);
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Whether a row that `round` takes stands before one that an earlier round took, be it in this
  // import or in one that was cut off and goes on.
  bool IsBehind(absl::string_view id, const files::FactPlace& at, int round) const {
    const auto found = newest_.find(id);
    if (found == newest_.end()) return false;
    for (const auto& [taken, newest] : found->second) {
      if (taken < round && PlaceOf(at) < newest) return true;
    }
    return false;
  }

 private:
  absl::Status Read() {
    const absl::StatusOr<bool> more = facts_->Next(&fact_);
    if (!more.ok()) return more.status();
    more_ = *more;
    return absl::OkStatus();
  }

  const std::unique_ptr<files::SortedFacts> facts_;
  bool started_ = false;
  bool more_ = false;
  uint64_t group_ = 0;
  files::SortedFact fact_;
  absl::flat_hash_map<std::string, std::map<int, Place>> newest_;  // by round; look-ups only
};

// One row an event: what each row tells beside the others of its incident, into ledger order. A
// round is told beside the rows of its own time and before it; what is complete is not told again.
class CasesTold {
 public:
  CasesTold(const v1::Mapping& mapping, std::vector<ImportInput>& inputs, AllRows& all)
      : first_fact_(static_cast<uint32_t>(mapping.events().states_size() + 1)),
        inputs_(inputs),
        all_(all),
        rounds_({all.round}) {
    for (const ImportInput& input : inputs) {
      for (const ImportRound& round : input.record.rounds) {
        if (!round.complete) rounds_.insert(round.number);
        grown_ = true;
      }
    }
  }

  absl::Status Tell() {
    if (grown_) {
      auto reader = all_.by_incident->NewReader(Partition{0});
      if (!reader.ok()) return reader.status();
      ahead_ = std::make_unique<TakenAhead>(*std::move(reader));
    }
    return EachOfIncident<Case>(
        *all_.by_incident,
        [this](const files::SortedFact& sorted, Case& one) { return TellRow(sorted, one); });
  }

 private:
  struct Case {
    std::map<int, mapping::CaseTeller> tellers;  // by round
    std::optional<KnownIncident> known;
    bool open = false;
  };

  absl::Status TellRow(const files::SortedFact& sorted, Case& one) {
    if (!ParseLayout(sorted.entry, &row_)) {
      return absl::DataLossError("a sorted event does not parse");
    }
    if (!std::exchange(one.open, true)) {
      ++all_.read.incidents;
      for (const int round : rounds_) one.tellers.emplace(round, first_fact_);
      if (all_.options.find_known) {
        auto known = all_.options.find_known(row_.event.incident_id,
                                             PartitionOf(row_.event.community, all_.partitions));
        if (!known.ok()) return known.status();
        one.known = *std::move(known);
      }
    }
    if (ahead_ != nullptr) {
      if (absl::Status status = ahead_->GoTo(sorted.place.group); !status.ok()) return status;
    }
    for (auto& [round, teller] : one.tellers) {
      if (row_.round > round) continue;
      auto answer = mapping::CaseTeller::Answer::kTold;
      absl::Status status = teller.Tell(
          row_.event, &answer,
          [&](const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
            // A row of an earlier round may be the one that opens a later one's view of a life.
            return row_.round == round ? Put(sorted, one, teller.community(), place, told)
                                       : absl::OkStatus();
          });
      if (!status.ok()) return status;
      if (row_.round <= round && answer == mapping::CaseTeller::Answer::kTwice &&
          round == *rounds_.rbegin()) {
        inputs_[sorted.place.input].twice.Set(sorted.place.row);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Put(const files::SortedFact& sorted, const Case& one,
                   const std::string& told_community, const mapping::CaseTeller::Place& place,
                   const mapping::Observation& told) {
    observation_ = told;
    observation_.overtaken =
        told.report.empty() &&
        ((one.known && place.at_ms < one.known->last_at_ms) ||
         (ahead_ != nullptr && ahead_->IsBehind(told.incident_id, sorted.place, row_.round)));
    all_.bytes.clear();
    AppendLayout(observation_, &all_.bytes);
    const std::string& community = one.known ? one.known->community : told_community;
    const Partition partition =
        one.known ? one.known->partition : PartitionOf(community, all_.partitions);
    const absl::Time at = FromMillis(place.at_ms);
    all_.read.first_at = std::min(all_.read.first_at, at);
    all_.read.last_at = std::max(all_.read.last_at, at);
    return all_.sorter->Add(partition,
                            {.at = at,
                             .version = place.version,
                             .input = sorted.place.input,
                             .row = sorted.place.row,
                             .ordinal = place.ordinal,
                             .group = static_cast<uint64_t>(row_.round)},
                            community, all_.bytes);
  }

  const uint32_t first_fact_;
  std::vector<ImportInput>& inputs_;
  AllRows& all_;
  std::set<int> rounds_;  // that are told
  bool grown_ = false;
  std::unique_ptr<TakenAhead> ahead_;
  RoundEvent row_;
  mapping::Observation observation_;
};

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
absl::StatusOr<int> NextRound(const std::vector<ImportInput>& inputs) {
  int last = 0;
  for (const ImportInput& input : inputs) {
    for (const ImportRound& round : input.record.rounds) last = std::max(last, round.number);
  }
  if (last < kRoundsMax) return last + 1;
  return absl::FailedPreconditionError(
      absl::StrCat("it has grown and been imported ", kRoundsMax, " times, which is the most"));
}

absl::Status OpenStore(const ImportInput& input, const std::string& folder, AllRows& all) {
  if (all.stores.contains(input.source)) return absl::OkStatus();
  const std::string record = ImportRecordPath(folder, input.source);
  RowStore::Options options;
  options.path = absl::StrCat(absl::StripSuffix(record, ".json"), ".rows");
  options.rows_before = input.record.rows;
  options.by_content = IsRowsFile(input.name);
  for (const ImportRound& round : input.record.rounds) {
    options.rounds.push_back(round.number);
    if (!round.complete) options.cut_off.push_back(round.number);
  }
  auto store = RowStore::Open(std::move(options));
  if (store.ok()) all.stores.emplace(input.source, *std::move(store));
  return store.status();
}

absl::Status ReadAll(const v1::Mapping& mapping, std::vector<ImportInput>& inputs, AllRows& all) {
  int64_t size = 0;  // not known when one of them is a pipe
  for (const ImportInput& input : inputs) size += input.reader->input().size();
  for (const ImportInput& input : inputs) {
    if (input.reader->input().size() == 0) size = 0;
  }
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
    status = mapping.has_events() ? CasesTold(mapping, inputs, all).Tell() : FindTwice(inputs, all);
  }
  return status.ok() ? all.sorter->Finish() : status;
}

}  // namespace

std::string ImportInput::SourceOf(int round) const {
  const bool first = record.rounds.empty() || record.rounds.front().number == round;
  return first ? source : absl::StrCat(source, ".", round);
}

absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path,
                                                    const std::string& spool) {
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
    absl::StatusOr<ImportInput> input =
        OpenOne(path, mapping, mapping_path, *options, spool, *places);
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
  const absl::StatusOr<int> round = NextRound(inputs);
  if (!round.ok()) return round.status();
  AllRows all{partitions,
              options,
              sorter,
              by_incident->get(),
              files::DistinctCounter({options.memory_bytes / 8, options.temp_folder}),
              *round};
  all.late.resize(inputs.size());
  all.takes.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const char declared = mapping.csv().delimiter().empty() ? ',' : mapping.csv().delimiter()[0];
    all.rejected.push_back(std::make_unique<RejectedRows>(
        RejectedRows::Options{
            .base = ListBase(inputs[i], i, options.folder, inputs),
            .input = inputs[i].name,
            .delimiter = inputs[i].delimiter != 0 ? inputs[i].delimiter : declared,
            .mark = !inputs[i].is_utf8 || !mapping.encoding().empty(),
            .csv = inputs[i].delimiter != 0},
        &all.told));
    if (absl::Status opened = OpenStore(inputs[i], options.folder, all); !opened.ok()) {
      return opened;
    }
  }
  absl::Status status = ReadAll(mapping, inputs, all);
  // The lists are there however it ends: they say why.
  const absl::StatusOr<files::RowOptions> rows = RowOptionsOf(mapping);
  if (!rows.ok()) return rows.status();
  for (size_t i = 0; i < inputs.size() && status.ok(); ++i) {
    status = KeepLate(inputs[i], RowOptionsFor(inputs[i].path, *rows), all.late[i],
                      all.rejected[i].get());
  }
  for (const std::unique_ptr<RejectedRows>& rejected : all.rejected) {
    status.Update(rejected->Finish());
    if (rejected->count() > 0) all.read.lists.push_back(rejected->path());
    if (!rejected->kept_path().empty()) all.read.kept.push_back(rejected->kept_path());
  }
  for (ImportInput& input : inputs) input.in_ledger.Grow(input.rows);
  if (status.ok() && !mapping.has_events()) {
    const absl::StatusOr<int64_t> incidents = all.incidents.Count();
    status = incidents.status();
    if (incidents.ok()) all.read.incidents = *incidents;
  }
  for (const auto& [source, store] : all.stores) {
    if (!status.ok()) break;
    const absl::Status whole = store->CheckCutOff();
    if (!whole.ok())
      status = absl::Status(whole.code(), absl::StrCat(source, ": ", whole.message()));
  }
  for (const auto& [source, store] : all.stores) {
    if (status.ok()) status = store->Commit();
  }
  if (!status.ok()) return status;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t other = 0; all.takes[i] && other < inputs.size(); ++other) {
      std::vector<ImportRound>& rounds = inputs[other].record.rounds;
      const bool same = inputs[other].source == inputs[i].source;
      if (same && (rounds.empty() || rounds.back().number != all.round)) {
        rounds.push_back({.number = all.round, .complete = false});
      }
    }
  }
  return std::move(all.read);
}

}  // namespace gridledger::cli
