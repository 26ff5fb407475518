#include "services/history/mapping/guess/guess.h"

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "services/base/characters.h"
#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/history/mapping/values/degrees.h"
#include "services/history/mapping/values/text_rule.h"
#include "services/history/mapping/values/time_format.h"

namespace gridledger::mapping {
namespace {

constexpr int64_t kStatesMax = 60;  // of a column; more are words, not states
constexpr size_t kStateBytesMax = 80;
constexpr absl::string_view kOfTrace = "case:";

constexpr absl::string_view kMissing[] = {
    "?",    "NULL", "null", "Null", "(null)", "N/A", "n/a",   "#N/A",      "NA", "NaN", "nan",
    "None", "none", "nil",  "\\N",  "-",      "--",  "EMPTY", "undefined", "空", "无",  "暂无"};

constexpr size_t kZerosMax = 4;  // spellings of 1970: one a column of times, as a rule

// Words in names of columns, the most telling first. Chinese ones may stand anywhere in a name.
constexpr absl::string_view kIds[] = {"id",   "number", "no",        "nr",     "num",
                                      "key",  "ref",    "reference", "code",   "编号",
                                      "案号", "单号",   "工单",      "流水号", "案件号"};
constexpr absl::string_view kMatters[] = {
    "case",    "incident", "ticket", "request",    "enquiry", "inquiry", "report", "complaint",
    "vorgang", "dossier",  "zaak",   "expediente", "案",      "工单",    "事件",   "任务"};
constexpr absl::string_view kNotIds[] = {
    "caller",   "user",     "person", "agent",    "customer", "employee", "parent",   "problem",
    "resource", "location", "street", "zip",      "zipcode",  "phone",    "assigned", "opened",
    "created",  "updated",  "closed", "resolved", "rfc",      "change",   "event",    "seq",
    "row",      "district", "ward",   "unit",     "group",    "人",       "电话"};
constexpr absl::string_view kEventTimes[] = {"timestamp", "updated",  "changed", "modified",
                                             "event",     "time",     "at",      "操作时间",
                                             "更新时间",  "办理时间", "时间"};
constexpr absl::string_view kReported[] = {
    "reported",  "opened",     "open",        "created",   "submitted",  "requested",
    "received",  "registered", "start",       "startdate", "begin",      "上报",
    "登记",      "受理",       "创建",        "发现",      "来电",       "eingang",
    "ouverture", "inicio",     "apertura",    "ontvangst", "zgłoszenia", "utworzenia",
    "создания",  "обращения",  "регистрации", "abertura",  "signalement"};
constexpr absl::string_view kClosedTimes[] = {
    "closed",  "close",      "closing",     "resolved", "completed",  "finished",     "ended",
    "end",     "enddate",    "结案",        "办结",     "完成",       "处置",         "关闭",
    "ende",    "erledigt",   "abschluss",   "cloture",  "fin",        "cierre",       "afgehandeld",
    "clôture", "zamknięcia", "zakończenia", "закрытия", "завершения", "encerramento", "fechamento"};
constexpr absl::string_view kDue[] = {"due",      "deadline", "target", "sla",  "planned",
                                      "promised", "expected", "截止",   "期限", "时限",
                                      "frist",    "plazo",    "termijn"};
// Which is meant for the due time where there are several: the planned end of the whole.
constexpr absl::string_view kPlanned[] = {"planned", "plan", "scheduled", "expected", "target"};
constexpr absl::string_view kEnds[] = {"end",     "enddate",    "close",  "closed",
                                       "closing", "completion", "finish", "resolution"};
// Names of what only the end of an incident tells: of events no report may say it.
constexpr absl::string_view kFinal[] = {"closed",  "closure", "close", "resolved", "resolution",
                                        "outcome", "result",  "final", "finished", "completed",
                                        "verdict", "结果",    "结论",  "结案",     "办结"};
// Names of what is known when an incident begins, though all of its rows repeat it.
constexpr absl::string_view kKnownFirst[] = {
    "opened",   "open",      "created", "reported", "submitted",   "requested", "received",
    "start",    "startdate", "begin",   "caller",   "reporter",    "requester", "applicant",
    "customer", "citizen",   "user",    "channel",  "source",      "contact",   "origin",
    "location", "address",   "street",  "district", "ward",        "area",      "zone",
    "region",   "city",      "town",    "zip",      "postcode",    "latitude",  "longitude",
    "lat",      "lon",       "lng",     "category", "subcategory", "type",      "kind",
    "subject",  "topic",     "id",      "number",   "planned",     "due",       "deadline",
    "target",   "上报",      "登记",    "来源",     "编号",        "社区",      "街道",
    "地址",     "类别",      "类型",    "小类",     "大类",        "网格",      "期限"};
constexpr absl::string_view kStates[] = {"state", "status",  "状态",   "环节",     "阶段",
                                         "stage", "phase",   "step",   "activity", "节点",
                                         "name",  "zustand", "statut", "estado",   "toestand"};
constexpr absl::string_view kVersions[] = {"version",  "revision", "mod", "seq",
                                           "sequence", "序号",     "版本"};
constexpr absl::string_view kCategories[] = {
    "category",  "type",     "小类",   "类别",      "类型",      "大类",      "kind",
    "class",     "subject",  "reason", "topic",     "problem",   "kategorie", "art",
    "categorie", "tipo",     "soort",  "catégorie", "categoria", "categoría", "kategoria",
    "rodzaj",    "атегория", "вид",    "service"};
constexpr absl::string_view kCommunities[] = {
    "community", "neighborhood", "neighbourhood", "社区",   "borough",   "街道",
    "district",  "suburb",       "village",       "town",   "stadtteil", "bezirk",
    "ortsteil",  "quartier",     "bairro",        "barrio", "wijk",      "dzielnica",
    "айон",      "location",     "department",    "region", "city"};
constexpr absl::string_view kAreas[] = {"ward", "网格",    "precinct", "grid", "area",
                                        "zone", "片区",    "district", "beat", "tract",
                                        "zip",  "zipcode", "postcode"};
// Steps between the report and the end, in the order of life.
struct Milestone {
  absl::string_view fact;
  std::vector<absl::string_view> words;
};
const std::vector<Milestone>& Milestones() {
  static const auto* const all = new std::vector<Milestone>{
      {"verified", {"verified", "validated", "inspected", "核实", "geprüft"}},
      {"dispatched",
       {"dispatched", "assigned", "routed", "forwarded", "派遣", "分派", "weitergeleitet"}},
      {"dispatch_accepted", {"acknowledged", "accepted", "签收", "angenommen"}},
      {"handling_started",
       {"started", "enroute", "arrived", "arrival", "onscene", "on_scene", "begun", "begonnen"}},
      {"handling_finished",
       {"finished", "completed", "resolved", "repaired", "fixed", "处置", "处理", "behoben"}},
      {"check_passed", {"checked", "confirmed", "approved", "核查", "abgenommen"}}};
  return *all;
}
constexpr absl::string_view kTimeWords[] = {"time", "date", "timestamp", "ts", "epoch", "unix",
                                            "at",   "on",   "when",      "ms", "时间",  "日期"};
constexpr absl::string_view kUnits[] = {
    "department",   "unit",      "agency",      "group",       "team",     "部门",         "单位",
    "承办",         "主管",      "queue",       "responsible", "owner",    "dept",         "amt",
    "dienststelle", "zuständig", "fachbereich", "dienst",      "afdeling", "departamento", "unidad",
    "direction",    "jednostka", "wydział",     "сполнитель",  "отдел"};
constexpr absl::string_view kChannels[] = {"channel", "source", "contact", "来源",
                                           "渠道",    "origin", "intake",  "medium"};
constexpr absl::string_view kLatitudes[] = {"latitude", "lat",         "纬度",        "y",
                                            "breite",   "breitengrad", "breedtegraad"};
constexpr absl::string_view kLongitudes[] = {"longitude",   "lon",        "lng",   "long",
                                             "经度",        "x",          "länge", "längengrad",
                                             "laengengrad", "lengtegraad"};

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isascii(c); });
}

