#include "services/history/mapping/values/time_format.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <algorithm>
#include <array>

#include "services/base/characters.h"

namespace gridledger::mapping {
namespace {

// What a directive tells.
enum Tells : uint8_t {
  kNothing = 0,
  kTellsYear = 1,
  kTellsMonth = 2,
  kTellsDay = 4,
  kTellsOffset = 8,
  kTellsHour12 = 16,
  kTellsHalf = 32,  // of the day: AM or PM
  kTellsHour = 64,
};
constexpr absl::string_view kSeconds = "seconds";
constexpr absl::string_view kMilliseconds = "milliseconds";
constexpr uint8_t kTellsDate = kTellsYear | kTellsMonth | kTellsDay;

struct Directive {
  absl::string_view name;
  uint8_t tells;
};
// Longer names first where one begins another. Not in it, though absl takes them: names of zones
// (%Z), which it reads over, and what hangs on the locale (%c, %x).
constexpr Directive kDirectives[] = {
    {"%E4Y", kTellsYear},   {"%E*S", kNothing},    {"%E*f", kNothing},
    {"%E*z", kTellsOffset}, {"%Ez", kTellsOffset}, {"%ET", kTellsHour},
    {"%Y", kTellsYear},     {"%y", kTellsYear},    {"%m", kTellsMonth},
    {"%b", kTellsMonth},    {"%B", kTellsMonth},   {"%h", kTellsMonth},
    {"%d", kTellsDay},      {"%e", kTellsDay},     {"%F", kTellsDate},
    {"%D", kTellsDate},     {"%H", kTellsHour},    {"%I", kTellsHour | kTellsHour12},
    {"%M", kNothing},       {"%S", kNothing},      {"%T", kTellsHour},
    {"%R", kTellsHour},     {"%p", kTellsHalf},    {"%a", kNothing},
    {"%A", kNothing},       {"%z", kTellsOffset},  {"%s", kTellsDate | kTellsHour | kTellsOffset},
    {"%n", kNothing},       {"%t", kNothing},      {"%%", kNothing},
};

const Directive* DirectiveAt(absl::string_view format) {
  for (const Directive& directive : kDirectives) {
    if (absl::StartsWith(format, directive.name)) return &directive;
  }
  return nullptr;
}

// Where one of these begins: 1 to 9 digits of a second, %E3S.
bool IsFraction(absl::string_view format) {
  return format.size() >= 4 && format[1] == 'E' && absl::ascii_isdigit(format[2]) &&
         (format[3] == 'S' || format[3] == 'f');
}

constexpr std::array<int, 13> kDays = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

int DaysOf(int year, int month) {
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month)];
}

// Of the proleptic Gregorian calendar, since 1970-01-01. REQUIRES: year >= 0.
int64_t DaysFromCivil(int year, int month, int day) {
  // A year that begins in March has its leap day at the end.
  const int y = (month <= 2 ? year - 1 : year) + 400;
  const int m = month <= 2 ? month + 9 : month - 3;
  const int64_t leaps = y / 4 - y / 100 + y / 400;
  return int64_t{365} * y + leaps + (153 * m + 2) / 5 + day - 1 - 719468 - 146097;
}

// Digits at `at`, or -1.
int Digits(const char* at, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    if (!absl::ascii_isdigit(at[i])) return -1;
    value = value * 10 + (at[i] - '0');
  }
  return value;
}

absl::Status Bad(absl::string_view format, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", format, "\" is no format of a time: ", what));
}

}  // namespace

