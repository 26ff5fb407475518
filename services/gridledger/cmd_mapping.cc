// gridledger mapping: a draft of a mapping for a file, and what a mapping makes of one. Writes no
// ledger.
#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/domain/mapping/event_mapper.h"
#include "services/domain/mapping/guess.h"
#include "services/domain/mapping/guess_draft.h"
#include "services/domain/mapping/life_walk.h"
#include "services/domain/mapping/mapper.h"
#include "services/domain/mapping/text_shape.h"
#include "services/gridledger/command.h"
#include "services/gridledger/mapped_rows.h"
#include "services/gridledger/places.h"
#include "services/gridledger/read_yaml.h"
#include "services/gridledger/terminal.h"
#include "services/runtime/adapters/files/row_format.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {
namespace {

constexpr size_t kProblemsMax = 1000;  // kinds; × ~300 B = 300 KB. What comes after is one more

struct GuessOptions {
  std::string input;
  bool json = false;
};

struct CheckOptions {
  std::string mapping;
  std::string input;
  int rows = 10;
  bool json = false;
};

// ---- guess

// A byte that is no text would end the JSON.
std::string Dump(const nlohmann::ordered_json& json) {
  return absl::StrCat(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

nlohmann::ordered_json Json(const mapping::Guess& guess, const mapping::DraftInput& input,
                            const std::string& draft) {
  using Column = mapping::Guess::Column;
  nlohmann::ordered_json json = {{"input", input.name},
                                 {"format", input.format},
                                 {"delimiter", input.delimiter},
                                 {"encoding", input.encoding},
                                 {"rows", guess.rows},
                                 {"whole", input.whole},
                                 {"a_row_is", guess.events ? "event" : "incident"},
                                 {"incidents", guess.incidents},
                                 {"missing", guess.missing}};
  nlohmann::ordered_json roles = nlohmann::ordered_json::object();
  for (const auto& [role, column] : {std::pair<const char*, Column>("id", guess.id),
                                     {"category", guess.category},
                                     {"community", guess.community},
                                     {"area", guess.area},
                                     {"unit", guess.unit},
                                     {"channel", guess.channel},
                                     {"due", guess.due},
                                     {"latitude", guess.latitude},
                                     {"longitude", guess.longitude},
                                     {"at", guess.at},
                                     {"reported_at", guess.reported_at},
                                     {"version", guess.version},
                                     {"closed_at", guess.closed_at},
                                     {"state", guess.state}}) {
    if (column) roles[role] = guess.columns[*column].name;
  }
  json["roles"] = std::move(roles);
  json["states"] = nlohmann::ordered_json::array();
  for (const mapping::SeenState& state : guess.states) {
    json["states"].push_back(
        {{"name", state.text}, {"rows", state.rows}, {"fact", std::string(state.meaning.fact)}});
  }
  json["leaks"] = nlohmann::ordered_json::array();
  for (const size_t column : guess.leaks) json["leaks"].push_back(guess.columns[column].name);
  json["doubtful"] = nlohmann::ordered_json::array();
  for (const size_t column : guess.doubtful) {
    json["doubtful"].push_back(guess.columns[column].name);
  }
  json["columns"] = nlohmann::ordered_json::array();
  for (const mapping::SeenColumn& column : guess.columns) {
    nlohmann::ordered_json one = {
        {"name", column.name}, {"values", column.values}, {"distinct", column.distinct}};
    if (column.is_time()) {
      one["time_formats"] = column.time.formats;
      one["has_offset"] = column.time.has_offset;
      if (!column.time.other_order.empty()) one["or_time_format"] = column.time.other_order;
    }
    json["columns"].push_back(std::move(one));
  }
  json["draft"] = draft;
  return json;
}

std::string FormatName(files::RowFormat format) {
  switch (format) {
    case files::RowFormat::kJsonLines: return "JSON_LINES";
    case files::RowFormat::kXes: return "XES";
    default: return "CSV";
  }
}

absl::Status RunGuess(const GuessOptions& options) {
  auto stream = files::OpenInput(options.input);
  if (!stream.ok()) return stream.status();
  mapping::DraftInput input;
  input.name = (*stream)->name();
  absl::StatusOr<files::OpenedRows> opened = files::OpenRows(*std::move(stream), {});
  if (!opened.ok()) return opened.status();
  input.format = FormatName(opened->format);
  if (opened->delimiter != 0) input.delimiter = std::string(1, opened->delimiter);
  input.encoding = opened->encoding;
  files::RowReader& reader = *opened->reader;
  if (reader.header().empty()) {
    // An empty file of JSON or XES, or one that is neither; its reader says which.
    files::InputRow row;
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return more.status();
    return absl::InvalidArgumentError(
        absl::StrCat(input.name, ": no row of it has a value: there is nothing to guess from"));
  }
  mapping::Guesser guesser(reader.header());
  files::InputRow row;
  int64_t rejected = 0;
  while (guesser.wants_more()) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) return more.status();
    input.whole = !*more;
    if (!*more) break;
    if (!row.rejected.empty()) {
      if (++rejected >= mapping::Guesser::kRowsMax) break;
      continue;
    }
    guesser.Add(row.fields);
  }
  if (guesser.rows() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(input.name, ": it has columns, but no row that can be read: there is nothing ",
                     "to guess from"));
  }
  if (rejected > 0) {
    std::fprintf(
        stderr,
        "gridledger: %s rows cannot be read; `gridledger mapping check` says which and why\n",
        Grouped(rejected).c_str());
  }
  const mapping::Guess guess = guesser.Finish();
  const std::string draft = mapping::DraftOf(guess, input);
  return WriteOut(options.json ? Dump(Json(guess, input, draft)) : draft);
}

