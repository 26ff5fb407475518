// Reads scenario files. Every complaint names file and line.
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "services/base/layout.h"
#include "tests/support/fact_text.h"
#include "tests/support/scenario.h"

namespace gridledger::tests {
namespace {

// A line cut at blanks, quotes kept together. Words have no '=', fields do.
struct Line {
  int number = 0;
  std::vector<std::string> words;
  std::vector<Field> fields;

  bool IsTimed() const {
    return words.size() >= 2 && !words[0].empty() && absl::ascii_isdigit(words[0][0]);
  }
  std::string Instant() const { return absl::StrCat(words[0], " ", words[1]); }
  // Takes the field off the line; nothing when it is not there.
  std::optional<std::string> Take(absl::string_view name) {
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      if (field->first != name) continue;
      std::string value = field->second;
      fields.erase(field);
      return value;
    }
    return std::nullopt;
  }
};

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<Line> Cut(int number, absl::string_view text) {
  Line line{.number = number, .words = {}, .fields = {}};
  std::vector<std::string> parts;
  bool quoted = false, within = false;
  for (const char c : text) {
    if (!quoted && c == '#') break;
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      within = false;
      continue;
    }
    if (!within) parts.emplace_back();
    within = true;
    if (c != '"') parts.back().push_back(c);
  }
  if (quoted) return Wrong("a quote is not closed");
  for (const std::string& part : parts) {
    const size_t equals = part.find('=');
    if (equals == 0 || equals == std::string::npos || part.size() == 1) {
      line.words.push_back(part);
    } else {
      line.fields.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    }
  }
  return line;
}

// "08:30" as minutes after midnight; "24:00" is 1440.
absl::StatusOr<uint32_t> ParseMinute(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  uint32_t hours = 0, minutes = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes) || minutes > 59 || hours * 60 + minutes > 1440) {
    return Wrong(absl::StrCat("'", text, "' is not a time of day such as 08:00"));
  }
  return hours * 60 + minutes;
}

absl::StatusOr<uint32_t> ParseMinutes(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(std::string(text), &duration) || duration < absl::ZeroDuration()) {
    return Wrong(absl::StrCat("'", text, "' is not a duration such as 8h or 90m"));
  }
  return static_cast<uint32_t>(absl::ToInt64Minutes(duration));
}

absl::StatusOr<uint32_t> ParseCount(absl::string_view text) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) return Wrong(absl::StrCat("'", text, "' is not a number"));
  return count;
}

// Sets a number of a message from a field of the line, if it is there.
template <class Parse, class Set>
absl::Status TakeNumber(Line& line, absl::string_view name, Parse parse, Set set) {
  const std::optional<std::string> text = line.Take(name);
  if (!text) return absl::OkStatus();
  const absl::StatusOr<uint32_t> number = parse(*text);
  if (number.ok()) set(*number);
  return number.status();
}

class Reader {
 public:
  explicit Reader(absl::string_view file) { scenario_.file = std::string(file); }

