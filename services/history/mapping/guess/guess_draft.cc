#include "services/history/mapping/guess/guess_draft.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cstdint>

#include "services/history/mapping/values/time_format.h"

namespace gridledger::mapping {
namespace {

using Column = Guess::Column;

// 1234567 → "1,234,567"
std::string Grouped(int64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

// Written where Han characters are, and the clock is another one than Shanghai's.
bool IsOfAnotherLand(absl::string_view encoding) {
  for (const absl::string_view name :
       {"SHIFT_JIS", "EUC-JP", "ISO-2022-JP", "EUC-KR", "BIG5", "EUC-TW"}) {
    if (absl::EqualsIgnoreCase(encoding, name)) return true;
  }
  return false;
}

// In a comment: one line, without what could move a cursor.
std::string InComment(absl::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (absl::ascii_iscntrl(c)) c = ' ';
  }
  return out;
}

std::string List(const std::vector<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ", ",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, YamlText(text));
                                    }),
                      "]");
}

class Draft {
 public:
  Draft(const Guess& guess, const DraftInput& input) : guess_(guess), input_(input) {}

  std::string Write() {
    Opening();
    Input();
    Times();
    Incident();
    if (guess_.events) {
      Events();
    } else {
      Facts();
    }
    Leaks();
    Unused();
    return out_;
  }

 private:
  void Line(absl::string_view text) { absl::StrAppend(&out_, text, "\n"); }
  const SeenColumn& At(const Column& column) const { return guess_.columns[*column]; }
  std::string Name(const Column& column) const { return YamlText(At(column).name); }

  void Opening() {
    Line(absl::StrCat("# A draft for ", InComment(input_.name), ","));
    Line(absl::StrCat("# guessed from ", input_.whole ? "its " : "its first ", Grouped(guess_.rows),
                      " rows. Answer what is marked ASK, then see what the rows become:"));
    Line("#   gridledger mapping check THIS.yaml FILE");
    Line("");
    Line(
        "# The name of the source in the ledger. Keep it: it tells what has been imported "
        "already.");
    Line(absl::StrCat("source: ", SourceName()));
    Line("");
    Line(
        "# ASK: the rules to activate first: deadlines, warnings, who is told. Write them into a "
        "file");
    Line(
        "# policy.yaml beside this one. deploy/policies/boston311.yaml is an example; the least "
        "is");
    Line("#   version: my-city-1            # the name of these rules");
    Line("#   zone: Europe/London           # whose working days they are");
    Line("#   default_unit: town-hall       # whose case it is when nothing else says so");
    Line("policy: policy.yaml");
    Line("");
  }

  std::string SourceName() const {
    constexpr size_t kNameMax = 40;
    absl::string_view file = input_.name;
    if (const size_t slash = file.rfind('/'); slash != absl::string_view::npos) {
      file.remove_prefix(slash + 1);
    }
    file = file.substr(0, file.find('.'));
    std::string name;
    for (const char c : file) {
      const char lower = absl::ascii_tolower(c);
      if (absl::ascii_isalnum(lower) || lower == '-' || lower == '_') {
        name += lower;
      } else if (!name.empty() && name.back() != '-' && absl::ascii_isascii(c)) {
        name += '-';
      }
    }
    name = name.substr(0, kNameMax);
    while (!name.empty() && name.back() == '-') name.pop_back();
    return name.empty() || name == "standard-input" ? "my-source" : name;
  }

  void Input() {
    Line(absl::StrCat("format: ", input_.format));
    Csv();
    if (input_.encoding_guessed) {
      Line(
          "# ASK: guessed from the bytes; are names spelled right in what a check shows? Else "
          "take");
      Line("# the like of WINDOWS-1252, WINDOWS-1250, WINDOWS-1251, KOI8-R, GB18030, SHIFT_JIS.");
    } else if (input_.begins_as_ascii) {
      Line(
          "# It begins as plain ASCII. Where a check finds rows that are not text, name its "
          "encoding.");
    }
    Line(absl::StrCat("encoding: ", YamlText(input_.encoding)));
    if (!guess_.missing.empty()) {
      Line("");
      Line(
          "# Spellings of \"no value\" that there are, in any column. Nothing and blanks always "
          "mean it.");
      Line(absl::StrCat("missing: ", List(guess_.missing)));
    }
    Line("");
  }