// ---- check

struct Problem {
  std::string column;
  std::string found;
  std::string why;

  friend bool operator<(const Problem& a, const Problem& b) {
    return std::tie(a.column, a.why, a.found) < std::tie(b.column, b.why, b.found);
  }
};

struct Seen {
  int64_t rows = 0;
  int64_t first_line = 0;
};

struct Checked {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t facts = 0;
  std::vector<std::pair<Problem, Seen>> problems;  // by their first line
  absl::btree_map<Problem, Seen> by_kind;

  void Add(Problem problem, int64_t line) {
    ++rejected;
    if (by_kind.size() == kProblemsMax && !by_kind.contains(problem)) {
      problem = Problem{"", "", "other kinds, beyond the first 1,000"};
    }
    Seen& seen = by_kind[std::move(problem)];
    if (seen.rows++ == 0) seen.first_line = line;
  }

  void Finish() {
    problems.assign(by_kind.begin(), by_kind.end());
    std::stable_sort(problems.begin(), problems.end(), [](const auto& a, const auto& b) {
      return a.second.first_line < b.second.first_line;
    });
  }
};

std::string TimeText(int64_t at_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", FromMillis(at_ms), absl::UTCTimeZone());
}

// What a report says of its incident, beside its id.
std::vector<std::pair<std::string, std::string>> ReportFields(const v1::IncidentReported& report) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) fields.emplace_back(name, text);
  };
  add("category", report.category());
  add("community", report.community());
  add("area", report.area());
  add("unit", report.unit());
  add("channel", report.channel());
  if (report.due_at_ms() != 0) add("due", TimeText(report.due_at_ms()));
  if (report.has_point()) {
    add("point",
        absl::StrCat(report.point().latitude_e7(), "e-7,", report.point().longitude_e7(), "e-7"));
  }
  return fields;
}

std::string KindName(const v1::Fact& fact) {
  const auto* field = v1::Fact::descriptor()->FindFieldByNumber(fact.kind_case());
  return field == nullptr ? "" : field->name();
}

// What the first rows become, for people and for scripts.
class Shown {
 public:
  void Add(int64_t line, const mapping::Mapper::Made& made) {
    const v1::Fact& fact = made.entry->fact();
    const std::string kind = KindName(fact);
    nlohmann::ordered_json one = {{"line", line},
                                  {"at", TimeText(absl::ToUnixMillis(made.at))},
                                  {"fact", kind},
                                  {"incident", fact.incident_id()}};
    std::string about;
    if (fact.has_reported()) {
      for (const auto& [name, text] : ReportFields(fact.reported())) {
        one[name] = text;
        absl::StrAppend(&about, about.empty() ? "" : "  ", name, " ", Printable(text));
      }
    }
    if (fact.has_closed()) {
      const std::string disposition = v1::Disposition_Name(fact.closed().disposition());
      one["disposition"] = disposition.substr(disposition.find('_') + 1);
      about = one["disposition"].get<std::string>();
    }
    table_.Add({absl::StrCat(line), TimeText(absl::ToUnixMillis(made.at)), kind,
                Printable(fact.incident_id()), about});
    json_.push_back(std::move(one));
  }
  const TextTable& table() const { return table_; }
  const nlohmann::ordered_json& json() const { return json_; }

