#include "services/history/mapping/rows/mapper.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "services/base/characters.h"
#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/history/mapping/lives/fact_kinds.h"
#include "services/history/mapping/rows/named_columns.h"
#include "services/history/mapping/values/degrees.h"

namespace gridledger::mapping {
namespace {

constexpr int kFactsMax = 64;  // of a row; a life has some ten

bool IsSourceName(absl::string_view name) {
  constexpr size_t kNameMax = 40;
  return !name.empty() && name.size() <= kNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
         });
}

// Not the machine's own zone, nor a file beside the zones.
bool IsZoneName(absl::string_view name) {
  return !name.empty() && name != "localtime" && absl::ascii_isalpha(name.front()) &&
         name.find("..") == absl::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+' ||
                  c == ':';
         });
}

void SetText(absl::string_view text, std::string* out) { out->assign(text.data(), text.size()); }

}  // namespace

absl::StatusOr<char> DelimiterOf(const v1::Mapping& mapping) {
  constexpr uint32_t kSkipLinesMax = 1000;
  if (mapping.csv().skip_lines() > kSkipLinesMax) {
    return MappingError("csv.skip_lines",
                        absl::StrCat("more than ", kSkipLinesMax, " are no title any more"));
  }
  const std::string& text = mapping.csv().delimiter();
  if (text.empty()) return '\0';
  if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r') return text[0];
  return MappingError("csv.delimiter",
                      "it has to be one character of ASCII, neither a quote nor the "
                      "end of a line; a tab is \"\\t\"");
}