// 3 for the whole name, 2 for a word of it, 1 for a part of a word; 0.
int Matches(absl::string_view name, absl::string_view word) {
  absl::ConsumePrefix(&name, kOfTrace);
  const std::string lowered = absl::AsciiStrToLower(name);
  const absl::string_view lower = lowered;
  if (lower == word) return 3;
  if (!IsAscii(word)) return absl::StrContains(lower, word) ? 2 : 0;
  for (size_t at = lower.find(word); at != absl::string_view::npos; at = lower.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || !absl::ascii_isalpha(lower[at - 1]);
    const bool ends = end == lower.size() || !absl::ascii_isalpha(lower[end]);
    if (begins && ends) return 2;
  }
  return word.size() >= 4 && absl::StrContains(lower, word) ? 1 : 0;
}

bool Names(absl::string_view name, absl::Span<const absl::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](absl::string_view word) { return Matches(name, word) >= 2; });
}

// Whether there is a Han character in it: U+3400 to U+4DBF, U+4E00 to U+9FFF, or beyond U+20000.
bool HasHan(absl::string_view text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    const auto first = static_cast<uint8_t>(text[i]);
    const auto second = static_cast<uint8_t>(text[i + 1]);
    if (first >= 0xe4 && first <= 0xe9) return true;
    if (first == 0xe3 && second >= 0x90) return true;
    if (first == 0xf0 && second >= 0xa0 && second <= 0xb3) return true;
  }
  return false;
}