  void Csv() {
    if (input_.delimiter.empty()) return;
    std::string csv = absl::StrCat("delimiter: ", YamlText(input_.delimiter));
    if (input_.skip_lines > 0) absl::StrAppend(&csv, ", skip_lines: ", input_.skip_lines);
    if (!input_.header.empty()) {
      Line("# ASK: it has no header, as it seems. What are its columns called?");
      absl::StrAppend(&csv, ", header: ", List(input_.header));
    }
    Line(absl::StrCat("csv: {", csv, "}"));
  }

  // Times that name no formats of their own have those of most columns.
  void Times() {
    bool zone = false;
    int64_t most = 0;
    for (const SeenColumn& one : guess_.columns) {
      if (!one.is_time()) continue;
      zone = zone || !one.time.has_offset;
      const auto same = std::count_if(
          guess_.columns.begin(), guess_.columns.end(),
          [&](const SeenColumn& other) { return other.time.formats == one.time.formats; });
      if (same <= most) continue;
      most = same;
      formats_ = one.time.formats;
    }
    if (formats_.empty()) {
      Line("# ASK: no column looks like a time. Formats are as in %Y-%m-%d %H:%M:%S.");
      Line("time_formats: [\"%Y-%m-%d %H:%M:%S\"]");
      zone = true;
    }
    std::string doubtful;
    std::string other;
    std::vector<std::string> decided;
    for (const SeenColumn& one : guess_.columns) {
      if (!one.is_time()) continue;
      if (!one.time.other_order.empty()) {
        absl::StrAppend(&doubtful, doubtful.empty() ? "" : ", ", InComment(one.name));
        other = one.time.other_order;
      } else if (!OtherOrder(one.time.formats[0]).empty()) {
        decided.push_back(InComment(one.name));
      }
      if (one.time.unreadable > 0) {
        Line(absl::StrCat("# ", InComment(one.name), ": ", Grouped(one.time.unreadable),
                          " texts are in no form that is known; their rows will be rejected."));
      }
    }
    if (!decided.empty()) {
      Line(absl::StrCat("# The order of day and month is told by days beyond the 12th, in ",
                        absl::StrJoin(decided, ", "), "."));
    }
    if (!doubtful.empty()) {
      Line(absl::StrCat("# ASK: is the day before the month? No time has a day beyond the 12th in ",
                        doubtful, "."));
      Line(absl::StrCat("# If the month is first it is ", YamlText(other)));
    }
    if (!formats_.empty()) Line(absl::StrCat("time_formats: ", List(formats_)));
    if (!guess_.month_names.empty()) {
      Line(absl::StrCat("month_names: ", List(guess_.month_names)));
    }
    Line("");
    if (!zone) {
      Line("# All times have an offset, and need no zone.");
    } else if (guess_.chinese && !guess_.kana && !IsOfAnotherLand(input_.encoding)) {
      Line("# ASK: whose clock wrote the times? They have no offset.");
      Line("zone: Asia/Shanghai");
    } else {
      Line(
          "# ASK: whose clock wrote the times? They have no offset. An IANA name, e.g. "
          "Europe/Berlin;");
      Line("# Etc/UTC if they are UTC.");
      Line("zone: FILL-IN");
    }
    Line("");
  }

  std::string Time(const Column& column) const {
    const SeenColumn& seen = At(column);
    const std::string with = With(column);
    if (!seen.is_time() || (seen.time.formats == formats_ && with.empty())) return Name(column);
    return absl::StrCat("{column: ", Name(column), with, ", formats: ", List(seen.time.formats),
                        "}");
  }

  std::string With(const Column& column) const {
    const std::optional<size_t> with = At(column).with;
    return with ? absl::StrCat(", with: ", Name(with)) : std::string();
  }

  void Due() {
    const std::vector<std::string>& formats = At(guess_.due).time.formats;
    const bool days = std::none_of(formats.begin(), formats.end(), [](const std::string& format) {
      const absl::StatusOr<TimeFormat> compiled = TimeFormat::Compile(format);
      return !compiled.ok() || compiled->has_hour();
    });
    if (!days || formats.empty()) {
      Line("  # The promised date.");
      Line(absl::StrCat("  due: ", Time(guess_.due)));
      return;
    }
    Line("  # The promised date; that whole day counts.");
    Line(absl::StrCat("  due: {column: ", Name(guess_.due), ", formats: ", List(formats),
                      ", end_of_day: true}"));
  }

