#include "services/gridledger/commands/mapping_check.h"

#include <absl/container/btree_map.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "services/base/characters.h"
#include "services/base/layout.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/history/files/bytes/temp_folder.h"
#include "services/history/files/rows/row_format.h"
#include "services/history/importing/dry_run.h"
#include "services/history/importing/mapped_rows.h"
#include "services/history/importing/read_annex.h"
#include "services/history/importing/read_yaml.h"
#include "services/history/importing/row_bits.h"
#include "services/history/mapping/rows/event_mapper.h"
#include "services/history/mapping/rows/life_mapper.h"
#include "services/history/mapping/values/degrees.h"
#include "services/history/mapping/values/text_shape.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/ledger_options.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

constexpr size_t kProblemsMax = 1000;  // kinds; × ~300 B = 300 KB. What comes after is one more
constexpr size_t kLinesMax = 5;        // told of each kind
constexpr size_t kValueBytesMax = 60;  // of a text that is shown as it is
constexpr int kStatesMax = 12;         // named where one is not known

// ---- problems

enum class FoundIs { kNothing, kValue, kShape };

struct Problem {
  std::string column;
  std::string found;
  FoundIs found_is = FoundIs::kNothing;
  std::string why;

  friend bool operator<(const Problem& a, const Problem& b) {
    return std::tie(a.column, a.why, a.found_is, a.found) <
           std::tie(b.column, b.why, b.found_is, b.found);
  }
};

struct Seen {
  int64_t rows = 0;
  std::vector<int64_t> lines;  // the first ones, in order
  std::string expected;        // at the first of them

  // In whatever order.
  void Add(int64_t line, std::string expected_there) {
    ++rows;
    if (lines.empty() || line < lines.front()) expected = std::move(expected_there);
    const auto place = std::lower_bound(lines.begin(), lines.end(), line);
    if (place == lines.end() && lines.size() == kLinesMax) return;
    lines.insert(place, line);
    if (lines.size() > kLinesMax) lines.pop_back();
  }
};

struct Checked {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t twice = 0;      // rows that were there before, as far as the mapping uses them
  int64_t void_rows = 0;  // with a fact that counts for nothing
  int64_t facts = 0;      // that count
  bool cut = false;       // an incident has more rows than were looked at
  std::vector<std::pair<Problem, Seen>> problems;  // by their first line
  absl::btree_map<Problem, Seen> by_kind;
  absl::btree_map<std::pair<std::string, std::string>, Seen> voids;  // by fact and reason

  void Add(Problem problem, std::string expected, int64_t line) {
    ++rejected;
    if (by_kind.size() == kProblemsMax && !by_kind.contains(problem)) {
      problem = Problem{"", "", FoundIs::kNothing, "other kinds, beyond the first 1,000"};
      expected.clear();
    }
    by_kind[std::move(problem)].Add(line, std::move(expected));
  }

  void Finish() {
    problems.assign(by_kind.begin(), by_kind.end());
    std::stable_sort(problems.begin(), problems.end(), [](const auto& a, const auto& b) {
      return a.second.lines.front() < b.second.lines.front();
    });
  }
};

std::string StateNames(const v1::Mapping& mapping) {
  std::vector<std::string> names;
  int more = 0;
  for (const v1::StateRule& state : mapping.events().states()) {
    for (const std::string& name : state.names()) {
      if (static_cast<int>(names.size()) < kStatesMax) {
        names.push_back(name);
      } else {
        ++more;
      }
    }
  }
  return absl::StrCat("one of ", absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(", and ", more, " more") : "");
}

// What should have been there, where the reason is that something is not.
std::string Expected(const v1::Mapping& mapping, absl::string_view why) {
  if (absl::StrContains(why, "events.states")) return StateNames(mapping);
  if (absl::StartsWith(why, "without a value")) return "a value";
  if (absl::StartsWith(why, "with a control character")) return "a text without one";
  if (absl::StartsWith(why, "not a decimal number")) {
    return absl::StrCat(why.substr(4), mapping.incident().decimal_comma()
                                           ? " with a comma (decimal_comma: true)"
                                           : ", like 51.9607 (decimal_comma: true for 51,9607)");
  }
  if (absl::StartsWith(why, "not in its table")) return "a text of its table";
  if (absl::ConsumePrefix(&why, "longer than ")) return absl::StrCat("at most ", why);
  return absl::ConsumePrefix(&why, "not ") ? std::string(why) : "";
}