// Hiragana or katakana.
bool HasKana(absl::string_view text) {
  while (!text.empty()) {
    const char32_t code = TakeCharacter(&text);
    if (code >= 0x3041 && code <= 0x30FF && code != 0x30FB) return true;
  }
  return false;
}

bool IsText(absl::string_view text) {
  return std::none_of(text.begin(), text.end(), absl::ascii_iscntrl) &&
         google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

bool IsNumber(absl::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && std::count(text.begin(), text.end(), '.') <= 1 &&
         absl::ascii_isdigit(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || c == '.';
         });
}

bool IsWholeNumber(absl::string_view text) {
  return IsNumber(text) && text.size() <= 18 && !absl::StrContains(text, '.');
}

}  // namespace

Guesser::Guesser(absl::Span<const std::string> header) {
  for (const std::string& name : header) {
    guess_.columns.push_back({});
    guess_.columns.back().name = name;
    guess_.chinese = guess_.chinese || HasHan(name);
    guess_.kana = guess_.kana || HasKana(name);
  }
}

void Guesser::Add(Row row) {
  INVARIANT(row.size() == guess_.columns.size(), "a row has a field for each column");
  // Spreadsheets end in such.
  if (std::all_of(row.begin(), row.end(),
                  [](absl::string_view field) { return StripBlanks(field).empty(); })) {
    return;
  }
  for (const absl::string_view field : row) {
    const absl::string_view text = StripBlanks(field);
    guess_.kana = guess_.kana || HasKana(text);
    texts_.append(text.data(), text.size());
    ends_.push_back(texts_.size());
  }
  ++rows_;
}

absl::string_view Guesser::Text(int64_t row, size_t column) const {
  const size_t at = static_cast<size_t>(row) * guess_.columns.size() + column;
  const size_t from = at == 0 ? 0 : ends_[at - 1];
  return absl::string_view(texts_).substr(from, ends_[at] - from);
}

bool Guesser::IsValue(absl::string_view text) const { return !IsMissing(text, guess_.missing); }

Guess Guesser::Finish() {
  guess_.rows = rows_;
  FindMissing();
  for (size_t c = 0; c < guess_.columns.size(); ++c) LookAt(c);
  for (size_t c = 0; c + 1 < guess_.columns.size(); ++c) JoinHour(c);
  FindIncidents();
  if (rows_ > 0) {
    FindTimes();
    FindState();
    FindSteps();
    FindTexts();
    FindEnd();
    FindMilestones();
    FindLeaks();
  }
  return std::move(guess_);
}

absl::flat_hash_set<uint64_t> Guesser::Fingerprints(size_t column) const {
  absl::flat_hash_set<uint64_t> prints;
  for (int64_t row = 0; row < rows_; ++row) prints.insert(Fingerprint(Text(row, column)));
  return prints;
}

void Guesser::FindMissing() {
  for (const absl::string_view spelling : kMissing) {
    bool found = false;
    for (int64_t row = 0; row < rows_ && !found; ++row) {
      for (size_t c = 0; c < guess_.columns.size() && !found; ++c) {
        found = Text(row, c) == spelling;
      }
    }
    if (found) guess_.missing.emplace_back(spelling);
  }
  // The zero of a computer's clock is what stands where nobody told a time.
  absl::btree_set<absl::string_view> zeros;
  for (int64_t row = 0; row < rows_ && zeros.size() < kZerosMax; ++row) {
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      const absl::string_view text = Text(row, c);
      if (absl::StartsWith(text, "1970-01-01T00:00:00") ||
          absl::StartsWith(text, "1970-01-01 00:00:00")) {
        zeros.insert(text);
      }
    }
  }
  for (const absl::string_view zero : zeros) guess_.missing.emplace_back(zero);
}

