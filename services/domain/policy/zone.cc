#include "services/domain/policy/zone.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::policy {
namespace {

// Clocks change at most four times a year (Morocco, round Ramadan): 131 years × 4 = 524.
constexpr int kChangesMax = 1024;
constexpr int kOffsetsMax = 64;       // no zone has had more than 4 since 1970
constexpr int kOffsetMax_s = 86'400;  // as far as a clock can be from UTC and be one; now 14 h
constexpr int64_t kUntilMax_s = int64_t{253'402'300'800};  // 10000-01-01T00:00:00Z

// Made from tzdata 2025b, and never anew: the digests of older ledgers hang on it. A line a clock:
//   NAME[ NAME...]|OFFSET_S[ OFFSET_S...]|CHANGE...
// The first offset holds at the beginning of 1970. A change is the seconds since the one before (or
// since 1970), in base 36 with small letters, and then a capital: the place of its offset, A = 0.
constexpr char kNamedZones[] =
#include <named_zones.inc>
    ;
constexpr absl::string_view kNamedSource = "tzdata 2025b";
constexpr int64_t kNamedUntil_s = 2'145'916'800;  // 2038-01-01T00:00:00Z

const absl::CivilSecond kEpoch(1970, 1, 1);

int64_t SecondOf(absl::Time at) { return absl::ToUnixSeconds(at); }  // towards the past

// "UTC" and "Fixed/UTC+08:00:00", which Abseil has known without any file.
std::optional<int> FixedOffset(absl::string_view name) {
  if (name == "UTC") return 0;
  constexpr absl::string_view kPrefix = "Fixed/UTC";
  if (!absl::StartsWith(name, kPrefix) || name.size() != kPrefix.size() + 9) return std::nullopt;
  const absl::string_view text = name.substr(kPrefix.size());
  int part[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    const absl::string_view two = text.substr(1 + 3 * i, 2);
    if (i > 0 && text[3 * i] != ':') return std::nullopt;
    if (two.find_first_not_of("0123456789") != absl::string_view::npos) return std::nullopt;
    if (!absl::SimpleAtoi(two, &part[i])) return std::nullopt;
  }
  const int offset_s = part[0] * 3600 + part[1] * 60 + part[2];
  if (part[1] > 59 || part[2] > 59 || offset_s > kOffsetMax_s) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  return text[0] == '-' ? -offset_s : offset_s;
}

// The line of the table that has the name; empty when none has.
absl::string_view NamedLine(absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(absl::string_view(kNamedZones), '\n')) {
    const absl::string_view names = line.substr(0, line.find('|'));
    if (!absl::StrContains(names, name)) continue;
    for (const absl::string_view one : absl::StrSplit(names, ' ')) {
      if (one == name) return line;
    }
  }
  return {};
}

v1::ZoneRules RulesOfLine(absl::string_view line) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, '|');
  v1::ZoneRules rules;
  rules.set_source(std::string(kNamedSource));
  rules.set_until_s(kNamedUntil_s);
  for (const absl::string_view text : absl::StrSplit(parts[1], ' ')) {
    int offset_s = 0;
    if (absl::SimpleAtoi(text, &offset_s)) rules.add_offsets_s(offset_s);
  }
  uint32_t after_s = 0;
  for (const char c : parts[2]) {
    if (c >= 'A' && c <= 'Z') {
      rules.add_changes_after_s(std::exchange(after_s, 0));
      rules.add_changes_to(static_cast<uint32_t>(c - 'A'));
    } else {
      after_s = after_s * 36 + static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
  }
  return rules;
}

absl::Status Unsound(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the rules of the policy's zone: ", what));
}