absl::StatusOr<TimeFormat> TimeFormat::Compile(absl::string_view format) {
  if (format == kSeconds || format == kMilliseconds) {
    TimeFormat count;
    count.text_ = std::string(format);
    count.has_offset_ = true;
    count.has_hour_ = true;
    count.unit_ms_ = format == kSeconds ? 1000 : 1;
    return count;
  }
  constexpr size_t kFormatMax = 100;  // bytes
  if (format.size() > kFormatMax) return Bad(format.substr(0, kFormatMax), "it is too long");
  uint8_t tells = 0;
  for (absl::string_view rest = format; !rest.empty();) {
    if (rest.front() != '%') {
      rest.remove_prefix(1);
      continue;
    }
    const Directive* directive = DirectiveAt(rest);
    if (directive == nullptr && !IsFraction(rest)) {
      return Bad(format,
                 absl::StrCat("\"", rest.substr(0, 2), "\" is not known; write the like of ",
                              "%Y-%m-%d %H:%M:%S or %m/%d/%Y %I:%M:%S %p"));
    }
    if (directive != nullptr) tells |= directive->tells;
    rest.remove_prefix(directive != nullptr ? directive->name.size() : 4);
    const bool year = directive != nullptr && directive->name == "%Y";
    if (year && !rest.empty() && (rest[0] == '%' || absl::ascii_isdigit(rest[0]))) {
      return Bad(format, "%Y takes all digits that follow; %E4Y takes four");
    }
  }
  if ((tells & kTellsDate) != kTellsDate) {
    return Bad(format, "it needs a year, a month and a day");
  }
  if ((tells & kTellsHour12) != 0 && (tells & kTellsHalf) == 0) {
    return Bad(format, "%I goes to 12; it needs %p, or take %H");
  }
  // What it writes it must be able to read.
  const absl::Time sample =
      absl::FromCivil(absl::CivilSecond(2009, 8, 7, 13, 14, 15), absl::UTCTimeZone());
  TimeFormat out;
  out.text_ = std::string(format);
  out.has_offset_ = (tells & kTellsOffset) != 0;
  out.has_hour_ = (tells & kTellsHour) != 0;
  int64_t read_ms = 0;
  constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
  const std::string written = absl::FormatTime(format, sample, absl::UTCTimeZone());
  if (!out.ReadAny(StripBlanks(written), &read_ms) ||
      read_ms / kDayMs != absl::ToUnixMillis(sample) / kDayMs) {
    return Bad(format, "a time written with it cannot be read back");
  }

  const std::string plain =
      absl::StrReplaceAll(format, {{"%F", "%Y-%m-%d"}, {"%T", "%H:%M:%S"}, {"%R", "%H:%M"}});
  std::vector<Step> steps;
  size_t size = 0;
  for (absl::string_view rest = plain; !rest.empty();) {
    Part part = Part::kLiteral;
    if (rest.front() != '%') {
      steps.push_back(Step{part, rest.front()});
      rest.remove_prefix(1);
      ++size;
      continue;
    }
    if (absl::ConsumePrefix(&rest, "%Y") || absl::ConsumePrefix(&rest, "%E4Y")) {
      part = Part::kYear;
    } else if (absl::ConsumePrefix(&rest, "%m")) {
      part = Part::kMonth;
    } else if (absl::ConsumePrefix(&rest, "%d")) {
      part = Part::kDay;
    } else if (absl::ConsumePrefix(&rest, "%H")) {
      part = Part::kHour;
    } else if (absl::ConsumePrefix(&rest, "%I")) {
      part = Part::kHour12;
    } else if (absl::ConsumePrefix(&rest, "%M")) {
      part = Part::kMinute;
    } else if (absl::ConsumePrefix(&rest, "%S")) {
      part = Part::kSecond;
    } else if (absl::ConsumePrefix(&rest, "%p")) {
      part = Part::kHalf;
    } else {
      return out;  // absl's work
    }
    for (const Step& step : steps) {
      if (part == step.part) return out;  // told twice: let absl say which one counts
    }
    steps.push_back(Step{part, 0});
    size += part == Part::kYear ? 4 : 2;
  }
  // %H beside %p, or beside %I: likewise.
  bool hour = false;
  bool half = false;
  for (const Step& step : steps) {
    hour = hour || step.part == Part::kHour;
    half = half || step.part == Part::kHalf || step.part == Part::kHour12;
  }
  if (hour && half) return out;
  out.steps_ = std::move(steps);
  out.size_ = size;
  return out;
}

bool TimeFormat::Read(absl::string_view text, int64_t* ms) const {
  if (unit_ms_ != 0) return ReadCount(text, ms);
  return ReadFast(text, ms) || ReadAny(text, ms);
}

bool TimeFormat::ReadCount(absl::string_view text, int64_t* ms) const {
  constexpr size_t kDigitsMax = 15;  // beyond the year 10000 in either unit, and no overflow
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  absl::string_view decimals = text.substr(digits);
  if (digits == 0 || digits > kDigitsMax) return false;
  if (!decimals.empty() && (!absl::ConsumePrefix(&decimals, ".") || decimals.empty() ||
                            !std::all_of(decimals.begin(), decimals.end(), absl::ascii_isdigit))) {
    return false;
  }
  int64_t count = 0;
  if (!absl::SimpleAtoi(text.substr(0, digits), &count)) return false;
  *ms = count * unit_ms_;
  int64_t unit = unit_ms_;
  for (const char digit : decimals.substr(0, 3)) {
    unit /= 10;
    *ms += (digit - '0') * unit;
  }
  return true;
}

bool TimeFormat::ReadFast(absl::string_view text, int64_t* ms) const {
  if (text.size() != size_ || steps_.empty()) return false;
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int half = -1;
  const char* at = text.data();
  for (const Step& step : steps_) {
    switch (step.part) {
      case Part::kLiteral:
        if (*at++ != step.literal) return false;
        continue;
      case Part::kHalf: {
        const char letter = absl::ascii_toupper(at[0]);
        if ((letter != 'A' && letter != 'P') || absl::ascii_toupper(at[1]) != 'M') return false;
        half = letter == 'A' ? 0 : 12;
        break;
      }
      case Part::kYear:
        year = Digits(at, 4);
        at += 2;
        break;
      case Part::kMonth: month = Digits(at, 2); break;
      case Part::kDay: day = Digits(at, 2); break;
      case Part::kHour:
      case Part::kHour12: hour = Digits(at, 2); break;
      case Part::kMinute: minute = Digits(at, 2); break;
      case Part::kSecond: second = Digits(at, 2); break;
    }
    at += 2;
  }
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > DaysOf(year, month)) return false;
  if (half >= 0) {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + half;
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  const int64_t seconds =
      DaysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
  *ms = seconds * 1000;
  return true;
}

bool TimeFormat::ReadAny(absl::string_view text, int64_t* ms) const {
  absl::Time at;
  if (!absl::ParseTime(text_, text, absl::UTCTimeZone(), &at, nullptr)) return false;
  // absl takes "infinite-future" for a time.
  if (at == absl::InfiniteFuture() || at == absl::InfinitePast()) return false;
  *ms = absl::ToUnixMillis(at);
  return true;
}

}  // namespace gridledger::mapping