void Guesser::LookAt(size_t column) {
  SeenColumn& seen = guess_.columns[column];
  if (seen.name.empty()) return;  // as of a table's running number: no mapping can name it
  std::vector<absl::string_view> values;
  absl::flat_hash_set<absl::string_view> distinct_texts;
  seen.number = true;
  seen.whole_number = true;
  for (int64_t row = 0; row < rows_; ++row) {
    const absl::string_view text = Text(row, column);
    if (!IsValue(text)) continue;
    values.push_back(text);
    distinct_texts.insert(text);
    seen.longest = std::max(seen.longest, text.size());
    seen.number = seen.number && IsNumber(text);
    seen.whole_number = seen.whole_number && IsWholeNumber(text);
  }
  seen.values = static_cast<int64_t>(values.size());
  seen.distinct = static_cast<int64_t>(distinct_texts.size());
  seen.number = seen.number && !values.empty();
  seen.whole_number = seen.whole_number && !values.empty();
  seen.time = GuessTimes(values);
  if (!seen.is_time()) FindMonths(values, &seen.time);
  const bool named = Names(seen.name, kTimeWords) || Names(seen.name, kEventTimes) ||
                     Names(seen.name, kReported) || Names(seen.name, kClosedTimes) ||
                     Names(seen.name, kDue);
  if (!seen.is_time() && named) seen.time = GuessCounts(values);
}

// Times with names of months in another language than English. A file has one.
void Guesser::FindMonths(const std::vector<absl::string_view>& values, TimeGuess* time) {
  constexpr size_t kLookedAt = 50;
  const auto in_english = [](const MonthNames& names, absl::Span<const absl::string_view> texts) {
    std::vector<std::string> out;
    std::string made;
    for (const absl::string_view text : texts) out.emplace_back(names.InEnglish(text, &made));
    return out;
  };
  const auto guess = [&](const MonthNames& names, absl::Span<const absl::string_view> texts) {
    const std::vector<std::string> english = in_english(names, texts);
    return GuessTimes(std::vector<absl::string_view>(english.begin(), english.end()));
  };
  const bool digits =
      !values.empty() && std::any_of(values[0].begin(), values[0].end(), absl::ascii_isdigit);
  if (!digits) return;
  for (const std::vector<std::string>& names : MonthNames::Known()) {
    if (!guess_.month_names.empty() && guess_.month_names != names) continue;
    const MonthNames months(names);
    if (guess(months, absl::MakeSpan(values).subspan(0, kLookedAt)).formats.empty()) continue;
    *time = guess(months, values);
    if (time->formats.empty()) continue;
    guess_.month_names = names;
    months_ = months;
    return;
  }
}

// A column of dates, and one of hours beside it, are one of times.
void Guesser::JoinHour(size_t column) {
  SeenColumn& date = guess_.columns[column];
  const SeenColumn& hour = guess_.columns[column + 1];
  const auto has_hour = [](const std::string& text) {
    const absl::StatusOr<TimeFormat> format = TimeFormat::Compile(text);
    return !format.ok() || format->has_hour();
  };
  if (!date.is_time() || hour.is_time() || hour.values == 0 ||
      std::any_of(date.time.formats.begin(), date.time.formats.end(), has_hour)) {
    return;
  }
  std::vector<std::string> joined;
  int64_t without = 0;
  for (int64_t row = 0; row < rows_; ++row) {
    if (!IsValue(Text(row, column))) continue;
    if (!IsValue(Text(row, column + 1))) {
      ++without;
    } else {
      joined.push_back(InEnglish(absl::StrCat(Text(row, column), " ", Text(row, column + 1))));
    }
  }
  TimeGuess both = GuessTimes(std::vector<absl::string_view>(joined.begin(), joined.end()));
  // "08:15" is read with a date before it, and nothing else is.
  if (both.formats.empty() || !std::all_of(both.formats.begin(), both.formats.end(), has_hour))
    return;
  if (without > 0) {
    both.formats.insert(both.formats.end(), date.time.formats.begin(), date.time.formats.end());
  }
  both.unreadable += date.time.unreadable;
  date.time = std::move(both);
  date.with = column + 1;
}

void Guesser::FindMilestones() {
  if (guess_.events) return;
  for (const Milestone& milestone : Milestones()) {
    const Guess::Column column = Best(milestone.words, [&](size_t c) {
      return guess_.columns[c].is_time() &&
             std::none_of(guess_.milestones.begin(), guess_.milestones.end(),
                          [&](const SeenMilestone& other) { return other.column == c; });
    });
    if (column) guess_.milestones.push_back({std::string(milestone.fact), *column});
  }
}

