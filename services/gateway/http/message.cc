#include "services/gateway/http/message.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <boost/beast/http/status.hpp>
#include <nlohmann/json.hpp>

#include "services/base/invariant.h"

namespace gridledger::gateway {
namespace {

int HexOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

const std::string* Request::Header(absl::string_view name) const {
  for (const Field& field : headers) {
    if (absl::EqualsIgnoreCase(field.name, name)) return &field.value;
  }
  return nullptr;
}

const std::string* Request::Query(absl::string_view name) const {
  for (const Field& field : query) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

const std::string& Request::Capture(absl::string_view name) const {
  for (const Field& field : captures) {
    if (field.name == name) return field.value;
  }
  INVARIANT(false, "asked for a part that the route has not");
  return path;
}

std::optional<std::string> PercentDecoded(absl::string_view text, bool is_query) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexOf(text[i + 1]);
      const int low = HexOf(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::string PercentEncoded(absl::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~", c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  return out;
}

std::optional<std::vector<Field>> ParseForm(absl::string_view text) {
  std::vector<Field> fields;
  for (const absl::string_view pair : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const size_t equals = pair.find('=');
    std::optional<std::string> name = PercentDecoded(pair.substr(0, equals), true);
    std::optional<std::string> value = PercentDecoded(
        equals == absl::string_view::npos ? absl::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    fields.push_back(Field{*std::move(name), *std::move(value)});
  }
  return fields;
}

absl::string_view ReasonPhrase(int status) {
  const auto phrase =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {phrase.data(), phrase.size()};
}

bool TakesGzip(const Request& request) {
  const std::string* accepted = request.Header("Accept-Encoding");
  if (accepted == nullptr) return false;
  for (absl::string_view one : absl::StrSplit(*accepted, ',')) {
    one = absl::StripAsciiWhitespace(one);
    if (absl::StartsWithIgnoreCase(one, "gzip")) {
      return !absl::StrContains(one, "q=0") || absl::StrContains(one, "q=0.");
    }
  }
  return false;
}

Reply Problem(int status, absl::string_view title, absl::string_view detail,
              const std::vector<Field>& fields) {
  nlohmann::ordered_json json;
  json["type"] = "about:blank";
  json["title"] = std::string(title.empty() ? ReasonPhrase(status) : title);
  json["status"] = status;
  if (!detail.empty()) json["detail"] = std::string(detail);
  for (const Field& field : fields) json[field.name] = field.value;
  Reply reply;
  reply.status = status;
  reply.type = "application/problem+json";
  reply.body =
      absl::StrCat(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
  if (status == 429 || status == 503) reply.Set("Retry-After", "1");
  return reply;
}

}  // namespace gridledger::gateway