  // With a default where it is required and there are rows without it.
  std::string Value(const Column& column, absl::string_view fallback) const {
    if (At(column).values == guess_.rows || fallback.empty()) {
      return absl::StrCat("{column: ", Name(column), ", trim: true}");
    }
    return absl::StrCat("{column: ", Name(column), ", trim: true, default: ", fallback, "}");
  }

  void Required(absl::string_view field, const Column& column, absl::string_view fallback) {
    if (column) {
      const int64_t without = guess_.rows - At(column).values;
      Line(absl::StrCat("  # ", Grouped(At(column).distinct), " different ones",
                        without > 0 ? absl::StrCat("; ", Grouped(without), " rows without") : "",
                        "."));
      Line(absl::StrCat("  ", field, ": ", Value(column, fallback)));
    } else {
      Line(absl::StrCat("  # ASK: no column looks like it. Name one, or leave all in one."));
      Line(absl::StrCat("  ", field, ": {constant: ", fallback, "}"));
    }
  }

  void Incident() {
    if (guess_.events) {
      Line(absl::StrCat("# A row is an event of an incident's life: ", Grouped(guess_.incidents),
                        " incidents, ", Grouped(guess_.several_rows),
                        " of them with several rows."));
    } else if (guess_.several_rows > 0) {
      Line(absl::StrCat("# A row is an incident, though ", Grouped(guess_.several_rows),
                        guess_.several_rows == 1 ? " id stands" : " ids stand",
                        " in several rows."));
    } else if (guess_.id) {
      Line("# A row is an incident: no id stands in two of them.");
    }
    if (guess_.or_id) {
      Line(absl::StrCat("# ASK: ", Name(guess_.or_id),
                        " stands in several rows, at different times. Is a row an event of it,"));
      Line("# and the id below the number of the row? Then name `events` instead of `facts`.");
    }
    if (input_.repeated_later > 0) {
      Line(absl::StrCat("# ASK: further down ", Grouped(input_.repeated_later),
                        " rows have an id that was there before. Is a row an event, and not"));
      Line("# an incident? Then name `events` instead of `facts`; see the mappings' page.");
    }
    Line("incident:");
    if (guess_.id) {
      Line(absl::StrCat("  id: ", Name(guess_.id)));
    } else {
      Line("  # ASK: no column looks like a number of the incident.");
      Line("  id: FILL-IN");
    }
    Required("category", guess_.category, "unknown");
    Line("  # The unit of the ledger: what concerns one community stays in order.");
    Required("community", guess_.community, "all");
    if (guess_.area) Line(absl::StrCat("  area: ", Value(guess_.area, "")));
    Unit();
    if (guess_.channel) Line(absl::StrCat("  channel: ", Value(guess_.channel, "")));
    if (guess_.due) Due();
    if (guess_.latitude) {
      Line(absl::StrCat("  latitude: ", Name(guess_.latitude)));
      Line(absl::StrCat("  longitude: ", Name(guess_.longitude)));
      if (guess_.decimal_comma) Line("  decimal_comma: true  # as in 51,9607");
    }
    Line("");
  }

  // States of work need one: what has none is done by somebody all the same.
  void Unit() {
    if (guess_.unit) {
      Line(absl::StrCat("  unit: ", Value(guess_.unit, guess_.events ? "unassigned" : "")));
    } else if (guess_.events && guess_.state) {
      Line(
          "  # ASK: no column looks like the unit that works on it. Name one, or leave all to "
          "one.");
      Line("  unit: {constant: unassigned}");
    } else {
      Line("  # No column looks like the unit that works on it: the policy says whose case it is.");
      Line("  # unit: COLUMN");
    }
  }

  std::string Meaning(const StateMeaning& meaning) const {
    if (meaning.fact.empty()) return "";
    std::string text = absl::StrCat(", fact: ", meaning.fact);
    if (!meaning.disposition.empty())
      absl::StrAppend(&text, ", disposition: ", meaning.disposition);
    if (!meaning.reason.empty()) absl::StrAppend(&text, ", reason: ", meaning.reason);
    if (!meaning.pause.empty()) absl::StrAppend(&text, ", pause: ", meaning.pause);
    return text;
  }

  bool IsWork(const SeenState& state) const {
    return guess_.steps && state.meaning.fact == "handling_started";
  }

  // All steps of work are one state: going from one to the next says nothing new.
  void Work() {
    if (std::none_of(guess_.states.begin(), guess_.states.end(),
                     [&](const SeenState& state) { return IsWork(state); })) {
      return;
    }
    Line("    - names:");
    for (const SeenState& state : guess_.states) {
      if (!IsWork(state)) continue;
      Line(absl::StrCat("        - ", YamlText(state.text), "  # ", Grouped(state.rows),
                        state.rows == 1 ? " row" : " rows"));
    }
    Line("      fact: handling_started");
  }

