#include "services/answers/incident_row.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>

#include <algorithm>

#include "services/base/layout.h"
#include "services/domain/policy/instant_text.h"

namespace gridledger::answers {
namespace {

using incident::Incident;
using incident::Phase;

constexpr Light kLights[] = {Light::kGreen, Light::kYellow, Light::kRed};

// Moves when what a cursor holds does: those of before then are none any more.
constexpr uint32_t kCursorVersion = 1;

struct Cursor {
  uint32_t version = kCursorVersion;
  std::optional<absl::Time> due_at;
  absl::Time reported_at;
  IncidentId id;
  Partition partition;
  template <class A>
  void Fields(A& a) {
    a(version, due_at, reported_at, id, partition);
  }
};

bool IsWithin(const std::optional<absl::Time>& at, const std::optional<absl::Time>& from,
              const std::optional<absl::Time>& until) {
  if (!from && !until) return true;
  return at && (!from || *from <= *at) && (!until || *at < *until);
}

bool IsAsked(const std::string& text, const std::string& value) {
  return text.empty() || text == value;
}

}  // namespace

bool IsOverdue(const Incident& is, absl::Time at) {
  return incident::IsOpenCase(is.phase) && is.due_at && *is.due_at < at &&
         !incident::StandsBefore(is.paused_at, is.due_at);
}

Light LightOf(const Incident& is) {
  if (is.missed) return Light::kRed;
  return is.warned ? Light::kYellow : Light::kGreen;
}

absl::string_view LightName(Light light) {
  switch (light) {
    case Light::kGreen: return "green";
    case Light::kYellow: return "yellow";
    case Light::kRed: return "red";
  }
  return "unknown";
}

std::optional<Light> LightCalled(absl::string_view name) {
  for (const Light light : kLights) {
    if (LightName(light) == name) return light;
  }
  return std::nullopt;
}

std::optional<Phase> PhaseCalled(absl::string_view name) {
  for (auto i = static_cast<int>(Phase::kReported); i <= static_cast<int>(Phase::kMerged); ++i) {
    const auto phase = static_cast<Phase>(i);
    if (incident::PhaseName(phase) == name) return phase;
  }
  return std::nullopt;
}

bool IncidentFilter::Fits(const IncidentId& id, const Incident& is, absl::Time as_of) const {
  const bool open_only = !all && phases.empty() && !closed_from && !closed_until;
  if (open_only && !incident::IsOpen(is.phase)) return false;
  if (!phases.empty() && std::find(phases.begin(), phases.end(), is.phase) == phases.end()) {
    return false;
  }
  if (!IsAsked(unit, is.unit.text()) || !IsAsked(category, is.category.text()) ||
      !IsAsked(community, is.community.text()) || !IsAsked(member, is.member.text())) {
    return false;
  }
  if (!IsAsked(area, is.area.text()) && !IsAsked(area, is.community.text())) return false;
  if (light && *light != LightOf(is)) return false;
  if (missed && *missed != is.missed) return false;
  if (is.level < level_min) return false;
  if (!IsWithin(is.reported_at, reported_from, reported_until) ||
      !IsWithin(is.due_at, due_from, due_until) ||
      !IsWithin(is.closed_at, closed_from, closed_until)) {
    return false;
  }
  if (!id_contains.empty() && !absl::StrContains(id.text(), id_contains)) return false;
  return !overdue || IsOverdue(is, as_of);
}

std::strong_ordering operator<=>(const UrgencyKey& a, const UrgencyKey& b) {
  const auto of_times = [](absl::Time x, absl::Time y) {
    if (x < y) return std::strong_ordering::less;
    return y < x ? std::strong_ordering::greater : std::strong_ordering::equal;
  };
  if (const auto due = of_times(a.due_at, b.due_at); due != 0) return due;
  if (const auto reported = of_times(a.reported_at, b.reported_at); reported != 0) return reported;
  if (const auto id = a.id <=> b.id; id != 0) return id;
  return a.partition <=> b.partition;
}

UrgencyKey UrgencyOf(const IncidentId& id, Partition partition, const Incident& is) {
  return UrgencyKey{.due_at = is.due_at.value_or(absl::InfiniteFuture()),
                    .reported_at = is.reported_at,
                    .id = id,
                    .partition = partition};
}

std::string CursorOf(const UrgencyKey& key) {
  Cursor cursor{.version = kCursorVersion,
                .due_at = std::nullopt,
                .reported_at = key.reported_at,
                .id = key.id,
                .partition = key.partition};
  if (key.due_at != absl::InfiniteFuture()) cursor.due_at = key.due_at;
  std::string bytes;
  LayoutWriter writer(&bytes);
  cursor.Fields(writer);
  return absl::WebSafeBase64Escape(bytes);
}

std::optional<UrgencyKey> ParseCursor(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes)) return std::nullopt;
  Cursor cursor;
  LayoutReader reader(bytes);
  cursor.Fields(reader);
  if (!reader.Complete() || cursor.version != kCursorVersion) return std::nullopt;
  UrgencyKey key{.due_at = cursor.due_at.value_or(absl::InfiniteFuture()),
                 .reported_at = cursor.reported_at,
                 .id = cursor.id,
                 .partition = cursor.partition};
  // One text a key: paddings and longer forms of a number are nobody's.
  if (CursorOf(key) != text) return std::nullopt;
  return key;
}

nlohmann::ordered_json RowJson(const IncidentId& id, Partition partition, const Incident& is,
                               absl::Time as_of, const policy::Zone& zone) {
  const auto instant = [&](const std::optional<absl::Time>& at) {
    return at ? nlohmann::ordered_json(policy::Rfc3339(*at, zone)) : nlohmann::ordered_json();
  };
  return {{"id", id.text()},
          {"partition", partition.value},
          {"phase", std::string(incident::PhaseName(is.phase))},
          {"category", is.category.text()},
          {"community", is.community.text()},
          {"area", is.area.text()},
          {"unit", is.unit.text()},
          {"member", is.member.text()},
          {"reported_at", instant(is.reported_at)},
          {"filed_at", instant(is.filed_at)},
          {"due_at", instant(is.due_at)},
          {"closed_at", instant(is.closed_at)},
          {"paused", is.paused_at.has_value()},
          {"overdue", IsOverdue(is, as_of)},
          {"light", std::string(LightName(LightOf(is)))},
          {"level", is.level}};
}

}  // namespace gridledger::answers
