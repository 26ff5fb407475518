// Answers of Open311 GeoReport v2 in its two formats. One JSON value is both: XML is written from
// it, member by member, with the standard's names for the items of lists. Knows nothing of a city.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "services/gateway/http/message.h"

namespace gridledger::gateway::open311 {

enum class Format { kJson, kXml };

// The last segment of a path: "services.json" is "services" in JSON.
struct Named {
  std::string name;
  Format format = Format::kXml;
};
// Nothing when it ends neither in .json nor in .xml, or has no name before that.
std::optional<Named> ParseNamed(absl::string_view segment);

// As <root> with the members of an object, or with the items of a list: <services> has <service>.
// Null is an empty element. What XML 1.0 cannot hold becomes U+FFFD.
std::string XmlText(absl::string_view root, const nlohmann::ordered_json& content);

Reply AnswerIn(Format format, absl::string_view root, const nlohmann::ordered_json& content,
               int status = 200);

// GeoReport v2, "Errors": a list of code and description, under the HTTP status of the first.
struct Error {
  int code = 400;
  std::string description;
};
Reply ErrorsIn(Format format, const std::vector<Error>& errors);
Reply ErrorIn(Format format, int code, absl::string_view description);
// What a refused question is to a client.
Reply ErrorOf(Format format, const absl::Status& status);

}  // namespace gridledger::gateway::open311