 private:
  TextTable table_{{{"line", TextTable::Align::kRight}, {"time"}, {"fact"}, {"incident"}, {""}}};
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

std::string CheckText(const CheckOptions& options, const Checked& checked, const Shown& shown) {
  std::string text;
  if (!shown.table().empty()) {
    absl::StrAppend(&text, "The first rows become (times in UTC):\n\n", shown.table().Print(),
                    "\n");
  }
  if (!checked.problems.empty()) {
    using Align = TextTable::Align;
    TextTable table({{"rows", Align::kRight},
                     {"first line", Align::kRight},
                     {"column"},
                     {"found"},
                     {"what is wrong"}});
    for (const auto& [problem, seen] : checked.problems) {
      table.Add({Grouped(seen.rows), Grouped(seen.first_line), Printable(problem.column),
                 problem.found, Printable(problem.why)});
    }
    absl::StrAppend(&text, "Rows that cannot be taken:\n\n", table.Print(), "\n");
  }
  absl::StrAppend(&text, Grouped(checked.rows - checked.rejected), " of ", Grouped(checked.rows),
                  " rows make ", Grouped(checked.facts), " facts.\n");
  if (checked.rejected == 0) {
    absl::StrAppend(&text, "\nNext: gridledger import --data CITY --mapping ", options.mapping, " ",
                    options.input, "\n");
  }
  return text;
}

std::string CheckJson(const Checked& checked, const Shown& shown) {
  nlohmann::ordered_json json = {
      {"rows", checked.rows}, {"rejected", checked.rejected}, {"facts", checked.facts}};
  json["shown"] = shown.json();
  json["problems"] = nlohmann::ordered_json::array();
  for (const auto& [problem, seen] : checked.problems) {
    json["problems"].push_back({{"rows", seen.rows},
                                {"first_line", seen.first_line},
                                {"column", problem.column},
                                {"found", problem.found},
                                {"why", problem.why}});
  }
  return Dump(json);
}

// The rows of a mapping of either shape. Of an event only what it says by itself: the report, if it
// is its incident's first, and the fact that its state stands for. What of it is new, and which
// steps are inferred, is seen beside the incident's other rows.
class CheckedRows {
 public:
  static absl::StatusOr<CheckedRows> Compile(const v1::Mapping& mapping,
                                             const std::vector<std::string>& header,
                                             const mapping::Places& places) {
    CheckedRows rows;
    if (!mapping.has_events()) {
      auto mapper = mapping::Mapper::Compile(mapping, header, mapping.source(), places);
      if (!mapper.ok()) return mapper.status();
      rows.mapper_ = *std::move(mapper);
      return rows;
    }
    auto events = mapping::EventMapper::Compile(mapping, header, mapping.source(), places);
    if (!events.ok()) return events.status();
    rows.events_ = *std::move(events);
    absl::StatusOr<std::vector<mapping::Target>> targets = mapping::TargetsOf(mapping);
    if (!targets.ok()) return targets.status();
    rows.targets_ = *std::move(targets);
    return rows;
  }

  // Nothing when the row is rejected. Lives until the next row.
  std::optional<absl::Span<const mapping::Mapper::Made>> Apply(mapping::Row row, uint64_t number) {
    if (mapper_ != nullptr) {
      const auto made = mapper_->Apply(row, number);
      if (made.empty()) return std::nullopt;
      return made;
    }
    const mapping::Event* event = events_->Apply(row, number);
    if (event == nullptr) return std::nullopt;
    made_.clear();
    const absl::Time at = FromMillis(event->at_ms);
    if (seen_.size() < kSeenMax && seen_.insert(event->incident_id).second) {
      INVARIANT(entries_[0].mutable_fact()->ParseFromString(event->report), "a report parses");
      made_.push_back(
          {event->reported_at_ms != 0 ? FromMillis(event->reported_at_ms) : at, &entries_[0], 0});
    }
    if (event->state != 0 && !targets_[event->state - 1].tells_nothing) {
      *entries_[1].mutable_fact() = targets_[event->state - 1].fact;
      entries_[1].mutable_fact()->set_incident_id(event->incident_id);
      made_.push_back({at, &entries_[1], 1});
    }
    return absl::MakeConstSpan(made_);
  }
  const mapping::Rejection& rejection() const {
    return mapper_ != nullptr ? mapper_->rejection() : events_->rejection();
  }

 private:
  static constexpr size_t kSeenMax = 10'000;  // incidents; only the first rows are shown