// Of a column whose texts are words of the city's own, the text as it is; of any other its shape,
// for it may be somebody's name.
void Find(const v1::Mapping& mapping, absl::string_view text, Problem* problem) {
  problem->found = mapping::ShapeOf(text);
  problem->found_is = FoundIs::kShape;
  const bool words = problem->column == mapping.events().state().column() ||
                     problem->column == mapping.incident().category().column();
  const absl::string_view value = StripBlanks(text);
  if (!words || value.empty() || value.size() > kValueBytesMax ||
      absl::StrContains(problem->found, '?') || absl::StartsWith(problem->found, "bytes")) {
    return;
  }
  problem->found.assign(value.data(), value.size());
  problem->found_is = FoundIs::kValue;
}

// ---- what the first rows become

std::string TimeText(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone());
}

std::string ShortName(const std::string& name, absl::string_view prefix) {
  return std::string(absl::StripPrefix(name, prefix));
}

// What a fact says, beside its incident's id.
std::vector<std::pair<std::string, std::string>> FieldsOf(const v1::Fact& fact) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) fields.emplace_back(name, text);
  };
  if (fact.has_reported()) {
    const v1::IncidentReported& report = fact.reported();
    add("category", report.category());
    add("community", report.community());
    add("area", report.area());
    add("unit", report.unit());
    add("channel", report.channel());
    if (report.due_at_ms() != 0) add("due", TimeText(FromMillis(report.due_at_ms())));
    if (report.has_point()) {
      add("point", absl::StrCat(mapping::PrintDegrees(report.point().latitude_e7()), " ",
                                mapping::PrintDegrees(report.point().longitude_e7())));
    }
  }
  if (fact.has_dispatched()) add("unit", fact.dispatched().unit());
  if (fact.has_deadline_extended()) {
    add("due", TimeText(FromMillis(fact.deadline_extended().due_at_ms())));
  }
  if (fact.has_handling_paused() && fact.handling_paused().kind() != v1::PAUSE_KIND_UNSPECIFIED) {
    add("pause", ShortName(v1::PauseKind_Name(fact.handling_paused().kind()), "PAUSE_KIND_"));
  }
  if (fact.has_closed()) {
    add("disposition",
        ShortName(v1::Disposition_Name(fact.closed().disposition()), "DISPOSITION_"));
  }
  return fields;
}

std::string KindName(const v1::Fact& fact) {
  const auto* field = v1::Fact::descriptor()->FindFieldByNumber(fact.kind_case());
  return field == nullptr ? "" : field->name();
}

// For people and for scripts.
class Shown {
 public:
  void Add(int64_t line, absl::Time at, const v1::Fact& fact,
           incident::VoidReason void_reason = incident::VoidReason::kNone) {
    const std::string kind = KindName(fact);
    nlohmann::ordered_json one = {
        {"line", line}, {"at", TimeText(at)}, {"fact", kind}, {"incident", fact.incident_id()}};
    std::string about;
    if (fact.inferred()) {
      one["inferred"] = true;
      about = "inferred";
    }
    if (void_reason != incident::VoidReason::kNone) {
      const std::string reason(incident::VoidReasonName(void_reason));
      one["void"] = reason;
      absl::StrAppend(&about, about.empty() ? "" : "  ", "void: ", reason);
    }
    for (const auto& [name, text] : FieldsOf(fact)) {
      one[name] = text;
      absl::StrAppend(&about, about.empty() ? "" : "  ", name, " ", Printable(text));
    }
    table_.Add({absl::StrCat(line), TimeText(at), kind, Printable(fact.incident_id()), about});
    json_.push_back(std::move(one));
  }
  void AddNothing(int64_t line, const std::string& incident_id, const std::string& why) {
    table_.Add({absl::StrCat(line), "", "", Printable(incident_id), why});
    json_.push_back({{"line", line}, {"incident", incident_id}, {"ignored", why}});
  }
  const TextTable& table() const { return table_; }
  const nlohmann::ordered_json& json() const { return json_; }