absl::Status CheckRules(const v1::ZoneRules& rules) {
  if (rules.offsets_s().empty() || rules.offsets_s_size() > kOffsetsMax) {
    return Unsound(
        absl::StrCat(rules.offsets_s_size(), " offsets, where 1 to ", kOffsetsMax, " can be"));
  }
  for (const int offset_s : rules.offsets_s()) {
    if (offset_s < -kOffsetMax_s || offset_s > kOffsetMax_s) {
      return Unsound("an offset of more than a day");
    }
  }
  if (rules.changes_after_s_size() > kChangesMax) {
    return Unsound(absl::StrCat(rules.changes_after_s_size(), " changes, where at most ",
                                kChangesMax, " can be"));
  }
  if (rules.changes_after_s_size() != rules.changes_to_size()) {
    return Unsound("not as many changes as places of offsets");
  }
  if (rules.until_s() < 0 || rules.until_s() > kUntilMax_s) {
    return Unsound("they end before 1970 or after 9999");
  }
  int64_t at_s = 0;
  for (int i = 0; i < rules.changes_after_s_size(); ++i) {
    if (rules.changes_after_s(i) == 0) return Unsound("two changes at one instant");
    at_s += rules.changes_after_s(i);  // 1,024 × 2^32: far inside 64 bits
    if (rules.changes_to(i) >= static_cast<uint32_t>(rules.offsets_s_size())) {
      return Unsound("a change to an offset that is not there");
    }
  }
  if (at_s > rules.until_s()) return Unsound("a change after their end");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Zone> Zone::Of(absl::string_view name, const v1::ZoneRules& rules) {
  if (absl::Status sound = CheckRules(rules); !sound.ok()) return sound;
  Zone zone;
  zone.name_ = std::string(name);
  zone.first_offset_s_ = rules.offsets_s(0);
  zone.until_s_ = rules.until_s();
  int64_t at_s = 0;
  for (int i = 0; i < rules.changes_after_s_size(); ++i) {
    at_s += rules.changes_after_s(i);
    zone.changes_.push_back(Change{at_s, rules.offsets_s(static_cast<int>(rules.changes_to(i)))});
  }
  return zone;
}

std::optional<Zone> Zone::Named(absl::string_view name) {
  if (name.empty()) return std::nullopt;
  if (const std::optional<int> fixed = FixedOffset(name)) {
    Zone zone;
    zone.name_ = std::string(name);
    zone.first_offset_s_ = *fixed;
    return zone;
  }
  const absl::string_view line = NamedLine(name);
  if (line.empty()) return std::nullopt;
  absl::StatusOr<Zone> zone = Of(name, RulesOfLine(line));
  INVARIANT(zone.ok(), "a line of named_zones.txt is no zone");
  return *std::move(zone);
}

int Zone::OffsetAtSecond(int64_t at_s) const {
  const auto after =
      std::upper_bound(changes_.begin(), changes_.end(), at_s,
                       [](int64_t second, const Change& change) { return second < change.at_s; });
  return after == changes_.begin() ? first_offset_s_ : std::prev(after)->offset_s;
}

int Zone::OffsetAt(absl::Time at) const { return OffsetAtSecond(SecondOf(at)); }

absl::CivilSecond Zone::CivilAt(absl::Time at) const {
  return absl::ToCivilSecond(at + absl::Seconds(OffsetAt(at)), absl::UTCTimeZone());
}

int Zone::HourAt(absl::Time at) const { return CivilAt(at).hour(); }

absl::Time Zone::InstantOf(absl::CivilSecond civil) const {
  const int64_t local_s = civil - kEpoch;
  int offset_s = first_offset_s_;
  for (const Change& change : changes_) {
    // Before the change both ways: also in an hour that it skips, and the first time in one that
    // comes again.
    if (local_s < change.at_s + std::max(offset_s, change.offset_s)) break;
    offset_s = change.offset_s;
  }
  return absl::FromUnixSeconds(local_s - offset_s);
}

bool Zone::AgreeFrom(const Zone& a, const Zone& b, absl::Time since) {
  const int64_t from_s = SecondOf(since);
  const int64_t until_s = std::min(a.until_s_, b.until_s_);
  if (a.OffsetAtSecond(from_s) != b.OffsetAtSecond(from_s)) return false;
  for (const Zone* zone : {&a, &b}) {
    for (const Change& change : zone->changes_) {
      if (change.at_s <= from_s || change.at_s >= until_s) continue;
      if (a.OffsetAtSecond(change.at_s) != b.OffsetAtSecond(change.at_s)) return false;
    }
  }
  return true;
}

}  // namespace gridledger::policy
