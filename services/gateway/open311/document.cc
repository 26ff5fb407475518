#include "services/gateway/open311/document.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <tinyxml2.h>

#include <utility>

#include "services/base/characters.h"
#include "services/runtime/console/json_text.h"

namespace gridledger::gateway::open311 {
namespace {

using nlohmann::ordered_json;

// The element of a list's items, by that of the list.
std::string ItemOf(const std::string& list) {
  static constexpr std::pair<absl::string_view, absl::string_view> kItems[] = {
      {"service_requests", "request"},
      {"service_request_updates", "request_update"},
  };
  for (const auto& [name, item] : kItems) {
    if (list == name) return std::string(item);
  }
  // services, attributes, values, errors, endpoints, formats, notes
  return absl::EndsWith(list, "s") ? list.substr(0, list.size() - 1) : "item";
}

// XML 1.0, 2.2: tab, line ends, and what is neither a control code, a surrogate nor U+FFFE, U+FFFF.
bool MayStandInXml(char32_t code) {
  if (code == kNotUtf8) return false;
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return (code < 0xD800 || code > 0xDFFF) && code != 0xFFFE && code != 0xFFFF;
}

std::string Writable(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const absl::string_view before = text;
    if (MayStandInXml(TakeCharacter(&text))) {
      absl::StrAppend(&out, before.substr(0, before.size() - text.size()));
    } else {
      out += "\xEF\xBF\xBD";
    }
  }
  return out;
}

void Write(tinyxml2::XMLPrinter& printer, const std::string& name, const ordered_json& content) {
  printer.OpenElement(name.c_str());
  if (content.is_object()) {
    for (const auto& [member, value] : content.items()) Write(printer, member, value);
  } else if (content.is_array()) {
    const std::string item = ItemOf(name);
    for (const ordered_json& value : content) Write(printer, item, value);
  } else if (content.is_string()) {
    const std::string text = Writable(content.get_ref<const std::string&>());
    if (!text.empty()) printer.PushText(text.c_str());
  } else if (!content.is_null()) {
    printer.PushText(content.dump().c_str());
  }
  printer.CloseElement();
}

}  // namespace

std::optional<Named> ParseNamed(absl::string_view segment) {
  const size_t dot = segment.rfind('.');
  if (dot == absl::string_view::npos || dot == 0) return std::nullopt;
  const absl::string_view suffix = segment.substr(dot + 1);
  Named named;
  named.name = std::string(segment.substr(0, dot));
  if (suffix == "json") {
    named.format = Format::kJson;
  } else if (suffix != "xml") {
    return std::nullopt;
  }
  return named;
}

std::string XmlText(absl::string_view root, const ordered_json& content) {
  tinyxml2::XMLPrinter printer;
  printer.PushDeclaration("xml version=\"1.0\" encoding=\"UTF-8\"");
  Write(printer, std::string(root), content);
  return printer.CStr();
}

Reply AnswerIn(Format format, absl::string_view root, const ordered_json& content, int status) {
  Reply reply;
  reply.status = status;
  if (format == Format::kJson) {
    reply.type = "application/json; charset=utf-8";
    reply.body = cli::JsonText(content);
  } else {
    reply.type = "text/xml; charset=utf-8";
    reply.body = XmlText(root, content);
  }
  return reply;
}

Reply ErrorsIn(Format format, const std::vector<Error>& errors) {
  ordered_json list = ordered_json::array();
  for (const Error& error : errors) {
    list.push_back({{"code", error.code}, {"description", error.description}});
  }
  return AnswerIn(format, "errors", list, errors.empty() ? 400 : errors.front().code);
}

Reply ErrorIn(Format format, int code, absl::string_view description) {
  return ErrorsIn(format, {Error{code, std::string(description)}});
}

Reply ErrorOf(Format format, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument: return ErrorIn(format, 400, status.message());
    case absl::StatusCode::kNotFound: return ErrorIn(format, 404, status.message());
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded: {
      Reply reply = ErrorIn(format, 503, status.message());
      reply.Set("Retry-After", "1");
      return reply;
    }
    default: return ErrorIn(format, 500, "the city could not answer");
  }
}

}  // namespace gridledger::gateway::open311