 private:
  TextTable table_{{{"line", TextTable::Align::kRight}, {"time"}, {"fact"}, {"incident"}, {""}}};
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

std::string Lines(const Seen& seen) {
  std::vector<std::string> lines;
  for (const int64_t line : seen.lines) lines.push_back(Grouped(line));
  const int64_t more = seen.rows - static_cast<int64_t>(lines.size());
  return absl::StrCat(absl::StrJoin(lines, " "), more > 0 ? " …" : "");
}

std::string CheckText(const CheckOptions& options, const Checked& checked, const Shown& shown,
                      const absl::Status& policy) {
  std::string text;
  if (!shown.table().empty()) {
    absl::StrAppend(&text, "The first rows become (times in UTC):\n\n", shown.table().Print(),
                    "\n");
  }
  if (checked.cut) {
    absl::StrAppend(&text,
                    "Their incidents have more rows than are looked at; an import may differ.\n\n");
  }
  if (!checked.problems.empty()) {
    using Align = TextTable::Align;
    TextTable table({{"rows", Align::kRight}, {"lines"}, {"column"}, {"found"}, {"what is wrong"}});
    for (const auto& [problem, seen] : checked.problems) {
      table.Add({Grouped(seen.rows), Lines(seen), Printable(problem.column),
                 absl::StrCat(problem.found_is == FoundIs::kShape ? "shape: " : "",
                              Printable(problem.found)),
                 Printable(problem.why)});
      if (!seen.expected.empty()) {
        table.AddNote(absl::StrCat("expected: ", Printable(seen.expected)));
      }
    }
    absl::StrAppend(&text, "Rows that cannot be taken:\n\n", table.Print(), "\n");
  }
  if (!checked.voids.empty()) {
    using Align = TextTable::Align;
    TextTable table({{"rows", Align::kRight}, {"lines"}, {"fact"}, {"why"}});
    for (const auto& [what, seen] : checked.voids) {
      table.Add({Grouped(seen.rows), Lines(seen), what.first, what.second});
    }
    absl::StrAppend(&text, "Facts that would count for nothing, against the life of their ",
                    "incident:\n\n", table.Print(), "\n");
  }
  absl::StrAppend(&text, Grouped(checked.rows - checked.rejected - checked.twice), " of ",
                  Grouped(checked.rows), " rows make ", Grouped(checked.facts), " facts");
  if (checked.void_rows > 0) {
    absl::StrAppend(&text, "; ", Grouped(checked.void_rows),
                    checked.void_rows == 1 ? " of them has" : " of them have",
                    " others that would be void");
  }
  absl::StrAppend(&text, ".\n");
  if (checked.twice > 0) {
    absl::StrAppend(&text, Grouped(checked.twice), checked.twice == 1 ? " says" : " say",
                    " what a row before says, as far as the mapping reads it: ignored.\n");
  }
  if (!policy.ok()) {
    absl::StrAppend(&text, "\nBefore it can be imported: ", policy.message(), "\n");
  } else if (checked.rejected == 0) {
    absl::StrAppend(&text, "\nNext: gridledger import --data CITY --mapping ", options.mapping, " ",
                    options.input, "\n");
  }
  return text;
}

std::string CheckJson(const Checked& checked, const Shown& shown, const absl::Status& policy) {
  nlohmann::ordered_json json = {{"rows", checked.rows},
                                 {"rejected", checked.rejected},
                                 {"void", checked.void_rows},
                                 {"twice", checked.twice},
                                 {"facts", checked.facts}};
  if (!policy.ok()) json["policy"] = policy.message();
  json["shown"] = shown.json();
  json["problems"] = nlohmann::ordered_json::array();
  for (const auto& [problem, seen] : checked.problems) {
    json["problems"].push_back({{"rows", seen.rows},
                                {"first_line", seen.lines.front()},
                                {"lines", seen.lines},
                                {"column", problem.column},
                                {"found", problem.found},
                                {"found_is", problem.found_is == FoundIs::kValue   ? "value"
                                             : problem.found_is == FoundIs::kShape ? "shape"
                                                                                   : ""},
                                {"why", problem.why},
                                {"expected", seen.expected}});
  }
  json["void_facts"] = nlohmann::ordered_json::array();
  for (const auto& [what, seen] : checked.voids) {
    json["void_facts"].push_back(
        {{"rows", seen.rows}, {"lines", seen.lines}, {"fact", what.first}, {"why", what.second}});
  }
  // A byte that is no text would end the JSON.
  return JsonText(json);
}

// ---- the rows of a mapping of either shape

class Check {
 public:
  ~Check() {
    foretold_.reset();
    std::error_code error;
    std::filesystem::remove(place_, error);  // only if nobody else's work is in it
  }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  static absl::StatusOr<std::unique_ptr<Check>> Compile(const CheckOptions& options,
                                                        const v1::Mapping& mapping,
                                                        std::vector<std::string> header,
                                                        const mapping::Annex& annex,
                                                        const absl::StatusOr<v1::Policy>& policy) {
    std::unique_ptr<Check> check(new Check(options, mapping, std::move(header)));
    if (mapping.has_events()) {
      auto events = mapping::EventMapper::Compile(mapping, check->header_, annex);
      if (!events.ok()) return events.status();
      check->events_ = *std::move(events);
    } else {
      auto lives = mapping::LifeMapper::Compile(mapping, check->header_, annex);
      if (!lives.ok()) return lives.status();
      check->lives_ = *std::move(lives);
    }
    // Limits and units of the policy, where it can be read; an import says why where it cannot.
    const absl::StatusOr<std::string> place = files::OwnTempPlace();
    if (!place.ok()) return place.status();
    auto foretold = DryRun::Make(mapping, policy.ok() ? *policy : v1::Policy(), *place);
    if (!foretold.ok()) return foretold.status();
    check->foretold_ = *std::move(foretold);
    check->place_ = *place;
    return check;
  }