  absl::StatusOr<Scenario> Read(absl::string_view text) {
    int number = 0;
    for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
      ++number;
      absl::StatusOr<Line> line = Cut(number, raw);
      absl::Status read = line.status();
      if (line.ok() && !(line->words.empty() && line->fields.empty())) read = ReadLine(*line);
      if (!read.ok()) return At(number, read);
    }
    if (scenario_.title.empty()) return At(number, Wrong("it has no 'scenario' line"));
    if (when_.empty()) return At(number, Wrong("nothing happens in it"));
    if (scenario_.then.empty()) return At(number, Wrong("it expects nothing"));
    Finish();
    return std::move(scenario_);
  }

 private:
  enum class Section { kHead, kGiven, kWhen, kThen };

  absl::Status At(int number, const absl::Status& status) const {
    return absl::InvalidArgumentError(
        absl::StrCat(scenario_.file, ":", number, ": ", status.message()));
  }

  absl::Status ReadLine(Line& line) {
    if (line.words.size() == 1 && line.fields.empty()) {
      for (const auto& [word, section] :
           {std::pair{"given", Section::kGiven}, std::pair{"when", Section::kWhen},
            std::pair{"then", Section::kThen}}) {
        if (line.words[0] != word) continue;
        section_ = section;
        return absl::OkStatus();
      }
    }
    switch (section_) {
      case Section::kHead: return ReadHead(line);
      case Section::kGiven: return ReadGiven(line);
      case Section::kWhen: return ReadWhen(line);
      case Section::kThen: return ReadThen(line);
    }
    return absl::OkStatus();
  }

  absl::Status ReadHead(Line& line) {
    if (line.words[0] == "scenario") {
      line.words.erase(line.words.begin());
      scenario_.title = absl::StrJoin(line.words, " ");
      return absl::OkStatus();
    }
    if (line.words[0] != "zone" || line.words.size() != 2) {
      return Wrong("before 'given' stand only 'scenario TITLE' and 'zone NAME'");
    }
    if (!absl::LoadTimeZone(line.words[1], &scenario_.zone)) {
      return Wrong(absl::StrCat("'", line.words[1], "' is not a zone"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadGiven(Line& line) {
    if (line.words.size() != (line.words[0] == "level" ? 1 : 2)) {
      return Wrong("a line of 'given' is a word, a code and fields");
    }
    const std::string& word = line.words[0];
    if (word == "member" || word == "roster") {
      absl::StatusOr<v1::Entry> entry = ReadRegistry(line);
      if (!entry.ok()) return entry.status();
      given_.push_back(Said{.line = line.number, .at = {}, .entry = *std::move(entry)});
      return absl::OkStatus();
    }
    if (absl::Status read = ReadPolicy(line); !read.ok()) return read;
    return NothingLeft(line);
  }

  absl::Status ReadPolicy(Line& line) {
    const std::string code = line.words.size() > 1 ? line.words[1] : "";
    v1::Escalation& escalation = *policy_.mutable_escalation();
    has_policy_ = true;
    if (line.words[0] == "policy") {
      policy_.set_version(code);
      policy_.set_default_unit(line.Take("default_unit").value_or(""));
      return TakeNumber(line, "warn_percent", ParseCount,
                        [&](uint32_t percent) { escalation.set_warn_percent(percent); });
    }
    if (line.words[0] == "category") {
      v1::Category& category = *policy_.add_categories();
      category.set_code(code);
      return TakeNumber(line, "limit", ParseMinutes,
                        [&](uint32_t minutes) { category.set_limit_minutes(minutes); });
    }
    if (line.words[0] == "responsible") {
      v1::Responsibility& entry = *policy_.add_responsibilities();
      entry.set_unit(code);
      entry.set_category(line.Take("category").value_or(""));
      entry.set_area(line.Take("area").value_or(""));
      return absl::OkStatus();
    }
    if (line.words[0] == "level") {
      v1::Level& level = *escalation.add_levels();
      level.set_post(line.Take("post").value_or(""));
      return TakeNumber(line, "after", ParseMinutes,
                        [&](uint32_t minutes) { level.set_after_minutes(minutes); });
    }
    return Wrong(absl::StrCat("nothing is given as '", line.words[0],
                              "': policy, category, responsible, level, member or roster"));
  }

  // A member or a roster; words[0] says which, words[1] is the code.
  absl::StatusOr<v1::Entry> ReadRegistry(Line& line) {
    v1::Entry entry;
    if (line.words[0] == "member") {
      v1::MemberRegistered& member = *entry.mutable_member_registered();
      member.set_member(line.words[1]);
      member.set_unit(line.Take("unit").value_or(""));
      member.set_active(line.Take("active").value_or("yes") == "yes");
      if (absl::Status left = NothingLeft(line); !left.ok()) return left;
      return entry;
    }
    v1::RosterPublished& roster = *entry.mutable_roster_published();
    roster.set_unit(line.words[1]);
    roster.set_area(line.Take("area").value_or(""));
    for (const auto& [member, hours] : line.fields) {
      const std::pair<std::string, std::string> ends = absl::StrSplit(hours, '-');
      const absl::StatusOr<uint32_t> start = ParseMinute(ends.first);
      const absl::StatusOr<uint32_t> end = ParseMinute(ends.second);
      if (!start.ok()) return start.status();
      if (!end.ok()) return end.status();
      v1::Shift& shift = *roster.add_shifts();
      shift.set_member(member);
      shift.set_start_minute(*start);
      shift.set_end_minute(*end);
    }
    return entry;
  }

  absl::Status ReadWhen(Line& line) {
    if (!line.IsTimed() || line.words.size() != 4) {
      return Wrong("a line of 'when' is a date, a time, an incident and a fact");
    }
    absl::StatusOr<absl::Time> at = ParseInstant(line.Instant(), scenario_.zone);
    if (!at.ok()) return at.status();
    if (!when_.empty() && *at < when_.back().at) return Wrong("it goes back in time");
    scenario_.until = *at;
    line.words.erase(line.words.begin(), line.words.begin() + 2);
    if (line.words[0] == "time" && line.words[1] == "passes") return NothingLeft(line);
    Said said{.line = line.number, .at = *at, .entry = {}};
    if (line.words[0] == "member" || line.words[0] == "roster") {
      absl::StatusOr<v1::Entry> entry = ReadRegistry(line);
      if (!entry.ok()) return entry.status();
      said.entry = *std::move(entry);
    } else if (absl::Status read = ReadFact(line, &said); !read.ok()) {
      return read;
    }
    when_.push_back(std::move(said));
    return absl::OkStatus();
  }

  absl::Status ReadFact(Line& line, Said* said) {
    v1::Fact& fact = *said->entry.mutable_fact();
    fact.set_incident_id(line.words[0]);
    fact.set_happened_at_ms(ToMillis(said->at));
    if (absl::Status set = SetKind(line.words[1], &fact); !set.ok()) return set;
    const std::optional<std::string> by = line.Take("by");
    if (!by) return Wrong("it does not say who says so: by=ROLE or by=ROLE:CODE");
    if (absl::Status set = SetActor(*by, fact.mutable_actor()); !set.ok()) return set;
    if (const std::optional<std::string> stage = line.Take("stage")) {
      said->same_stage = *stage == "previous";
      if (!said->same_stage) return Wrong("the only stage to name is stage=previous");
    }
    for (const auto& [name, value] : line.fields) {
      if (absl::Status set = SetField(name, value, scenario_.zone, &fact); !set.ok()) return set;
    }
    return absl::OkStatus();
  }

  absl::Status ReadThen(Line& line) {
    if (!line.IsTimed()) {
      scenario_.then.push_back(Expected{line.number, line.words, line.fields, {}});
      return absl::OkStatus();
    }
    if (scenario_.then.empty() || scenario_.then.back().words.back() != "lived") {
      return Wrong("a line with a time stands below 'ID lived'");
    }
    if (line.words.size() != 3) return Wrong("a line of a life is a date, a time and a fact");
    const absl::StatusOr<absl::Time> at = ParseInstant(line.Instant(), scenario_.zone);
    if (!at.ok()) return at.status();
    scenario_.then.back().life.push_back(
        Lived{line.number, InstantText(*at, scenario_.zone), line.words[2], line.fields});
    return absl::OkStatus();
  }

  static absl::Status NothingLeft(const Line& line) {
    if (line.fields.empty()) return absl::OkStatus();
    return Wrong(absl::StrCat("nothing here is called '", line.fields[0].first, "'"));
  }

  // What is given comes first, at the instant when it begins.
  void Finish() {
    const absl::Time begin = when_.front().at;
    if (has_policy_) {
      Said policy{.line = 0, .at = begin, .entry = {}};
      policy_.set_zone(scenario_.zone.name());
      *policy.entry.mutable_policy_activated()->mutable_policy() = policy_;
      scenario_.said.push_back(std::move(policy));
    }
    for (std::vector<Said>* list : {&given_, &when_}) {
      for (Said& said : *list) {
        if (list == &given_) said.at = begin;
        GiveZone(&said);
        scenario_.said.push_back(std::move(said));
      }
    }
  }

  // Shifts are of the scenario's zone, at the offset that it has at the time.
  void GiveZone(Said* said) const {
    if (!said->entry.has_roster_published()) return;
    const int seconds = scenario_.zone.At(said->at).offset;
    for (v1::Shift& shift : *said->entry.mutable_roster_published()->mutable_shifts()) {
      shift.set_utc_offset_minutes(seconds / 60);
    }
  }

  Scenario scenario_;
  Section section_ = Section::kHead;
  v1::Policy policy_;
  bool has_policy_ = false;
  std::vector<Said> given_;
  std::vector<Said> when_;
};

}  // namespace

absl::StatusOr<Scenario> ParseScenario(absl::string_view file, absl::string_view text) {
  return Reader(file).Read(text);
}

absl::StatusOr<Scenario> ReadScenario(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::ostringstream text;
  text << in.rdbuf();
  return ParseScenario(path, text.str());
}

}  // namespace gridledger::tests