  void Events() {
    Line("events:");
    if (guess_.at) {
      Line(absl::StrCat("  # It changes within ", Grouped(At(guess_.at).changing), " of ",
                        Grouped(guess_.several_rows), " incidents of several rows."));
      Line(absl::StrCat("  at: ", Time(guess_.at)));
    } else {
      Line("  # ASK: no time changes from row to row. When did an event happen?");
      Line("  at: FILL-IN");
    }
    if (guess_.version) Line(absl::StrCat("  version: ", Name(guess_.version)));
    if (guess_.reported_at) Line(absl::StrCat("  reported_at: ", Time(guess_.reported_at)));
    if (!guess_.state) {
      Line("  # No column looks like a state: name it with `state`, and its texts with `states`.");
      Line("");
      return;
    }
    Line(absl::StrCat("  state: {column: ", Name(guess_.state), ", trim: true}"));
    if (guess_.steps) {
      Line("  # ASK: what does each step mean? They look like activities, and no states: the one");
      Line("  # that begins most incidents files them, and every other one is work on them. One");
    } else {
      Line(
          "  # ASK: what does each state mean? Guessed by its word, in the order of appearance. "
          "One");
    }
    Line("  # without a fact tells nothing. A row with a state that is not here is rejected.");
    const bool closes =
        std::any_of(guess_.states.begin(), guess_.states.end(),
                    [](const SeenState& state) { return state.meaning.fact == "closed"; });
    if (!closes && !guess_.closed_at) {
      Line("  # None of them closes an incident, as far as their words say: which one does?");
      Line("  # Write behind its names: fact: closed, disposition: UNCHECKED");
    }
    Line("  states:");
    for (const SeenState& state : guess_.states) {
      if (IsWork(state)) continue;
      Line(absl::StrCat("    - {names: [", YamlText(state.text), "]", Meaning(state.meaning),
                        "}  # ", Grouped(state.rows), state.rows == 1 ? " row" : " rows",
                        state.meaning.fact.empty() ? "; nothing is known of this word" : ""));
    }
    Work();
    if (guess_.closed_at) {
      Line("  # What is done after the end opens nothing anew (REOPEN if it does).");
      Line("  after_closing: VOID");
    }
    Line("");
    if (!guess_.closed_at) return;
    Line(absl::StrCat("# ASK: is an incident over at its ", InComment(At(guess_.closed_at).name),
                      "? No state closes one, and every row of it"));
    Line("# repeats this time, the first one too. Nobody but the source says so: UNCHECKED.");
    Line("facts:");
    Line(absl::StrCat("  - {fact: closed, at: ", Time(guess_.closed_at),
                      ", disposition: UNCHECKED}"));
    Line("");
  }

  void Facts() {
    Line("# What happened, in the order of an incident's life.");
    Line("facts:");
    std::string at = "FILL-IN";
    if (guess_.at) {
      at = Time(guess_.at);
    } else {
      Line("  # ASK: no time looks like the one of the report.");
    }
    Line(absl::StrCat("  - {fact: reported, at: ", at, "}"));
    Line("  # It is a case from the beginning; take this out if somebody decides that later.");
    Line(absl::StrCat("  - {fact: filed, at: ", at, "}"));
    Milestones();
    if (!guess_.closed_at) {
      Line(
          "  # ASK: no time looks like the one of the closing: nothing is closed by this mapping.");
      OtherTimes("  # Is it one of these? ");
      States();
      return;
    }
    Line("  # Nobody but the source says so: UNCHECKED.");
    std::vector<std::string> closed;
    for (const SeenState& state : guess_.states) {
      if (state.meaning.fact == "closed") closed.push_back(state.text);
    }
    std::string when;
    if (!closed.empty() && guess_.closed_without_time == 0) {
      when = absl::StrCat(", when: {column: ", Name(guess_.state), ", equals: ", List(closed), "}");
    }
    Line(absl::StrCat("  - {fact: closed, at: ", Time(guess_.closed_at), when,
                      ", disposition: UNCHECKED}"));
    States();
  }