  absl::Status Add(const files::InputRow& row) {
    ++checked_.rows;
    if (!row.rejected.empty()) {
      checked_.Add(Problem{"", "", FoundIs::kNothing, row.rejected}, "", row.line);
      return absl::OkStatus();
    }
    return events_ != nullptr ? Add(row, events_->Apply(row.fields), events_->rejection())
                              : Add(row, lives_->Apply(row.fields), lives_->rejection());
  }

  absl::Status Finish() {
    absl::Status status = foretold_->Tell([this](const DryRun::Told& told) { Take(told); });
    for (const auto& [row, told] : first_rows_) {
      for (const First& one : told) Show(one);
    }
    checked_.cut = foretold_->cut();
    checked_.Finish();
    return status;
  }
  const Checked& checked() const { return checked_; }
  const Shown& shown() const { return shown_; }

 private:
  // What one of the first rows tells.
  struct First {
    DryRun::What what;
    int64_t line;
    std::string incident_id;
    absl::Time at;
    v1::Fact fact;
    incident::VoidReason void_reason;
  };

  Check(const CheckOptions& options, const v1::Mapping& mapping, std::vector<std::string> header)
      : options_(options), mapping_(mapping), header_(std::move(header)) {}

  template <class Told>
  absl::Status Add(const files::InputRow& row, const Told* told, const mapping::Rejection& why) {
    if (told != nullptr) return foretold_->Add(*told, row.number, row.line);
    Reject(row, why);
    return absl::OkStatus();
  }

  void Take(const DryRun::Told& told) {
    using What = DryRun::What;
    switch (told.what) {
      case What::kFact: TakeFact(told); break;
      case What::kTwice: ++checked_.twice; break;
      case What::kNothingNew: break;
      case What::kIdOfAnother:
        checked_.Add(Problem{mapping_.incident().id().column(), "", FoundIs::kNothing,
                             "the id of another row"},
                     absl::StrCat("an id of its own; line ", told.line, " has that of line ",
                                  told.first_line),
                     told.line);
        return;
    }
    if (told.row > options_.rows) return;
    first_rows_[told.row].push_back({told.what, told.line, std::string(told.incident_id), told.at,
                                     told.fact != nullptr ? *told.fact : v1::Fact(),
                                     told.void_reason});
  }

