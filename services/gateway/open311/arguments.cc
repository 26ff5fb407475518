#include "services/gateway/open311/arguments.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <utility>

#include "services/runtime/console/instant.h"

namespace gridledger::gateway::open311 {
namespace {

constexpr size_t kPartsMax = 256;  // of a multipart body: a form has some twenty fields

// `form-data; name="lat"; filename="a.jpg"` → the value of name or filename; nothing without it.
std::optional<std::string> ParameterOf(absl::string_view header, absl::string_view name) {
  for (absl::string_view one : absl::StrSplit(header, ';')) {
    one = absl::StripAsciiWhitespace(one);
    const size_t equals = one.find('=');
    if (equals == absl::string_view::npos) continue;
    if (!absl::EqualsIgnoreCase(one.substr(0, equals), name)) continue;
    absl::string_view value = one.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return std::nullopt;
}

// RFC 7578: one part without its boundary.
absl::Status ReadPart(absl::string_view part, Form* form) {
  const size_t end = part.find("\r\n\r\n");
  if (end == absl::string_view::npos) {
    return absl::InvalidArgumentError("a part of the form has no header");
  }
  for (const absl::string_view line : absl::StrSplit(part.substr(0, end), "\r\n")) {
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    if (!absl::EqualsIgnoreCase(line.substr(0, colon), "content-disposition")) continue;
    const absl::string_view value = line.substr(colon + 1);
    const std::optional<std::string> name = ParameterOf(value, "name");
    if (!name) break;
    if (ParameterOf(value, "filename")) {
      form->has_file = true;
    } else {
      form->fields.push_back(Field{*name, std::string(part.substr(end + 4))});
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("a part of the form has no name");
}

absl::StatusOr<Form> ParseMultipart(absl::string_view boundary, absl::string_view body) {
  const std::string between = absl::StrCat("\r\n--", boundary);
  Form form;
  if (!absl::ConsumePrefix(&body, between.substr(2))) {
    return absl::InvalidArgumentError("the form does not begin with its boundary");
  }
  for (size_t parts = 0; !absl::StartsWith(body, "--"); ++parts) {
    const bool begins = absl::ConsumePrefix(&body, "\r\n");
    const size_t end = body.find(between);
    if (!begins || end == absl::string_view::npos || parts == kPartsMax) {
      return absl::InvalidArgumentError("the form does not end with its boundary");
    }
    const absl::Status status = ReadPart(body.substr(0, end), &form);
    if (!status.ok()) return status;
    body.remove_prefix(end + between.size());
  }
  return form;
}

}  // namespace

absl::StatusOr<Form> ParseBody(const std::string& content_type, absl::string_view body) {
  const absl::string_view type =
      absl::StripAsciiWhitespace(absl::string_view(content_type).substr(0, content_type.find(';')));
  if (absl::EqualsIgnoreCase(type, "multipart/form-data")) {
    const std::optional<std::string> boundary = ParameterOf(content_type, "boundary");
    if (!boundary || boundary->empty()) {
      return absl::InvalidArgumentError("the form names no boundary");
    }
    return ParseMultipart(*boundary, body);
  }
  if (!type.empty() && !absl::EqualsIgnoreCase(type, "application/x-www-form-urlencoded")) {
    return absl::InvalidArgumentError(
        "the body is a form: application/x-www-form-urlencoded or multipart/form-data");
  }
  std::optional<std::vector<Field>> fields = ParseForm(absl::StripAsciiWhitespace(body));
  if (!fields) return absl::InvalidArgumentError("the form has a bad escape");
  return Form{*std::move(fields), false};
}

std::string Arguments::Text(absl::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name && !field.value.empty()) return field.value;
  }
  return "";
}

std::string Arguments::Attribute(absl::string_view code) const {
  std::string value = Text(absl::StrCat("attribute[", code, "]"));
  return value.empty() ? Text(absl::StrCat("attribute[", code, "][]")) : value;
}

std::vector<std::string> Arguments::List(absl::string_view name) const {
  std::vector<std::string> values;
  for (const Field& field : fields_) {
    if (field.name != name && field.name != absl::StrCat(name, "[]")) continue;
    for (const absl::string_view one : absl::StrSplit(field.value, ',', absl::SkipWhitespace())) {
      values.emplace_back(absl::StripAsciiWhitespace(one));
    }
  }
  return values;
}

std::optional<absl::Time> Arguments::Instant(absl::string_view name) {
  std::string text = Text(name);
  if (text.empty()) return std::nullopt;
  // A plus sign of a zone that was not escaped has become a blank.
  if (text.size() > 6 && text[text.size() - 6] == ' ' && text.find('T') != std::string::npos) {
    text[text.size() - 6] = '+';
  }
  const absl::StatusOr<absl::Time> at = cli::ParseInstant(text, zone_);
  if (at.ok()) return *at;
  Refuse(absl::StrCat(name, " is a date and time with a zone, e.g. 2010-01-01T00:00:00Z"));
  return std::nullopt;
}

std::optional<double> Arguments::Degrees(absl::string_view name, double most) {
  const std::string text = Text(name);
  if (text.empty()) return std::nullopt;
  double degrees = 0;
  if (absl::SimpleAtod(text, &degrees) && degrees >= -most && degrees <= most) return degrees;
  Refuse(absl::StrCat(name, " is a number of degrees of WGS 84, from -", most, " to ", most));
  return std::nullopt;
}

int Arguments::Whole(absl::string_view name, int least, int most, int otherwise) {
  const std::string text = Text(name);
  if (text.empty()) return otherwise;
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= least && number <= most) return number;
  Refuse(absl::StrCat(name, " is a whole number from ", least, " to ", most));
  return otherwise;
}

bool Arguments::Flag(absl::string_view name) {
  const std::string text = absl::AsciiStrToLower(Text(name));
  if (text == "true" || text == "1") return true;
  if (!text.empty() && text != "false" && text != "0") {
    Refuse(absl::StrCat(name, " is true or false"));
  }
  return false;
}

}  // namespace gridledger::gateway::open311