  // Those that are used for nothing yet.
  void OtherTimes(absl::string_view before) {
    std::vector<std::string> names;
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      if (!guess_.columns[c].is_time() || IsUsed(c)) continue;
      names.push_back(InComment(YamlText(guess_.columns[c].name)));
    }
    if (!names.empty()) Line(absl::StrCat(before, absl::StrJoin(names, ", ")));
  }

  // In the order of life; what a row does not tell is inferred where a fact needs it.
  void Milestones() {
    if (guess_.milestones.empty()) return;
    Line("  # ASK: are these steps of its life? Take in what is one, and leave it in this order.");
    for (const SeenMilestone& step : guess_.milestones) {
      const bool sends = step.fact == "dispatched" && !guess_.unit;
      Line(absl::StrCat("  # - {fact: ", step.fact, ", at: ", Time(step.column), "}",
                        sends ? "  # needs a unit" : ""));
    }
  }

  void States() {
    if (guess_.state) {
      Line(absl::StrCat("# The states in ", InComment(At(guess_.state).name), ":"));
      for (const SeenState& state : guess_.states) {
        Line(absl::StrCat("#   ", InComment(YamlText(state.text)), "  ", Grouped(state.rows),
                          " rows"));
      }
    }
    Line("");
  }

  std::vector<std::string> NamesOf(const std::vector<size_t>& columns) const {
    std::vector<std::string> names;
    for (const size_t column : columns) names.push_back(guess_.columns[column].name);
    return names;
  }

  void Leaks() {
    CertainLeaks();
    if (guess_.doubtful.empty()) return;
    Line("# ASK: are these known when an incident begins? Every row of one tells the same, though");
    Line("# incidents differ. What is found out later, as an outcome or a sum, belongs to leaks:");
    std::vector<size_t> all = guess_.leaks;
    all.insert(all.end(), guess_.doubtful.begin(), guess_.doubtful.end());
    Line(absl::StrCat("# leaks: ", InComment(List(NamesOf(all)))));
    Line("");
  }

  void CertainLeaks() {
    if (guess_.leaks.empty()) return;
    Line(
        "# They tell at every event what became known later: all rows of an incident have the "
        "same, and");
    Line("# it lies behind them. Who used one would count with the future.");
    Line(absl::StrCat("leaks: ", List(NamesOf(guess_.leaks))));
    Line("");
  }

  void Unused() {
    constexpr size_t kNamesMax = 60;
    std::vector<std::string> names;
    size_t unused = 0;
    for (size_t c = 0; c < guess_.columns.size(); ++c) {
      if (IsUsed(c) || guess_.columns[c].name.empty()) continue;
      if (++unused <= kNamesMax) names.push_back(InComment(guess_.columns[c].name));
    }
    if (names.empty()) return;
    Line("# Columns that are not used:");
    std::string line = "#  ";
    for (const std::string& name : names) {
      if (line.size() + name.size() > 95) {
        Line(line);
        line = "#  ";
      }
      absl::StrAppend(&line, " ", name);
    }
    Line(line);
    if (unused > kNamesMax) Line(absl::StrCat("#   and ", unused - kNamesMax, " more"));
  }

  bool IsUsed(size_t column) const {
    const Guess& g = guess_;
    if (std::count(g.leaks.begin(), g.leaks.end(), column) > 0) return true;
    for (const Column& used :
         {g.id, g.category, g.community, g.area, g.unit, g.channel, g.due, g.latitude, g.longitude,
          g.at, g.reported_at, g.version, g.closed_at, g.state}) {
      if (used == column || (used && g.columns[*used].with == column)) return true;
    }
    return std::any_of(g.milestones.begin(), g.milestones.end(),
                       [&](const SeenMilestone& step) { return step.column == column; });
  }

  const Guess& guess_;
  const DraftInput& input_;
  std::vector<std::string> formats_;  // of the mapping
  std::string out_;
};

}  // namespace

std::string YamlText(absl::string_view text) {
  const bool plain =
      !text.empty() && absl::ascii_isalpha(text.front()) && text.back() != ' ' &&
      std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == ' ';
      });
  const std::string lower = absl::AsciiStrToLower(text);
  const bool word = lower == "null" || lower == "true" || lower == "false" || lower == "yes" ||
                    lower == "no" || lower == "on" || lower == "off" || lower == "nan";
  if (plain && !word) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (absl::ascii_iscntrl(c)) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(c));
    } else {
      out += c;
    }
  }
  return absl::StrCat(out, "\"");
}

std::string DraftOf(const Guess& guess, const DraftInput& input) {
  return Draft(guess, input).Write();
}

}  // namespace gridledger::mapping