  void Show(const First& one) {
    if (one.what == DryRun::What::kFact) {
      return shown_.Add(one.line, one.at, one.fact, one.void_reason);
    }
    const bool twice = one.what == DryRun::What::kTwice;
    shown_.AddNothing(one.line, one.incident_id, twice ? "the same row twice" : "nothing new");
  }

  void TakeFact(const DryRun::Told& told) {
    if (told.void_reason == incident::VoidReason::kNone) {
      ++checked_.facts;
      return;
    }
    if (void_rows_.Set(static_cast<uint64_t>(told.row))) ++checked_.void_rows;
    const std::string reason(incident::VoidReasonName(told.void_reason));
    checked_.voids[{KindName(*told.fact), reason}].Add(told.line, "");
  }

  void Reject(const files::InputRow& row, const mapping::Rejection& why) {
    Problem problem{std::string(why.column), "", FoundIs::kNothing, std::string(why.reason)};
    const auto column = std::find(header_.begin(), header_.end(), why.column);
    if (column != header_.end()) {
      Find(mapping_, row.fields[static_cast<size_t>(column - header_.begin())], &problem);
    }
    std::string expected = Expected(mapping_, problem.why);
    checked_.Add(std::move(problem), std::move(expected), row.line);
  }

  const CheckOptions& options_;
  const v1::Mapping& mapping_;
  const std::vector<std::string> header_;
  std::unique_ptr<mapping::LifeMapper> lives_;    // of rows with an incident each
  std::unique_ptr<mapping::EventMapper> events_;  // of rows with an event each
  std::string place_;                             // of what does not fit in memory
  std::unique_ptr<DryRun> foretold_;
  std::map<int64_t, std::vector<First>> first_rows_;
  RowBits void_rows_;
  Checked checked_;
  Shown shown_;
};

}  // namespace

absl::Status RunCheck(const CheckOptions& options) {
  const absl::StatusOr<v1::Mapping> mapping = ReadMapping(options.mapping);
  if (!mapping.ok()) return mapping.status();
  const absl::StatusOr<files::RowOptions> row_options = RowOptionsOf(*mapping);
  if (!row_options.ok()) return AtItsPlace(row_options.status(), options.mapping);
  absl::StatusOr<MappedRows> opened = OpenMappedRows(options.input, *row_options, "");
  if (!opened.ok()) return opened.status();
  const std::unique_ptr<files::RowReader> reader = std::move(opened->reader);
  if (opened->delimiter != 0) SayUnknownLeaks(*mapping, options.mapping, reader->header());
  absl::StatusOr<mapping::Annex> annex = LoadAnnex(*mapping, options.mapping);
  if (!annex.ok()) return annex.status();
  annex->present = absl::Now() + kAheadMax;
  const absl::StatusOr<v1::Policy> policy = ReadPolicy(PolicyPathOf(*mapping, options.mapping));
  auto check = Check::Compile(options, *mapping, reader->header(), *annex, policy);
  if (!check.ok()) return AtItsPlace(check.status(), options.mapping);

  files::InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::Status added = (*check)->Add(row); !added.ok()) return added;
  }
  if (absl::Status told = (*check)->Finish(); !told.ok()) return told;
  const Checked& checked = (*check)->checked();
  const Shown& shown = (*check)->shown();
  absl::Status written =
      WriteOut(options.json ? CheckJson(checked, shown, policy.status())
                            : CheckText(options, checked, shown, policy.status()));
  if (!written.ok() || checked.rejected == 0) return written;
  return absl::DataLossError(absl::StrCat(Grouped(checked.rejected), " of ", Grouped(checked.rows),
                                          " rows of ", options.input, " cannot be taken"));
}

}  // namespace gridledger::cli
