#include "services/history/mapping/values/time_rule.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "services/base/characters.h"

namespace gridledger::mapping {
namespace {

constexpr int64_t kLatestMs = 253402300800000;  // 10000-01-01T00:00:00Z
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int kFormatsMax = 16;  // each costs a row that has the last one a try

}  // namespace

absl::StatusOr<TimeRule> TimeRule::Compile(absl::string_view where, const v1::TimeValue& value,
                                           const Setting& setting) {
  static const auto* const kNoZone =
      new LocalClock(absl::UTCTimeZone(), v1::AMBIGUOUS_HOUR_EARLIER, v1::SKIPPED_HOUR_AFTER);
  TimeRule rule(setting.clock == nullptr ? *kNoZone : *setting.clock);
  const auto column = ColumnText::Compile(where, value.column(), value.with(), setting.columns);
  if (!column.ok()) return column.status();
  rule.text_ = *column;
  rule.column_ = value.column();
  rule.months_ = setting.months;
  rule.latest_ = setting.latest;
  rule.missing_ = setting.columns.missing();
  std::vector<std::string> formats(value.formats().begin(), value.formats().end());
  if (formats.empty()) formats = setting.formats;
  if (formats.empty()) {
    return MappingError(where, "no format: name time_formats, e.g. \"%Y-%m-%d %H:%M:%S\"");
  }
  if (formats.size() > kFormatsMax) {
    return MappingError(where, absl::StrCat("more than ", kFormatsMax, " formats"));
  }
  for (const std::string& text : formats) {
    absl::StatusOr<TimeFormat> format = TimeFormat::Compile(text);
    if (!format.ok()) return MappingError(where, format.status().message());
    if (!format->has_offset() && setting.clock == nullptr) {
      return MappingError(where,
                          absl::StrCat("\"", text, "\" tells no offset, and the mapping names ",
                                       "no zone, e.g. America/New_York"));
    }
    rule.formats_.push_back(*std::move(format));
  }
  rule.end_of_day_ = value.end_of_day();
  const bool hours = std::all_of(rule.formats_.begin(), rule.formats_.end(),
                                 [](const TimeFormat& format) { return format.has_hour(); });
  if (rule.end_of_day_ && hours) {
    return MappingError(where, "end_of_day: each of its formats tells the hour");
  }
  rule.unreadable_ = absl::StrCat("not a time of the form ", absl::StrJoin(formats, " or "));
  return rule;
}

TimeRule::Answer TimeRule::Read(Row row, int64_t* at_ms) {
  const absl::string_view found = text_.Of(row, missing_, &joined_);
  if (IsMissing(found, missing_)) return Answer::kMissing;
  const absl::string_view text = months_.InEnglish(StripBlanks(found), &named_);
  for (const TimeFormat& format : formats_) {
    int64_t ms = 0;
    if (!format.Read(text, &ms)) continue;
    // Before a zone's tables are asked: they know such times only badly, and sums could overflow.
    if (ms < -kDayMs || ms >= kLatestMs) return Answer::kOutOfRange;
    if (end_of_day_ && !format.has_hour()) ms += kDayMs - 1;
    if (!format.has_offset()) {
      switch (clock_.At(ms, &ms)) {
        case LocalClock::Answer::kInstant: break;
        case LocalClock::Answer::kAmbiguous: return Answer::kAmbiguous;
        case LocalClock::Answer::kSkipped: return Answer::kSkipped;
      }
    }
    if (ms <= 0 || ms >= kLatestMs) return Answer::kOutOfRange;
    if (absl::FromUnixMillis(ms) > latest_) return Answer::kTooLate;
    *at_ms = ms;
    return Answer::kInstant;
  }
  return Answer::kUnreadable;
}

absl::string_view TimeRule::WhyNot(Answer answer) const {
  switch (answer) {
    case Answer::kInstant: return "";
    case Answer::kMissing: return "without a value";
    case Answer::kUnreadable: return unreadable_;
    case Answer::kAmbiguous: return "in the hour that local clocks pass twice";
    case Answer::kSkipped: return "in the hour that local clocks skip";
    case Answer::kOutOfRange:
      return "not after the beginning of 1970 and before the year 10000; if it stands for no "
             "value, list it as missing";
    case Answer::kTooLate:
      return "later than the present; if it stands for no value, list it as missing";
  }
  return "";
}

}  // namespace gridledger::mapping
