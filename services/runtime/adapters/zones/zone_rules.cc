#include "services/runtime/adapters/zones/zone_rules.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace gridledger::zones {
namespace {

const absl::CivilSecond kEpoch(1970, 1, 1);

// "tzdata 2025b": the first line of tzdata.zi is "# version 2025b", +VERSION has it alone.
std::string Source() {
  const char* named = std::getenv("TZDIR");
  const std::string folder = named != nullptr && *named != '\0' ? named : "/usr/share/zoneinfo";
  for (const char* file : {"/tzdata.zi", "/+VERSION"}) {
    std::string line;
    std::ifstream in(folder + file);
    if (!std::getline(in, line) || line.empty() || line.size() > 64) continue;
    absl::string_view version = line;
    absl::ConsumePrefix(&version, "# version ");
    return absl::StrCat("tzdata ", version);
  }
  return "tzdata of a version that it does not tell";
}

bool NamesAZone(absl::string_view name) {
  return !name.empty() && name != "localtime" && name != "posixrules" &&
         absl::ascii_isalpha(static_cast<unsigned char>(name.front())) &&
         !absl::StartsWith(name, "file:") && !absl::StrContains(name, "..");
}

// The place of an offset among those told so far, which it joins.
uint32_t PlaceOf(int offset_s, v1::ZoneRules* rules) {
  const auto& offsets = rules->offsets_s();
  const auto at = std::find(offsets.begin(), offsets.end(), offset_s);
  const auto place = static_cast<uint32_t>(at - offsets.begin());
  if (at == offsets.end()) rules->add_offsets_s(offset_s);
  return place;
}

}  // namespace

absl::StatusOr<v1::ZoneRules> ReadZoneRules(absl::string_view name) {
  if (!NamesAZone(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is no zone's name; an IANA name is like America/New_York"));
  }
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(std::string(name), &zone)) {
    return absl::NotFoundError(
        absl::StrCat("\"", name, "\" is no zone that this machine knows; an IANA name is like ",
                     "America/New_York, and tzdata brings them"));
  }
  v1::ZoneRules rules;
  // Abseil has these two by itself.
  const bool is_fixed = name == "UTC" || absl::StartsWith(name, "Fixed/UTC");
  rules.set_source(is_fixed ? "by definition" : Source());
  rules.set_until_s(kRulesUntil_s);
  int offset_s = zone.At(absl::UnixEpoch()).offset;
  rules.add_offsets_s(offset_s);
  int64_t last_s = 0;
  absl::TimeZone::CivilTransition change;
  for (absl::Time at = absl::UnixEpoch(); zone.NextTransition(at, &change);) {
    const int64_t at_s = (change.from - kEpoch) - offset_s;
    if (at_s >= kRulesUntil_s) break;
    at = absl::FromUnixSeconds(at_s);
    const int after_s = zone.At(at).offset;
    if (after_s == offset_s) continue;  // another name for the same offset
    rules.add_changes_after_s(static_cast<uint32_t>(at_s - last_s));
    rules.add_changes_to(PlaceOf(after_s, &rules));
    last_s = at_s;
    offset_s = after_s;
  }
  return rules;
}

}  // namespace gridledger::zones
