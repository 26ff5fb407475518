#include "services/runtime/host/log_name.h"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <fstream>

namespace gridledger::host {
namespace {

constexpr absl::string_view kForms =
    "a log is named local:DIR, kafka:HOST:PORT[,HOST:PORT]/PREFIX or file:PATH";

bool IsBroker(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port > 0 && port < 65536;
}

// What Kafka allows in a topic's name, and room for the longest of ours after it.
bool IsPrefix(absl::string_view text) {
  return !text.empty() && text.size() <= 200 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace

std::string LogName::Text() const {
  switch (kind) {
    case Kind::kLocal: return absl::StrCat("local:", path);
    case Kind::kKafka: return absl::StrCat("kafka:", bootstrap, "/", prefix);
    case Kind::kFile: return absl::StrCat("file:", path);
  }
  return "";
}

absl::StatusOr<LogName> ParseLogName(absl::string_view text) {
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", why, "; ", kForms));
  };
  LogName name;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "local:") || absl::ConsumePrefix(&rest, "file:")) {
    name.kind = text.front() == 'l' ? LogName::Kind::kLocal : LogName::Kind::kFile;
    if (rest.empty()) return refuse("the path is missing");
    name.path = std::string(rest);
    return name;
  }
  if (!absl::ConsumePrefix(&rest, "kafka:")) return refuse("its kind is missing");
  name.kind = LogName::Kind::kKafka;
  const size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return refuse("the prefix of the topics is missing");
  name.bootstrap = std::string(rest.substr(0, slash));
  name.prefix = std::string(rest.substr(slash + 1));
  for (const absl::string_view broker : absl::StrSplit(name.bootstrap, ',')) {
    if (!IsBroker(broker)) return refuse(absl::StrCat("'", broker, "' is not HOST:PORT"));
  }
  if (!IsPrefix(name.prefix)) {
    return refuse("a prefix has letters, digits, '.', '_' and '-', and at most 200 of them");
  }
  return name;
}

absl::StatusOr<std::map<std::string, std::string>> ReadKafkaProperties(
    const std::string& file, const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> properties;
  const auto add = [&](absl::string_view pair) {
    const size_t equals = pair.find('=');
    if (equals == absl::string_view::npos || equals == 0) return false;
    properties[std::string(absl::StripAsciiWhitespace(pair.substr(0, equals)))] =
        std::string(absl::StripAsciiWhitespace(pair.substr(equals + 1)));
    return true;
  };
  if (!file.empty()) {
    std::ifstream in(file);
    if (!in) return absl::InvalidArgumentError(absl::StrCat("cannot read ", file));
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      const absl::string_view text = absl::StripAsciiWhitespace(line);
      if (text.empty() || text.front() == '#') continue;
      if (!add(text)) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, ":", number, ": expected NAME=VALUE, a property of librdkafka"));
      }
    }
  }
  for (const std::string& pair : pairs) {
    if (!add(pair)) {
      return absl::InvalidArgumentError("--kafka takes NAME=VALUE, a property of librdkafka");
    }
  }
  return properties;
}

}  // namespace gridledger::host
