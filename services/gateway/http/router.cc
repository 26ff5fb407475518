#include "services/gateway/http/router.h"

#include <absl/strings/match.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <optional>

#include "services/base/invariant.h"

namespace gridledger::gateway {
namespace {

bool IsCapture(absl::string_view part) {
  return absl::StartsWith(part, "{") && absl::EndsWith(part, "}");
}

// What the pattern's parts in braces stand for; nothing when the path is another. Each segment is
// decoded by itself: an escaped slash is part of a name.
std::optional<std::vector<Field>> Fit(absl::string_view pattern, absl::string_view path) {
  std::vector<Field> captures;
  while (true) {
    const size_t pattern_end = std::min(pattern.find('/', 1), pattern.size());
    const absl::string_view part = pattern.substr(1, pattern_end - 1);
    if (path.empty() || path.front() != '/') return std::nullopt;
    if (IsCapture(part) && absl::EndsWith(part, "*}")) {
      std::optional<std::string> rest = PercentDecoded(path.substr(1), false);
      if (!rest) return std::nullopt;
      captures.push_back(Field{std::string(part.substr(1, part.size() - 3)), *std::move(rest)});
      return captures;
    }
    const size_t path_end = std::min(path.find('/', 1), path.size());
    std::optional<std::string> segment = PercentDecoded(path.substr(1, path_end - 1), false);
    if (!segment) return std::nullopt;
    if (IsCapture(part)) {
      if (segment->empty()) return std::nullopt;
      captures.push_back(Field{std::string(part.substr(1, part.size() - 2)), *std::move(segment)});
    } else if (part != *segment) {
      return std::nullopt;
    }
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
    if (pattern.empty() || path.empty()) {
      if (pattern.empty() != path.empty()) return std::nullopt;
      return captures;
    }
  }
}

}  // namespace

void Router::Add(Route route) {
  for (const Route& other : routes_) {
    INVARIANT(other.method != route.method || other.path != route.path, "a route is there twice");
  }
  routes_.push_back(std::move(route));
}

Router::Match Router::Find(absl::string_view method, absl::string_view path) const {
  Match match;
  const absl::string_view wanted = method == "HEAD" ? "GET" : method;
  // A path's own route comes before one whose part in braces fits it, too.
  size_t fewest = 0;
  for (const Route& route : routes_) {
    std::optional<std::vector<Field>> captures = Fit(route.path, path);
    if (!captures) continue;
    if (std::find(match.allowed.begin(), match.allowed.end(), route.method) ==
        match.allowed.end()) {
      match.allowed.push_back(route.method);
    }
    if (route.method != wanted) continue;
    if (match.route != nullptr && captures->size() >= fewest) continue;
    match.route = &route;
    fewest = captures->size();
    match.captures = *std::move(captures);
  }
  return match;
}

}  // namespace gridledger::gateway
