// Incidents as rows of a list: which of them are asked for, in which order they come, and one row
// as JSON, as `gridledger incidents --json` has it. Looks at incidents; never at where they lie.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/domain/policy/zone.h"

namespace gridledger::answers {

// An open case with a deadline that has passed while the clock ran.
bool IsOverdue(const incident::Incident& is, absl::Time at);

// The light of the deadline in force (红黄绿灯), as the ledger has it: yellow once warned of, red
// once missed, green otherwise.
enum class Light : uint8_t { kGreen, kYellow, kRed };
Light LightOf(const incident::Incident& is);
absl::string_view LightName(Light light);  // "green", "yellow", "red"
// Nothing for a name that is none of them.
std::optional<Light> LightCalled(absl::string_view name);
// By incident::PhaseName. Nothing for a name that is none of a phase, and for that of kNone.
std::optional<incident::Phase> PhaseCalled(absl::string_view name);

// Which incidents are asked for: those that fit all that is set. An empty text asks for nothing.
struct IncidentFilter {
  // Open ones only, unless `all`, `phases` or an instant of closing asks for others too.
  bool all = false;
  bool overdue = false;
  std::string unit, category, community, member;
  std::string area;                     // a grid's, an area's or a community's
  std::vector<incident::Phase> phases;  // any of them; empty: whatever phase
  std::optional<Light> light;
  std::optional<bool> missed;  // the deadline in force
  // Half-open, each end by itself. What has no such instant does not fit.
  std::optional<absl::Time> reported_from, reported_until;
  std::optional<absl::Time> due_from, due_until;
  std::optional<absl::Time> closed_from, closed_until;
  std::string id_contains;  // byte by byte
  uint32_t level_min = 0;

  bool Fits(const IncidentId& id, const incident::Incident& is, absl::Time as_of) const;
};

// The most urgent first: by deadline, those without one last, then the oldest first.
struct UrgencyKey {
  absl::Time due_at;  // InfiniteFuture without one
  absl::Time reported_at;
  IncidentId id;
  Partition partition;

  friend bool operator==(const UrgencyKey&, const UrgencyKey&) = default;
  friend std::strong_ordering operator<=>(const UrgencyKey& a, const UrgencyKey& b);
};
UrgencyKey UrgencyOf(const IncidentId& id, Partition partition, const incident::Incident& is);

// Where a list was cut, as text for a URL: base64url without padding, with a version inside. What
// it holds is nobody else's matter, and may change; instants have whole milliseconds.
std::string CursorOf(const UrgencyKey& key);
// Nothing for a text that CursorOf does not write.
std::optional<UrgencyKey> ParseCursor(absl::string_view cursor);

// {"id", "partition", "phase", …, "level"}
nlohmann::ordered_json RowJson(const IncidentId& id, Partition partition,
                               const incident::Incident& is, absl::Time as_of,
                               const policy::Zone& zone);

}  // namespace gridledger::answers