void Guesser::Group(size_t column) {
  groups_.clear();
  absl::flat_hash_map<absl::string_view, size_t> places;
  for (int64_t row = 0; row < rows_; ++row) {
    const absl::string_view id = Text(row, column);
    if (!IsValue(id)) continue;
    const auto [at, is_new] = places.emplace(id, groups_.size());
    if (is_new) groups_.emplace_back();
    groups_[at->second].push_back(row);
  }
}

bool Guesser::ChangesWithin(size_t column, const std::vector<int64_t>& rows) const {
  const absl::string_view first = Text(rows.front(), column);
  return std::any_of(rows.begin(), rows.end(),
                     [&](int64_t row) { return Text(row, column) != first; });
}

// Whether it is an id by its name that many rows have, though few of all: those of a log that
// begins with many incidents at once.
bool Guesser::IsRepeatedId(size_t column) const {
  constexpr int64_t kManyRows = 20;
  const SeenColumn& seen = guess_.columns[column];
  return Names(seen.name, kIds) && Names(seen.name, kMatters) && !Names(seen.name, kNotIds) &&
         seen.values - seen.distinct >= kManyRows;
}

int64_t Guesser::Constancy(size_t column) {
  Group(column);
  int64_t same = 0;
  int64_t all = 0;
  for (const std::vector<int64_t>& rows : groups_) {
    if (rows.size() < 2) continue;
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      ++all;
      if (!ChangesWithin(c, rows)) ++same;
    }
  }
  return all == 0 ? 0 : 100 * same / all;
}

void Guesser::FindIncidents() {
  int64_t best_unique = 0;
  int64_t best_repeating = 0;
  Guess::Column unique, repeating, any_unique;
  for (size_t c = 0; c < guess_.columns.size(); ++c) {
    const SeenColumn& seen = guess_.columns[c];
    if (seen.values == 0 || seen.values * 100 < rows_ * 99 || seen.is_time() ||
        seen.longest > kCodeBytesMax) {
      continue;
    }
    const bool of_trace = seen.name == "case:concept:name";  // what XES calls its traces
    int64_t score = of_trace ? 500 : 0;
    if (Names(seen.name, kIds)) score += 200;
    if (Names(seen.name, kMatters)) score += 200;
    if (Names(seen.name, kNotIds)) score -= 300;
    if (seen.distinct == seen.values && rows_ > 1) {
      if (!any_unique && !(seen.number && !seen.whole_number)) any_unique = c;
      if (score > best_unique) {
        best_unique = score;
        unique = c;
      }
    } else if (score > 0 && seen.distinct > 1 &&
               (seen.distinct * 10 <= rows_ * 9 || IsRepeatedId(c))) {
      // An incident's rows are alike in most columns; those of a caller or of a place are not.
      score += 4 * Constancy(c);
      if (score > best_repeating) {
        best_repeating = score;
        repeating = c;
      }
    } else if (seen.distinct * 10 > rows_ * 9 && score - 1 > best_unique) {
      // Now and then one stands twice; what never does is better.
      best_unique = score - 1;
      unique = c;
    }
  }
  // Rows of one id that differ by their time are events. What is unique beside it numbers them.
  bool times_change = false;
  if (repeating) {
    Group(*repeating);
    for (size_t c = 0; c < guess_.columns.size() && !times_change; ++c) {
      if (!guess_.columns[c].is_time()) continue;
      int64_t several = 0;
      int64_t changing = 0;
      for (const std::vector<int64_t>& rows : groups_) {
        if (rows.size() < 2) continue;
        ++several;
        if (ChangesWithin(c, rows)) ++changing;
      }
      times_change = changing * 2 > several;
    }
  }
  const bool of_trace = repeating && absl::StartsWith(guess_.columns[*repeating].name, kOfTrace);
  guess_.events =
      repeating && times_change && (of_trace || !unique || best_repeating > best_unique + 300);
  guess_.id = guess_.events ? repeating : unique ? unique : any_unique ? any_unique : repeating;
  if (repeating && times_change && guess_.id != repeating && IsRepeatedId(*repeating)) {
    guess_.or_id = repeating;
  }
  groups_.clear();
  if (!guess_.id) return;
  Group(*guess_.id);
  guess_.incidents = static_cast<int64_t>(groups_.size());
  for (const std::vector<int64_t>& rows : groups_) {
    if (rows.size() < 2) continue;
    ++guess_.several_rows;
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      if (ChangesWithin(c, rows)) ++guess_.columns[c].changing;
    }
  }
}

