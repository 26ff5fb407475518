#include "services/gateway/api/parameters.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "services/base/characters.h"
#include "services/runtime/console/instant.h"

namespace gridledger::gateway {
namespace {

constexpr size_t kNameShownMax = 64;  // of a parameter that nobody knows

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    if (TakeCharacter(&text) == kNotUtf8) return false;
  }
  return true;
}

}  // namespace

Parameters::Parameters(const Request& request, const policy::Zone& zone,
                       std::initializer_list<absl::string_view> names)
    : request_(request), zone_(zone) {
  for (const Field& field : request.query) {
    const bool known = std::find(names.begin(), names.end(), field.name) != names.end();
    if (!known) {
      Refuse(field.name, names.size() == 0
                             ? std::string("there are none here")
                             : absl::StrCat("unknown; there are ", absl::StrJoin(names, ", ")));
    } else if (std::count_if(request.query.begin(), request.query.end(),
                             [&](const Field& other) { return other.name == field.name; }) > 1) {
      Refuse(field.name, "it is there more than once");
    } else if (!IsUtf8(field.value)) {
      Refuse(field.name, "it is no UTF-8");
    }
  }
}

void Parameters::Refuse(absl::string_view name, absl::string_view why) {
  if (wrong_) return;
  wrong_ = Problem(400, "", absl::StrCat("a parameter is wrong: ", why),
                   {{"parameter", std::string(name.substr(0, kNameShownMax))}});
}

std::string Parameters::Text(absl::string_view name) {
  const std::string* value = request_.Query(name);
  if (value == nullptr) return "";
  if (value->size() > 256) Refuse(name, "it has at most 256 bytes");
  return *value;
}

std::optional<absl::Time> Parameters::Instant(absl::string_view name) {
  const std::string* value = request_.Query(name);
  if (value == nullptr || value->empty()) return std::nullopt;
  // A plus sign of a zone that was not escaped has become a blank.
  std::string text = *value;
  if (text.size() > 6 && text[text.size() - 6] == ' ' && text.find('T') != std::string::npos) {
    text[text.size() - 6] = '+';
  }
  const absl::StatusOr<absl::Time> at = cli::ParseInstant(text, zone_);
  if (at.ok()) return *at;
  Refuse(name, "it is an instant of RFC 3339, or a date");
  return std::nullopt;
}

std::optional<bool> Parameters::Flag(absl::string_view name) {
  const std::string* value = request_.Query(name);
  if (value == nullptr) return std::nullopt;
  if (*value == "true" || value->empty()) return true;
  if (*value != "false") Refuse(name, "it is true or false");
  return false;
}

int Parameters::Whole(absl::string_view name, int least, int most, int otherwise) {
  const std::string* value = request_.Query(name);
  if (value == nullptr) return otherwise;
  int number = 0;
  if (!absl::SimpleAtoi(*value, &number) || number < least || number > most) {
    Refuse(name, absl::StrCat("it is a whole number from ", least, " to ", most));
    return otherwise;
  }
  return number;
}

void Parameters::ReadFilter(answers::IncidentFilter* filter) {
  filter->category = Text("category");
  filter->area = Text("area");
  filter->community = Text("community");
  filter->unit = Text("unit");
  filter->member = Text("member");
  filter->missed = Flag("missed");
  filter->id_contains = Text("id");
  filter->level_min = static_cast<uint32_t>(Whole("level_min", 0, 16, 0));
  if (const std::string light = Text("light"); !light.empty()) {
    filter->light = answers::LightCalled(light);
    if (!filter->light) Refuse("light", "it is green, yellow or red");
  }
}

}  // namespace gridledger::gateway