  std::unique_ptr<mapping::Mapper> mapper_;
  std::unique_ptr<mapping::EventMapper> events_;
  std::vector<mapping::Target> targets_;
  absl::flat_hash_set<std::string> seen_;
  std::vector<v1::Entry> entries_ = std::vector<v1::Entry>(2);
  std::vector<mapping::Mapper::Made> made_;
};

absl::Status RunCheck(const CheckOptions& options) {
  const absl::StatusOr<v1::Mapping> mapping = ReadMapping(options.mapping);
  if (!mapping.ok()) return mapping.status();
  const auto refused = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(absl::StrCat(options.mapping, ": ", why.message()));
  };
  const absl::StatusOr<files::RowOptions> row_options = RowOptionsOf(*mapping);
  if (!row_options.ok()) return refused(row_options.status());
  const auto reader = OpenMappedRows(options.input, *row_options);
  if (!reader.ok()) return reader.status();
  const std::vector<std::string>& header = (*reader)->header();
  const absl::StatusOr<mapping::Places> places = LoadPlaces(*mapping, options.mapping);
  if (!places.ok()) return places.status();
  absl::StatusOr<CheckedRows> rows = CheckedRows::Compile(*mapping, header, *places);
  if (!rows.ok()) return refused(rows.status());

  Checked checked;
  Shown shown;
  files::InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = (*reader)->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    ++checked.rows;
    if (!row.rejected.empty()) {
      checked.Add(Problem{"", "", row.rejected}, row.line);
      continue;
    }
    const auto made = rows->Apply(row.fields, static_cast<uint64_t>(row.number));
    if (!made) {
      const mapping::Rejection& why = rows->rejection();
      const auto column = std::find(header.begin(), header.end(), why.column);
      const std::string found =
          column == header.end()
              ? ""
              : mapping::ShapeOf(row.fields[static_cast<size_t>(column - header.begin())]);
      checked.Add(Problem{std::string(why.column), found, std::string(why.reason)}, row.line);
      continue;
    }
    checked.facts += static_cast<int64_t>(made->size());
    if (checked.rows > options.rows) continue;
    for (const mapping::Mapper::Made& fact : *made) shown.Add(row.line, fact);
  }
  checked.Finish();
  absl::Status written =
      WriteOut(options.json ? CheckJson(checked, shown) : CheckText(options, checked, shown));
  if (!written.ok() || checked.rejected == 0) return written;
  return absl::DataLossError(absl::StrCat(Grouped(checked.rejected), " of ", Grouped(checked.rows),
                                          " rows of ", options.input, " cannot be taken"));
}

}  // namespace

void AddMapping(CLI::App& app, Command* chosen) {
  CLI::App* command = app.add_subcommand(
      "mapping", "Draft a mapping for a city's own file, or see what a mapping makes of it");
  command->require_subcommand(1);
  command->footer(absl::StrCat(
      "Examples:\n"
      "  gridledger mapping guess requests.csv.gz > my-city.yaml\n"
      "  gridledger mapping check my-city.yaml requests.csv.gz\n"
      "  gridledger mapping check my-city.yaml requests.csv.gz --rows 3 --json\n\n"
      "A draft says what was seen in the first rows, and asks what they do not tell: lines marked\n"
      "ASK. A check reads the whole file and writes nothing: it shows what the first rows become,\n"
      "and each kind of problem with its first line, its column, and what the text looks like.\n\n",
      host::kExitCodes));

  auto guess_options = std::make_shared<GuessOptions>();
  CLI::App* guess = command->add_subcommand("guess", "Draft a mapping from a file's first rows");
  guess->add_option("INPUT", guess_options->input, "The file, or - for standard input")
      ->type_name("FILE")
      ->required();
  guess->add_flag("--json", guess_options->json, "Print JSON for scripts; the draft is in it");
  guess->callback(
      [chosen, guess_options] { *chosen = [guess_options] { return RunGuess(*guess_options); }; });

  auto check_options = std::make_shared<CheckOptions>();
  CLI::App* check = command->add_subcommand("check", "See what a mapping makes of a file");
  check->add_option("MAPPING", check_options->mapping, "Which column is what, as YAML")
      ->type_name("FILE")
      ->required();
  check->add_option("INPUT", check_options->input, "The file, or - for standard input")
      ->type_name("FILE")
      ->required();
  check->add_option("--rows", check_options->rows, "How many of the first rows are shown")
      ->type_name("N")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  check->add_flag("--json", check_options->json, "Print JSON for scripts instead of text");
  check->callback(
      [chosen, check_options] { *chosen = [check_options] { return RunCheck(*check_options); }; });
}

}  // namespace gridledger::cli