Guess::Column Guesser::Best(absl::Span<const absl::string_view> words,
                            const std::function<bool(size_t)>& fits) const {
  Guess::Column best;
  int best_match = 0;
  size_t best_word = words.size();
  for (size_t c = 0; c < guess_.columns.size(); ++c) {
    if (Used(c) || !fits(c)) continue;
    for (size_t w = 0; w < words.size(); ++w) {
      const int match = Matches(guess_.columns[c].name, words[w]);
      const bool weak = match == 1;  // a part of a word: only where nothing else is
      if (match == 0 || (best && weak)) continue;
      // The more telling word wins, and of one word the better match, and then the first column.
      if (best && best_match > 1 && (w > best_word || (w == best_word && match <= best_match))) {
        continue;
      }
      best = c;
      best_match = match;
      best_word = w;
      break;
    }
  }
  return best;
}

bool Guesser::Used(size_t column) const {
  const Guess& g = guess_;
  for (const Guess::Column& used :
       {g.id, g.category, g.community, g.area, g.unit, g.channel, g.due, g.latitude, g.longitude,
        g.at, g.reported_at, g.version, g.closed_at, g.state}) {
    if (used == column || (used && g.columns[*used].with == column)) return true;
  }
  return false;
}

std::string Guesser::InEnglish(absl::string_view text) const {
  std::string made;
  return std::string(months_.InEnglish(text, &made));
}

std::optional<int64_t> Guesser::TimeAt(int64_t row, size_t column) const {
  absl::string_view text = Text(row, column);
  if (!IsValue(text)) return std::nullopt;
  std::string joined;
  const std::optional<size_t> with = guess_.columns[column].with;
  if (with && IsValue(Text(row, *with))) {
    joined = absl::StrCat(text, " ", Text(row, *with));
    text = joined;
  }
  const std::string english = InEnglish(text);
  text = english;
  for (const std::string& format : guess_.columns[column].time.formats) {
    const absl::StatusOr<TimeFormat> compiled = TimeFormat::Compile(format);
    int64_t ms = 0;
    if (compiled.ok() && compiled->Read(text, &ms)) return ms;
  }
  return std::nullopt;
}

int64_t Guesser::Later(size_t column, size_t than) const {
  constexpr int64_t kRowsLookedAt = 500;  // a format is compiled for each
  int64_t both = 0;
  int64_t later = 0;
  const int64_t step = std::max<int64_t>(1, rows_ / kRowsLookedAt);
  for (int64_t row = 0; row < rows_; row += step) {
    const std::optional<int64_t> one = TimeAt(row, column);
    const std::optional<int64_t> other = TimeAt(row, than);
    if (!one || !other) continue;
    ++both;
    if (*one > *other) ++later;
  }
  return both == 0 ? 0 : 100 * later / both;
}

void Guesser::FindTimes() {
  const auto is_time = [&](size_t c) { return guess_.columns[c].is_time(); };
  if (guess_.events) {
    // Of the times that change from row to row of an incident the one that does so most.
    int64_t most = 0;
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      const SeenColumn& seen = guess_.columns[c];
      if (!seen.is_time() || absl::StartsWith(seen.name, kOfTrace)) continue;
      const int64_t score =
          seen.changing * 100 + (Names(seen.name, kEventTimes) ? guess_.several_rows * 10 : 0);
      if (seen.changing == 0 || score <= most) continue;
      most = score;
      guess_.at = c;
    }
  }
  guess_.due = Best({"due"}, is_time);
  if (!guess_.due) {
    guess_.due = Best(kPlanned,
                      [&](size_t c) { return is_time(c) && Names(guess_.columns[c].name, kEnds); });
  }
  if (!guess_.due) guess_.due = Best(kDue, is_time);
  const auto whole = [&](size_t c) {
    return is_time(c) && (!guess_.events || guess_.columns[c].changing * 50 <= guess_.several_rows);
  };
  const Guess::Column reported = Best(
      kReported, [&](size_t c) { return whole(c) && guess_.columns[c].values * 10 >= rows_ * 9; });
  if (guess_.events) {
    guess_.reported_at = reported;
    guess_.version = Best(kVersions, [&](size_t c) {
      const SeenColumn& seen = guess_.columns[c];
      return seen.whole_number && seen.changing * 2 > guess_.several_rows;
    });
    return;
  }
  guess_.at = reported;
  for (size_t c = 0; c < guess_.columns.size() && !guess_.at; ++c) {
    if (is_time(c) && guess_.due != c && guess_.columns[c].values == rows_) guess_.at = c;
  }
  guess_.closed_at = Best(kClosedTimes, is_time);
}