namespace {

// A file without a header has somebody's row there, which is not told.
absl::Status CheckHeader(const v1::Mapping& mapping, absl::Span<const std::string> header) {
  constexpr size_t kNamedMax = 5;
  std::vector<std::string> columns = ColumnsOf(mapping);
  const bool any = std::any_of(columns.begin(), columns.end(), [&](const std::string& column) {
    return std::find(header.begin(), header.end(), column) != header.end();
  });
  if (any || columns.empty()) return absl::OkStatus();
  const bool more = columns.size() > kNamedMax;
  if (more) columns.resize(kNamedMax);
  return MappingError(
      "csv", absl::StrCat("the first line has none of the columns that the mapping names, ",
                          absl::StrJoin(columns, ", "), more ? ", …" : "",
                          ": is it a title (skip_lines) or a row (header names the columns of a "
                          "file without a header)?"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mapper>> Mapper::Compile(const v1::Mapping& mapping,
                                                        absl::Span<const std::string> header,
                                                        const Annex& annex, int first_fact) {
  if (!IsSourceName(mapping.source())) {
    return MappingError("source",
                        "it names the source in the ledger: 1 to 40 of a-z, 0-9, \"-\", \"_\"");
  }
  if (mapping.policy().empty()) {
    return MappingError("policy",
                        "it names the file of the policy to activate, relative to the mapping");
  }
  if (const absl::StatusOr<char> delimiter = DelimiterOf(mapping); !delimiter.ok()) {
    return delimiter.status();
  }
  std::optional<LocalClock> clock;
  if (!mapping.zone().empty()) {
    absl::TimeZone zone;
    // tidy: allow(replay) a mapping's zone reads a city's own file; what it tells is then a record
    if (!IsZoneName(mapping.zone()) || !absl::LoadTimeZone(mapping.zone(), &zone)) {
      return MappingError("zone",
                          absl::StrCat("\"", mapping.zone(), "\" is no zone that this machine ",
                                       "knows; an IANA name is like America/New_York"));
    }
    clock.emplace(zone, mapping.ambiguous_hour(), mapping.skipped_hour());
  }
  std::unique_ptr<Mapper> mapper(
      new Mapper(Columns(header, {mapping.missing().begin(), mapping.missing().end()}, annex,
                         {mapping.leaks().begin(), mapping.leaks().end()})));
  if (absl::Status status = CheckHeader(mapping, header); !status.ok()) return status;
  mapper->time_formats_.assign(mapping.time_formats().begin(), mapping.time_formats().end());
  if (clock) mapper->clock_.emplace(*clock);
  absl::StatusOr<MonthNames> months = MonthNames::Compile(mapping);
  if (!months.ok()) return months.status();
  mapper->months_ = *std::move(months);
  const TimeRule::Setting times = mapper->times();
  if (absl::Status status = mapper->CompileIncident(mapping.incident(), times); !status.ok()) {
    return status;
  }
  if (absl::Status status = mapper->CompileFacts(mapping, times, first_fact); !status.ok())
    return status;
  return mapper;
}

absl::StatusOr<TimeRule> Mapper::CompileTime(absl::string_view where, const v1::TimeValue& value,
                                             bool may_be_ahead) const {
  TimeRule::Setting setting = times();
  if (may_be_ahead) setting.latest = absl::InfiniteFuture();
  return TimeRule::Compile(where, value, setting);
}

absl::Status Mapper::CompileIncident(const v1::IncidentColumns& incident,
                                     const TimeRule::Setting& times) {
  struct Field {
    absl::string_view where;
    bool told;
    const v1::Value& value;
    std::optional<TextRule>* rule;
    bool required = false;
  };
  for (const Field& field : {
           Field{"incident.id", incident.has_id(), incident.id(), &id_, true},
           Field{"incident.category", incident.has_category(), incident.category(), &category_,
                 true},
           Field{"incident.community", incident.has_community(), incident.community(), &community_,
                 true},
           Field{"incident.area", incident.has_area(), incident.area(), &area_},
           Field{"incident.unit", incident.has_unit(), incident.unit(), &unit_},
           Field{"incident.channel", incident.has_channel(), incident.channel(), &channel_},
       }) {
    if (!field.told) {
      if (field.required) return MappingError(field.where, "it is required");
      continue;
    }
    absl::StatusOr<TextRule> rule =
        TextRule::Compile(field.where, field.value, columns_, field.rule == &id_);
    if (!rule.ok()) return rule.status();
    *field.rule = *std::move(rule);
  }
  if (id_->column().empty()) {
    return MappingError("incident.id", "a constant would make one incident of all rows");
  }
  if (incident.has_due()) {
    TimeRule::Setting ahead = times;
    ahead.latest = absl::InfiniteFuture();
    absl::StatusOr<TimeRule> due = TimeRule::Compile("incident.due", incident.due(), ahead);
    if (!due.ok()) return due.status();
    due_.emplace(*std::move(due));
  }
  if (incident.has_latitude() != incident.has_longitude()) {
    return MappingError("incident", "latitude and longitude stand together");
  }
  if (!incident.has_latitude()) {
    if (incident.decimal_comma()) {
      return MappingError("incident.decimal_comma", "it is of latitude and longitude");
    }
    if (!incident.has_area_by_point()) return absl::OkStatus();
    return MappingError("incident.area_by_point", "it needs latitude and longitude");
  }
  if (incident.decimal_comma()) decimal_sign_ = ',';
  absl::StatusOr<TextRule> latitude =
      TextRule::Compile("incident.latitude", incident.latitude(), columns_, true);
  if (!latitude.ok()) return latitude.status();
  latitude_.emplace(Coordinate{*std::move(latitude), kLatitudeMaxE7});
  absl::StatusOr<TextRule> longitude =
      TextRule::Compile("incident.longitude", incident.longitude(), columns_, true);
  if (!longitude.ok()) return longitude.status();
  longitude_.emplace(Coordinate{*std::move(longitude), kLongitudeMaxE7});
  if (!incident.has_area_by_point()) return absl::OkStatus();
  absl::StatusOr<AreaRule> by_point = AreaRule::Compile(incident, columns_.annex().areas);
  if (!by_point.ok()) return by_point.status();
  area_by_point_.emplace(*std::move(by_point));
  return absl::OkStatus();
}

absl::Status Mapper::CompileFacts(const v1::Mapping& mapping, const TimeRule::Setting& times,
                                  int first_fact) {
  if (mapping.facts().empty() || mapping.facts(0).fact() != "reported") {
    return MappingError("facts", "the first is \"reported\"");
  }
  if (mapping.facts_size() > kFactsMax) {
    return MappingError("facts", absl::StrCat("more than ", kFactsMax));
  }
  bool checked = false;
  for (int i = 0; i < mapping.facts_size(); ++i) {
    const v1::FactRule& told = mapping.facts(i);
    const std::string where = absl::StrCat("facts[", i + first_fact, "]");
    v1::Fact fact;
    if (absl::Status status = SetKind(where, told, &fact); !status.ok()) return status;
    checked = checked || fact.has_check_passed();
    if (i > 0 && fact.has_reported()) return MappingError(where, "\"reported\" comes once");
    if (i == 0 && told.has_when()) return MappingError(where, "\"reported\" has no condition");
    if (fact.has_dispatched() && !unit_) {
      return MappingError(where, "\"dispatched\" needs a unit: name incident.unit");
    }
    if (fact.closed().disposition() == v1::DISPOSITION_SOLVED && !checked) {
      return MappingError(where,
                          "what nobody has checked is not SOLVED: put \"check_passed\" before "
                          "it, or say UNCHECKED");
    }
    if (!told.has_at()) return MappingError(where, "it has no time: name the column as \"at\"");
    absl::StatusOr<TimeRule> at = TimeRule::Compile(absl::StrCat(where, ".at"), told.at(), times);
    if (!at.ok()) return at.status();
    std::optional<When> when;
    if (told.has_when()) {
      const absl::StatusOr<size_t> column =
          columns_.Find(absl::StrCat(where, ".when"), told.when().column());
      if (!column.ok()) return column.status();
      when = When{*column, {told.when().equals().begin(), told.when().equals().end()}};
      for (std::string& text : when->equals) absl::StripAsciiWhitespace(&text);
    }
    rules_.push_back(Rule{*std::move(at), std::move(when)});
    fact.mutable_actor()->set_role(v1::ROLE_SOURCE);
    fact.mutable_actor()->set_code(mapping.source());
    facts_.push_back(std::move(fact));
  }
  made_.reserve(rules_.size());
  return absl::OkStatus();
}

absl::Span<const Mapper::Made> Mapper::Apply(Row row) {
  INVARIANT(row.size() == columns_.size(), "a row has a field for each column");
  made_.clear();
  rejection_ = {};
  bool taken = ReadReport(row, &facts_[0]);
  for (size_t rule = 0; taken && rule < rules_.size(); ++rule) taken = ReadFact(row, rule);
  if (!taken) made_.clear();
  return made_;
}

bool Mapper::ReadReport(Row row, v1::Fact* fact) {
  if (!ReadTexts(row, fact)) return false;
  v1::IncidentReported& reported = *fact->mutable_reported();
  reported.clear_due_at_ms();
  if (due_) {
    int64_t due_ms = 0;
    const TimeRule::Answer answer = due_->Read(row, &due_ms);
    if (answer == TimeRule::Answer::kInstant) {
      reported.set_due_at_ms(due_ms);
    } else if (answer != TimeRule::Answer::kMissing) {
      return Reject(due_->column(), due_->WhyNot(answer));
    }
  }
  return !latitude_ || ReadPoint(row, &reported);
}

bool Mapper::ReadTexts(Row row, v1::Fact* fact) {
  v1::IncidentReported& reported = *fact->mutable_reported();
  const auto read = [&](std::optional<TextRule>& rule, bool required, std::string* out) {
    out->clear();
    if (!rule) return true;
    absl::string_view text;
    const TextRule::Answer answer = rule->Read(row, &text);
    if (answer == TextRule::Answer::kText) {
      SetText(text, out);
      return true;
    }
    return answer == TextRule::Answer::kMissing && !required
               ? true
               : Reject(rule->column(), mapping::WhyNot(answer));
  };
  return read(id_, true, fact->mutable_incident_id()) &&
         read(category_, true, reported.mutable_category()) &&
         read(community_, true, reported.mutable_community()) &&
         read(area_, false, reported.mutable_area()) &&
         read(unit_, false, reported.mutable_unit()) &&
         read(channel_, false, reported.mutable_channel());
}

bool Mapper::ReadPoint(Row row, v1::IncidentReported* reported) {
  int32_t degrees_e7[2] = {0, 0};
  bool told[2] = {false, false};
  std::optional<Coordinate>* const axes[2] = {&latitude_, &longitude_};
  for (int i = 0; i < 2; ++i) {
    Coordinate& axis = **axes[i];
    absl::string_view text;
    const TextRule::Answer answer = axis.text.Read(row, &text);
    if (answer == TextRule::Answer::kMissing) continue;
    if (answer != TextRule::Answer::kText) {
      return Reject(axis.text.column(), mapping::WhyNot(answer));
    }
    if (!ParseDegrees(text, axis.limit_e7, &degrees_e7[i], decimal_sign_)) {
      return Reject(axis.text.column(), i == 0 ? "not a decimal number from -90 to 90"
                                               : "not a decimal number from -180 to 180");
    }
    told[i] = true;
  }
  if (told[0] != told[1]) {
    return Reject((*axes[told[0] ? 1 : 0])->text.column(),
                  "without a value, though its partner has one");
  }
  if (!told[0]) {
    reported->clear_point();
    return true;
  }
  const PointE7 point{degrees_e7[0], degrees_e7[1]};
  if (area_by_point_ && area_by_point_->IsUnknown(point)) {
    reported->clear_point();
    return true;
  }
  if (area_by_point_ && reported->area().empty()) {
    SetText(area_by_point_->AreaOf(point), reported->mutable_area());
  }
  reported->mutable_point()->set_latitude_e7(degrees_e7[0]);
  reported->mutable_point()->set_longitude_e7(degrees_e7[1]);
  return true;
}

bool Mapper::ReadFact(Row row, size_t rule) {
  Rule& told = rules_[rule];
  if (told.when && !Holds(row, *told.when)) return true;
  int64_t at_ms = 0;
  const TimeRule::Answer answer = told.at.Read(row, &at_ms);
  if (answer == TimeRule::Answer::kMissing && rule > 0 && !told.when) return true;
  if (answer != TimeRule::Answer::kInstant) {
    return Reject(told.at.column(), told.at.WhyNot(answer));
  }
  v1::Fact& fact = facts_[rule];
  if (rule > 0) fact.set_incident_id(facts_[0].incident_id());
  if (fact.has_dispatched()) {
    const std::string& unit = facts_[0].reported().unit();
    if (unit.empty()) return Reject(unit_->column(), "without a value, though it was dispatched");
    fact.mutable_dispatched()->set_unit(unit);
  }
  fact.set_happened_at_ms(at_ms);
  const int64_t place_ms = made_.empty() ? at_ms : std::max(at_ms, ToMillis(made_.back().at));
  made_.push_back(Made{FromMillis(place_ms), &fact, rule});
  return true;
}

bool Mapper::Holds(Row row, const When& when) const {
  const absl::string_view text = row[when.column];
  if (when.equals.empty()) return !IsMissing(text, columns_.missing());
  const absl::string_view stripped = StripBlanks(text);
  return std::any_of(when.equals.begin(), when.equals.end(),
                     [&](const std::string& other) { return stripped == other; });
}

bool Mapper::Reject(absl::string_view column, absl::string_view reason) {
  rejection_ = Rejection{column, reason};
  return false;
}

}  // namespace gridledger::mapping
