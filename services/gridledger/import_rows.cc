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
#include "services/domain/mapping/life_walk.h"
#include "services/gridledger/mapped_rows.h"
#include "services/gridledger/places.h"
#include "services/gridledger/rejected_rows.h"
#include "services/gridledger/terminal.h"

namespace gridledger::cli {
namespace {

constexpr size_t kInputsMax = 1000;  // × ~16 KiB of rules and names = 16 MiB; one is open at a time
constexpr int64_t kRowsBetweenLooks = 1024;
constexpr size_t kReasonsMax = 200;  // × ~100 B; more are nothing that anybody reads

// Rows that are corrected are the same source, whichever of them is corrected first.
std::string SourceOf(const v1::Mapping& mapping, const std::string& name, uint64_t beginning) {
  if (IsRowsFile(name)) beginning = Fingerprint(std::filesystem::path(name).filename().string());
  return absl::StrFormat("%s#%08x", mapping.source(), static_cast<uint32_t>(beginning));
}

absl::StatusOr<ImportInput> OpenHeader(const std::string& path, const v1::Mapping& mapping,
                                       const std::string& mapping_path,
                                       const files::RowOptions& options, const std::string& spool,
                                       const mapping::Places& places) {
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
  if (mapping.has_events()) {
    auto events = mapping::EventMapper::Compile(mapping, header, places);
    if (!events.ok()) return refused(events.status());
    input.events = *std::move(events);
    return input;
  }
  auto lives = mapping::LifeMapper::Compile(mapping, header, places);
  if (!lives.ok()) return refused(lives.status());
  input.lives = *std::move(lives);
  return input;
}

absl::StatusOr<ImportInput> OpenOne(const std::string& path, const v1::Mapping& mapping,
                                    const std::string& mapping_path,
                                    const files::RowOptions& options, const std::string& spool,
                                    const mapping::Places& places) {
  absl::StatusOr<ImportInput> input =
      OpenHeader(path, mapping, mapping_path, options, spool, places);
  std::error_code error;
  if (!input.ok() || !std::filesystem::is_regular_file(path, error)) return input;
  input->reader.reset();
  input->row = {};
  return input;
}

// What all inputs share while they are read.
struct AllRows {
  int partitions;
  const ReadRowsOptions& options;
  const std::string& source;      // of the mapping
  const files::RowOptions& rows;  // how inputs are read
  files::FactSorter* sorter;
  files::FactSorter* by_incident;  // the rows that were taken, or that are known
  const std::vector<mapping::Target>& targets;
  int round;  // of rows that no import has taken
  std::vector<int> known_rounds = {};
  RowsRead read = {};
  int told = 0;
  std::vector<std::unique_ptr<RejectedRows>> rejected = {};  // by input
  std::vector<RowBits> late = {};                            // by input: see KeepLate
  std::string bytes = {};                                    // of an entry
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

// A row, and the round that took it.
template <class Told>
struct RoundRow {
  int round = 0;
  uint64_t present = 0;  // its number through all inputs
  int64_t line = 0;
  Told told;
  template <class A>
  void Fields(A& a) {
    a(round, present, line);
    told.Fields(a);
  }
};
using RoundEvent = RoundRow<mapping::Event>;
using RoundLife = RoundRow<mapping::Life>;

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
  input.is_taken = true;
  if (known->twice) {
    input.twice.Set(number);
    return absl::OkStatus();
  }
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
  for (bool more = input.has_row; more;) {
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
        return told == nullptr ? absl::OkStatus()
                               : store.Look(present, Fingerprint(told->incident_id), told->content);
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

// What the ledger has of an incident, asked once.
class Asked {
 public:
  absl::Status Ask(const std::string& id, const std::string& community, AllRows& all) {
    if (std::exchange(asked_, true) || all.options.known == nullptr) return absl::OkStatus();
    auto found = all.options.known->Find(id, PartitionOf(community, all.partitions));
    if (!found.ok()) return found.status();
    known_ = *std::move(found);
    return absl::OkStatus();
  }
  const std::optional<KnownIncident>& known() const { return known_; }

 private:
  bool asked_ = false;
  std::optional<KnownIncident> known_;
};

// Puts a step where its incident is.
absl::Status AddTold(ToldRow& told, const std::optional<KnownIncident>& known,
                     const std::string& community, const files::FactPlace& place, AllRows& all) {
  all.bytes.clear();
  AppendLayout(told, &all.bytes);
  all.read.first_at = std::min(all.read.first_at, place.at);
  all.read.last_at = std::max(all.read.last_at, place.at);
  const std::string& key = known ? known->community : community;
  const Partition partition = known ? known->partition : PartitionOf(key, all.partitions);
  return all.sorter->Add(partition, place, key, all.bytes);
}

// One row an incident: of rows with the same id in one input the first one counts; one of a later
// input is a later word. Where the ledger has the incident, or an earlier input, what is new in a
// row is told.
class LivesTold {
 public:
  LivesTold(std::vector<ImportInput>& inputs, RowStore& store, AllRows& all)
      : inputs_(inputs),
        store_(store),
        all_(all),
        rounds_(all.read.rounds.begin(), all.read.rounds.end()) {}

  absl::Status Tell() {
    auto left_out = files::FactSorter::Open({.memory_bytes = all_.options.memory_bytes / 8,
                                             .temp_folder = all_.options.temp_folder,
                                             .partitions = 1});
    if (!left_out.ok()) return left_out.status();
    left_out_ = *std::move(left_out);
    absl::Status status = EachOfIncident<One>(
        *all_.by_incident,
        [this](const files::SortedFact& sorted, One& one) { return TellRow(sorted, one); });
    if (status.ok()) status = RejectLeftOut();
    return status;
  }

 private:
  // The first row of an incident in an input.
  struct First {
    int64_t line = 0;
    uint32_t input = 0;
    uint64_t content = 0;
  };
  // A row with the id of another one.
  struct LeftOut {
    int64_t line = 0;
    int64_t first_line = 0;
    template <class A>
    void Fields(A& a) {
      a(line, first_line);
    }
  };
  struct One {
    std::string community;  // of the first of all: an incident stays where it is
    std::vector<First> firsts;
    std::vector<std::string> reports;                 // that these rows tell
    std::vector<std::pair<uint32_t, int64_t>> steps;  // likewise: target, and when it happened
    Asked asked;
  };

  absl::Status TellRow(const files::SortedFact& sorted, One& one) {
    if (!ParseLayout(sorted.entry, &row_)) {
      return absl::DataLossError("a sorted row does not parse");
    }
    const RowOf at = RowOfPresent(inputs_, row_.present);
    const bool is_new = row_.round == all_.round;
    for (const First& first : one.firsts) {
      if (!is_new) break;
      if (first.content == row_.told.content) {
        inputs_[at.input].twice.Set(at.row);
        return absl::OkStatus();
      }
      if (first.input == at.input) return LeaveOut(at, first);
    }
    absl::Status status;
    if (is_new || rounds_.contains(row_.round)) {
      status = one.asked.Ask(row_.told.incident_id, row_.told.community, all_);
      if (!status.ok()) return status;
    }
    // What was kept because of its id, and has it still, is no later word.
    if (is_new && one.asked.known() && inputs_[at.input].corrects) return LeaveOut(at, First());
    if (one.firsts.empty()) {
      ++all_.read.incidents;
      one.community = row_.told.community;
    }
    one.firsts.push_back({row_.line, static_cast<uint32_t>(at.input), row_.told.content});
    if (is_new) {
      status = store_.Take({.incident = sorted.place.group,
                            .content = row_.told.content,
                            .round = row_.round,
                            .row = row_.present});
      if (!status.ok()) return status;
    }
    if (rounds_.contains(row_.round)) {
      if (is_new && (one.asked.known() || one.firsts.size() > 1)) ++all_.read.changed;
      status = TellLife(sorted.place.row, one);
      if (!status.ok()) return status;
    }
    one.reports.push_back(row_.told.report);
    for (const mapping::Life::Step& step : row_.told.steps) {
      one.steps.emplace_back(step.target, step.happened_at_ms);
    }
    return absl::OkStatus();
  }

  absl::Status LeaveOut(const RowOf& at, const First& first) {
    inputs_[at.input].twice.Set(at.row);
    all_.late[at.input].Set(at.row);
    LeftOut left_out{row_.line, first.line};
    all_.bytes.clear();
    AppendLayout(left_out, &all_.bytes);
    return left_out_->Add(Partition{0}, {.at = absl::UnixEpoch(), .row = row_.present}, "",
                          all_.bytes);
  }

  // In the order of the rows.
  absl::Status RejectLeftOut() {
    if (absl::Status status = left_out_->Finish(); !status.ok()) return status;
    auto reader = left_out_->NewReader(Partition{0});
    if (!reader.ok()) return reader.status();
    files::SortedFact sorted;
    LeftOut left_out;
    while (true) {
      const absl::StatusOr<bool> more = (*reader)->Next(&sorted);
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
      if (!ParseLayout(sorted.entry, &left_out)) {
        return absl::DataLossError("a sorted rejection does not parse");
      }
      const RowOf at = RowOfPresent(inputs_, sorted.place.row);
      absl::Status rejected =
          all_.Reject(inputs_[at.input], static_cast<uint32_t>(at.input), left_out.line,
                      static_cast<int64_t>(at.row), all_.options.id_column, "the id of another row",
                      left_out.first_line == 0 ? ", which is in the ledger"
                                               : absl::StrCat(", at line ", left_out.first_line));
      if (!rejected.ok()) return rejected;
    }
  }

  // What nobody has told of it.
  absl::Status TellLife(uint64_t number, const One& one) {
    const mapping::Life& life = row_.told;
    const std::optional<KnownIncident>& known = one.asked.known();
    ToldRow told;
    told.present = row_.present;
    told.observation.incident_id = life.incident_id;
    told.observation.report = life.report;
    files::FactPlace place{.at = FromMillis(life.reported_at_ms),
                           .row = number,
                           .group = static_cast<uint64_t>(row_.round)};
    absl::StatusOr<bool> is_known =
        std::count(one.reports.begin(), one.reports.end(), life.report) > 0;
    if (known && !*is_known) {
      v1::Fact report;
      if (!report.ParseFromString(life.report)) {
        return absl::DataLossError("a sorted report does not parse");
      }
      is_known = IsKnown(report, *known);
      if (!is_known.ok()) return is_known.status();
    }
    if (!*is_known) {
      absl::Status added = AddTold(told, known, one.community, place, all_);
      if (!added.ok()) return added;
    }
    told.observation.report.clear();
    told.observation.unit = life.unit;
    told.observation.target_changed = true;
    for (size_t i = 0; i < life.steps.size(); ++i) {
      const mapping::Life::Step& step = life.steps[i];
      const std::pair<uint32_t, int64_t> said(step.target, step.happened_at_ms);
      if (std::count(one.steps.begin(), one.steps.end(), said) > 0) continue;
      if (known) {
        v1::Fact fact = all_.targets[step.target - 1].fact;
        fact.set_happened_at_ms(step.happened_at_ms);
        is_known = IsKnown(fact, *known);
        if (!is_known.ok()) return is_known.status();
        if (*is_known) continue;
      }
      told.observation.happened_at_ms = step.happened_at_ms;
      told.observation.target = step.target;
      place.at = FromMillis(step.at_ms);
      place.ordinal = static_cast<uint32_t>(i + 1) * mapping::CaseTeller::kFactsMax;
      absl::Status added = AddTold(told, known, one.community, place, all_);
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  }

  // Whether somebody has said that of the incident, but for this round itself: what it has told
  // before it was cut off is told as what it was.
  absl::StatusOr<bool> IsKnown(const v1::Fact& fact, const KnownIncident& known) {
    for (const KnownFact& there : known.facts) {
      if (there.kind != fact.kind_case() || there.happened_at_ms != fact.happened_at_ms()) continue;
      if (row_.round == all_.round && !fact.has_reported()) return true;
      const absl::StatusOr<const v1::Entry*> entry =
          all_.options.known->Read(known.partition, there.offset);
      if (!entry.ok()) return entry.status();
      if ((*entry)->source().source() == RoundName(all_.source, row_.round)) continue;
      if (!fact.has_reported() || IsSameReport((*entry)->fact(), fact)) return true;
    }
    return false;
  }

  static bool IsSameReport(const v1::Fact& a, const v1::Fact& b) {
    return a.reported().SerializeAsString() == b.reported().SerializeAsString();
  }

  std::vector<ImportInput>& inputs_;
  RowStore& store_;
  AllRows& all_;
  const std::set<int> rounds_;
  std::unique_ptr<files::FactSorter> left_out_;
  RoundLife row_;
};

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
  return absl::OkStatus();
}

// Up to where each round has told an incident, a group ahead of what is told: so that a row that
// comes to light in the midst of a life is known as such. A row that tells no state leaves one
// behind it as it is.
class TakenAhead {
 public:
  TakenAhead(std::unique_ptr<files::SortedFacts> rows, const std::vector<mapping::Target>& targets)
      : rows_(std::move(rows)), targets_(targets) {}

  // Groups come in order.
  absl::Status GoTo(uint64_t group) {
    if (started_ && group == group_) return absl::OkStatus();
    group_ = group;
    newest_.clear();
    if (!std::exchange(started_, true)) {
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    while (more_ && sorted_.place.group == group) {
      if (!ParseLayout(sorted_.entry, &row_)) {
        return absl::DataLossError("a sorted event does not parse");
      }
      const mapping::Event& event = row_.told;
      const mapping::Target* const target = event.state == 0 ? nullptr : &targets_[event.state - 1];
      const bool tells_state = target != nullptr && !target->tells_nothing;
      Newest& newest = newest_[event.incident_id][row_.round];
      const Place here{event.at_ms, event.version,
                       tells_state && target->phase == incident::Phase::kClosed};
      if (tells_state) newest.state = here;
      if (tells_state || !event.unit.empty()) newest.unit = here;
      if (absl::Status status = Read(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Whether a row that `round` takes stands before one that an earlier round took, be it in this
  // import or in one that was cut off and goes on. What stands beside the end comes before it.
  bool IsBehind(const mapping::Event& event, int round, bool moves_state) const {
    const auto found = newest_.find(event.incident_id);
    if (found == newest_.end()) return false;
    for (const auto& [taken, newest] : found->second) {
      if (taken >= round) break;
      const Place& place = moves_state ? newest.state : newest.unit;
      const auto here = std::tie(event.at_ms, event.version);
      const auto there = std::tie(place.at_ms, place.version);
      if (here < there || (here == there && place.closes)) return true;
    }
    return false;
  }

 private:
  struct Place {
    int64_t at_ms = std::numeric_limits<int64_t>::min();
    int64_t version = 0;
    bool closes = false;
  };
  struct Newest {
    Place state;
    Place unit;
  };

  absl::Status Read() {
    const absl::StatusOr<bool> more = rows_->Next(&sorted_);
    if (!more.ok()) return more.status();
    more_ = *more;
    return absl::OkStatus();
  }

  const std::unique_ptr<files::SortedFacts> rows_;
  const std::vector<mapping::Target>& targets_;
  bool started_ = false;
  bool more_ = false;
  uint64_t group_ = 0;
  files::SortedFact sorted_;
  RoundEvent row_;
  absl::flat_hash_map<std::string, std::map<int, Newest>> newest_;  // by round; look-ups only
};

// Where an incident stood when the ledger last heard of it.
struct LastHeard {
  int64_t at_ms = 0;
  int64_t state_at_ms = 0;  // of more than its unit and its deadline
  bool closed = false;      // at the very instant `at_ms`
  int round = 0;            // that told so; 0 for another source, or a person
  int64_t version = std::numeric_limits<int64_t>::max();
};

absl::StatusOr<LastHeard> LastHeardOf(const KnownIncident& known, AllRows& all) {
  const auto is_state = [&](const KnownFact& fact) {
    if (fact.kind == v1::Fact::kDeadlineExtended) return false;
    return fact.kind != v1::Fact::kDispatched ||
           std::any_of(all.targets.begin(), all.targets.end(),
                       [](const mapping::Target& target) { return target.fact.has_dispatched(); });
  };
  LastHeard last;
  std::vector<KnownFact> states;
  for (const KnownFact& fact : known.facts) {
    last.at_ms = std::max(last.at_ms, fact.happened_at_ms);
    if (is_state(fact)) states.push_back(fact);
  }
  // The newest first: it is hardly ever another one.
  std::stable_sort(states.begin(), states.end(), [](const KnownFact& a, const KnownFact& b) {
    return a.happened_at_ms > b.happened_at_ms;
  });
  for (const KnownFact& fact : states) {
    const absl::StatusOr<const v1::Entry*> entry =
        all.options.known->Read(known.partition, fact.offset);
    if (!entry.ok()) return entry.status();
    // Another unit begins anew what the one before it had begun: inferred, it tells no state.
    if ((*entry)->fact().inferred()) continue;
    last.state_at_ms = fact.happened_at_ms;
    break;
  }
  for (const KnownFact& fact : known.facts) {
    if (!known.is_closed || fact.kind != v1::Fact::kClosed || fact.happened_at_ms != last.at_ms) {
      continue;
    }
    const absl::StatusOr<const v1::Entry*> entry =
        all.options.known->Read(known.partition, fact.offset);
    if (!entry.ok()) return entry.status();
    last.closed = true;
    for (const int round : all.known_rounds) {
      if ((*entry)->source().source() != RoundName(all.source, round)) continue;
      last.round = round;
      last.version = (*entry)->source().version();
    }
  }
  return last;
}

// One row an event: what each row tells beside the others of its incident, into ledger order. A
// round is told beside the rows of its own time and before it; what is complete is not told again.
class CasesTold {
 public:
  CasesTold(const v1::Mapping& mapping, std::vector<ImportInput>& inputs, RowStore& store,
            AllRows& all)
      : first_fact_(static_cast<uint32_t>(mapping.events().states_size() + 1)),
        final_closing_(mapping.events().after_closing() == v1::AFTER_CLOSING_VOID),
        inputs_(inputs),
        store_(store),
        all_(all),
        rounds_(all.read.rounds.begin(), all.read.rounds.end()) {}

  absl::Status Tell() {
    if (!store_.empty()) {
      auto reader = all_.by_incident->NewReader(Partition{0});
      if (!reader.ok()) return reader.status();
      ahead_ = std::make_unique<TakenAhead>(*std::move(reader), all_.targets);
    }
    return EachOfIncident<Case>(
        *all_.by_incident,
        [this](const files::SortedFact& sorted, Case& one) { return TellRow(sorted, one); });
  }

 private:
  struct Case {
    std::map<int, mapping::CaseTeller> tellers;  // by round
    Asked asked;
    LastHeard last;
    bool open = false;
    bool is_asked = false;
  };

  void Open(Case& one) {
    if (std::exchange(one.open, true)) return;
    ++all_.read.incidents;
    for (const int round : rounds_) one.tellers.emplace(round, first_fact_);
  }

  // When something is to be told of it.
  absl::Status Ask(Case& one) {
    if (std::exchange(one.is_asked, true)) return absl::OkStatus();
    absl::Status status = one.asked.Ask(row_.told.incident_id, row_.told.community, all_);
    if (!status.ok() || !one.asked.known()) return status;
    absl::StatusOr<LastHeard> last = LastHeardOf(*one.asked.known(), all_);
    if (last.ok()) one.last = *last;
    return last.status();
  }

  absl::Status TellRow(const files::SortedFact& sorted, Case& one) {
    if (!ParseLayout(sorted.entry, &row_)) {
      return absl::DataLossError("a sorted event does not parse");
    }
    Open(one);
    if (ahead_ != nullptr) {
      if (absl::Status status = ahead_->GoTo(sorted.place.group); !status.ok()) return status;
    }
    bool twice = false;
    for (auto& [round, teller] : one.tellers) {
      if (row_.round > round) continue;
      auto answer = mapping::CaseTeller::Answer::kTold;
      absl::Status status = teller.Tell(
          row_.told, &answer,
          [&](const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
            // A row of an earlier round may be the one that opens a later one's view of a life.
            return row_.round == round ? Put(sorted, one, teller.community(), place, told)
                                       : absl::OkStatus();
          });
      if (!status.ok()) return status;
      twice = round == all_.round && answer == mapping::CaseTeller::Answer::kTwice;
    }
    if (twice) {
      const RowOf at = RowOfPresent(inputs_, row_.present);
      inputs_[at.input].twice.Set(at.row);
    }
    if (twice || row_.round != all_.round) return absl::OkStatus();
    return store_.Take({.incident = sorted.place.group,
                        .content = row_.told.content,
                        .round = row_.round,
                        .row = row_.present});
  }

  bool IsOvertaken(const Case& one, const mapping::CaseTeller::Place& place,
                   const mapping::Observation& told) const {
    const bool closes = told.target_changed && told.target != 0 &&
                        all_.targets[told.target - 1].phase == incident::Phase::kClosed;
    // Where nothing opens an incident anew its end is one, whenever it is heard of.
    if (closes && final_closing_) return false;
    const LastHeard& last = one.last;
    if (place.at_ms < (told.target_changed ? last.state_at_ms : last.at_ms)) return true;
    // What stands at the very instant of the end comes before it, unless its version says
    // otherwise.
    if (place.at_ms == last.at_ms && last.closed && last.round != row_.round &&
        place.version <= last.version) {
      return true;
    }
    return ahead_ != nullptr && ahead_->IsBehind(row_.told, row_.round, told.target_changed);
  }

  // Takes off what an earlier round, or somebody else, has said already: a row that says more than
  // before repeats the rest.
  absl::Status LeaveOutSaid(const KnownIncident& known, mapping::Observation& told) const {
    std::string unit;  // at that time
    for (const KnownFact& fact : known.facts) {
      const bool same_instant = fact.happened_at_ms == told.happened_at_ms;
      const bool dispatched =
          fact.kind == v1::Fact::kDispatched && fact.happened_at_ms <= told.happened_at_ms;
      if (!same_instant && !dispatched) continue;
      const absl::StatusOr<const v1::Entry*> entry =
          all_.options.known->Read(known.partition, fact.offset);
      if (!entry.ok()) return entry.status();
      if ((*entry)->source().source() == RoundName(all_.source, row_.round)) continue;
      const v1::Fact& said = (*entry)->fact();
      if (dispatched) unit = said.dispatched().unit();
      if (!same_instant) continue;
      if (told.target_changed && all_.targets[told.target - 1].fact.kind_case() == fact.kind) {
        told.target_changed = false;
      }
      if (said.deadline_extended().due_at_ms() == told.new_due_at_ms) told.new_due_at_ms = 0;
    }
    if (unit == told.unit) told.unit_changed = false;
    return absl::OkStatus();
  }

  absl::Status Put(const files::SortedFact& sorted, Case& one, const std::string& community,
                   const mapping::CaseTeller::Place& place, const mapping::Observation& told) {
    if (absl::Status status = Ask(one); !status.ok()) return status;
    told_.present = row_.present;
    told_.observation = told;
    told_.observation.overtaken = told.report.empty() && IsOvertaken(one, place, told);
    if (told_.observation.overtaken && one.asked.known()) {
      mapping::Observation& left = told_.observation;
      absl::Status status = LeaveOutSaid(*one.asked.known(), left);
      const bool any = left.target_changed || left.unit_changed || left.new_due_at_ms != 0;
      if (!status.ok() || !any) return status;
    }
    return AddTold(told_, one.asked.known(), community,
                   {.at = FromMillis(place.at_ms),
                    .version = place.version,
                    .row = sorted.place.row,
                    .ordinal = place.ordinal,
                    .group = static_cast<uint64_t>(row_.round)},
                   all_);
  }

  const uint32_t first_fact_;
  const bool final_closing_;  // nothing opens an incident anew
  std::vector<ImportInput>& inputs_;
  RowStore& store_;
  AllRows& all_;
  const std::set<int> rounds_;  // that are told
  std::unique_ptr<TakenAhead> ahead_;
  RoundEvent row_;
  ToldRow told_;
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

// Rows that came in by another mapping must not come in by this one.
absl::Status CheckMeans(const ImportMeans& means, const std::string& source,
                        const ImportRecord& record, const RowStore& store) {
  for (const int round : store.rounds_here()) {
    const ImportMeans& before = record.means[record.Find(round)->means];
    absl::Status same =
        CheckSameMeans(absl::StrCat("what round ", round, " of ", source, " took"), before, means);
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
    before += static_cast<uint64_t>(input.rows);
    // Only the source's name is still needed.
    input.reader.reset();
    input.lives.reset();
    input.events.reset();
  }
  absl::Status status = all.by_incident->Finish();
  if (status.ok()) {
    status = mapping.has_events() ? CasesTold(mapping, inputs, store, all).Tell()
                                  : LivesTold(inputs, store, all).Tell();
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
                                                    const std::string& spool, bool again) {
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
  // Rows with an incident each are read once more to be kept beside the list of rejected ones.
  const std::string kept = again || !mapping.has_events() ? spool : "";
  std::vector<ImportInput> inputs;
  for (const std::string& path : paths) {
    absl::StatusOr<ImportInput> input =
        OpenOne(path, mapping, mapping_path, *options, kept, *places);
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
    absl::Status same = CheckSameMeans(input.source, record->means[before->second], means);
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
  for (const ImportRound& before : record->rounds) all.known_rounds.push_back(before.number);
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