void Guesser::FindState() {
  int64_t most = 0;
  for (size_t c = 0; c < guess_.columns.size(); ++c) {
    const SeenColumn& seen = guess_.columns[c];
    if (Used(c) || seen.is_time() || seen.distinct < 2 || seen.distinct > kStatesMax ||
        seen.longest > kStateBytesMax) {
      continue;
    }
    if (guess_.events && seen.changing * 5 < guess_.several_rows) continue;
    int64_t named = 0;
    for (size_t w = 0; w < std::size(kStates) && named == 0; ++w) {
      const int match = Matches(seen.name, kStates[w]);
      if (match >= 2) named = 100 - 5 * static_cast<int64_t>(w);
    }
    absl::btree_set<absl::string_view> distinct;
    for (int64_t row = 0; row < rows_; ++row) {
      if (IsValue(Text(row, c))) distinct.insert(Text(row, c));
    }
    int64_t known = 0;
    for (const absl::string_view text : distinct) {
      if (!MeaningOf(text).fact.empty()) ++known;
    }
    const int64_t share = 100 * known / seen.distinct;
    // By its name, or by its words alone; a closed incident's state has words that are known.
    if (named == 0 && share < 60) continue;
    if (!guess_.events && share < 50) continue;
    const int64_t score = named + share;
    if (score <= most) continue;
    most = score;
    guess_.state = c;
  }
  if (!guess_.state) return;
  absl::flat_hash_map<absl::string_view, size_t> places;
  for (int64_t row = 0; row < rows_; ++row) {
    const absl::string_view text = Text(row, *guess_.state);
    if (!IsValue(text) || !IsText(text)) continue;
    const auto [at, is_new] = places.emplace(text, guess_.states.size());
    if (is_new) guess_.states.push_back(SeenState{std::string(text), 0, MeaningOf(text)});
    ++guess_.states[at->second].rows;
    guess_.chinese = guess_.chinese || HasHan(text);
  }
  // Where nothing is closed by its word, what is finished is.
  const bool closes = std::any_of(guess_.states.begin(), guess_.states.end(),
                                  [](const SeenState& s) { return s.meaning.fact == "closed"; });
  for (SeenState& seen : guess_.states) {
    if (closes || seen.meaning.fact != "handling_finished") continue;
    seen.meaning = MeaningOf("closed");
  }
  for (int64_t row = 0; row < rows_ && guess_.closed_at; ++row) {
    if (IsValue(Text(row, *guess_.closed_at))) continue;
    const auto at = places.find(Text(row, *guess_.state));
    if (at == places.end()) continue;
    if (guess_.states[at->second].meaning.fact == "closed") ++guess_.closed_without_time;
  }
}

// Degrees with a fraction.
bool Guesser::LooksLikePlace(size_t column, int32_t limit_e7, char decimal_sign) const {
  bool fraction = false;
  for (int64_t row = 0; row < rows_; ++row) {
    const absl::string_view text = Text(row, column);
    if (!IsValue(text)) continue;
    int32_t degrees_e7 = 0;
    if (!ParseDegrees(text, limit_e7, &degrees_e7, decimal_sign)) return false;
    fraction = fraction || absl::StrContains(text, decimal_sign);
  }
  return fraction;
}

void Guesser::FindPlace() {
  for (const char sign : {'.', ','}) {
    guess_.latitude =
        Best(kLatitudes, [&](size_t c) { return LooksLikePlace(c, kLatitudeMaxE7, sign); });
    guess_.longitude =
        Best(kLongitudes, [&](size_t c) { return LooksLikePlace(c, kLongitudeMaxE7, sign); });
    guess_.decimal_comma = sign == ',';
    if (guess_.latitude && guess_.longitude) return;
  }
  guess_.latitude.reset();
  guess_.longitude.reset();
}

void Guesser::FindTexts() {
  FindPlace();
  const auto code = [&](size_t c) {
    const SeenColumn& seen = guess_.columns[c];
    if (guess_.events && Names(seen.name, kFinal)) return false;
    return !seen.is_time() && seen.distinct > 1 && seen.longest <= kCodeBytesMax &&
           seen.distinct * 2 <= std::max<int64_t>(seen.values, 8);
  };
  guess_.unit = Best(kUnits, code);
  guess_.category = Best(kCategories, code);
  guess_.community = Best(kCommunities, code);
  // A file of one place, or of one kind, still says which.
  const auto only = [&](const Guess::Column& found, absl::Span<const absl::string_view> words) {
    if (found) return found;
    return Best(words, [&](size_t c) {
      const SeenColumn& seen = guess_.columns[c];
      return Names(seen.name, words) && !seen.is_time() && seen.distinct == 1 &&
             seen.values == rows_ && seen.longest <= kCodeBytesMax;
    });
  };
  guess_.category = only(guess_.category, kCategories);
  guess_.community = only(guess_.community, kCommunities);
  guess_.area = Best(kAreas, code);
  guess_.channel = Best(kChannels, code);
}

// Where no word of a state closes an incident and what happens are steps of work, the first of most
// incidents files it, and every other one is work on it.
void Guesser::FindSteps() {
  constexpr int64_t kStepsMin = 3;
  if (!guess_.events || !guess_.state) return;
  const auto known =
      std::count_if(guess_.states.begin(), guess_.states.end(),
                    [](const SeenState& state) { return !state.meaning.fact.empty(); });
  const auto all = static_cast<int64_t>(guess_.states.size());
  if (all < kStepsMin || known * 5 > all) return;
  absl::flat_hash_map<absl::string_view, int64_t> begun;
  for (const std::vector<int64_t>& rows : groups_) {
    int64_t first = rows.front();
    std::optional<int64_t> first_at;
    for (const int64_t row : rows) {
      const std::optional<int64_t> at = guess_.at ? TimeAt(row, *guess_.at) : std::nullopt;
      if (!at || (first_at && *at >= *first_at)) continue;
      first_at = at;
      first = row;
    }
    ++begun[Text(first, *guess_.state)];
  }
  guess_.steps = true;
  for (SeenState& state : guess_.states) {
    if (!state.meaning.fact.empty()) continue;
    const auto times = begun.find(state.text);
    const bool begins = times != begun.end() && times->second * 2 > guess_.incidents;
    state.meaning = StateMeaning{begins ? "filed" : "handling_started", "", "", ""};
  }
}

void Guesser::FindEnd() {
  if (!guess_.events || !guess_.at) return;
  const bool closes =
      std::any_of(guess_.states.begin(), guess_.states.end(),
                  [](const SeenState& state) { return state.meaning.fact == "closed"; });
  if (closes) return;
  guess_.closed_at = Best(kClosedTimes, [&](size_t c) {
    return guess_.columns[c].is_time() && SameWithin(c) &&
           !Names(guess_.columns[c].name, kPlanned) && Later(c, *guess_.at) >= 50;
  });
}

bool Guesser::SameWithin(size_t column) const {
  return guess_.columns[column].changing * 50 <= guess_.several_rows &&
         guess_.columns[column].values > 0;
}

void Guesser::FindLeaks() {
  if (!guess_.events || !guess_.at) return;
  const auto same = [&](size_t c) { return SameWithin(c); };
  for (size_t c = 0; c < guess_.columns.size(); ++c) {
    if (Used(c) || !guess_.columns[c].is_time() || !same(c)) continue;
    if (Names(guess_.columns[c].name, kDue)) continue;  // a plan is known beforehand
    if (Later(c, *guess_.at) >= 50) guess_.leaks.push_back(c);
  }
  // closed_code beside closed_at: known with it.
  const size_t times = guess_.leaks.size();
  for (size_t c = 0; c < guess_.columns.size(); ++c) {
    if (Used(c) || guess_.columns[c].is_time() || !same(c)) continue;
    for (size_t i = 0; i < times; ++i) {
      const absl::string_view time = guess_.columns[guess_.leaks[i]].name;
      const size_t stem = time.find('_');
      if (stem == absl::string_view::npos || stem < 4) continue;
      if (!absl::StartsWith(guess_.columns[c].name, time.substr(0, stem + 1))) continue;
      guess_.leaks.push_back(c);
      break;
    }
  }
  // An outcome or a sum says nothing of itself but that it is the same from the first row on.
  for (size_t c = 0; c < guess_.columns.size() && guess_.several_rows > 1; ++c) {
    const SeenColumn& seen = guess_.columns[c];
    const bool known = Names(seen.name, kKnownFirst) && !Names(seen.name, kFinal);
    if (Used(c) || !same(c) || seen.distinct < 2 || known ||
        std::count(guess_.leaks.begin(), guess_.leaks.end(), c) > 0) {
      continue;
    }
    guess_.doubtful.push_back(c);
  }
}

}  // namespace gridledger::mapping
