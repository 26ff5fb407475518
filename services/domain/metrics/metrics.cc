#include "services/domain/metrics/metrics.h"

#include <absl/numeric/int128.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <iterator>
#include <type_traits>

namespace gridledger::metrics {
namespace {

using incident::DueKey;
using incident::Incident;
using incident::Phase;

// An incident as far as counts need it, before or after a change.
struct Standing {
  Phase phase = Phase::kNone;
  bool filed = false;
  bool solved = false;
  bool reopened = false;
  bool reworked = false;
  std::optional<absl::Time> due_at;
  std::optional<absl::Time> closed_at;
  std::optional<absl::Time> paused_at;

  friend bool operator==(const Standing&, const Standing&) = default;
};

Standing After(const Incident& incident) {
  return Standing{.phase = incident.phase,
                  .filed = incident.filed_at.has_value(),
                  .solved = incident.Solved(),
                  .reopened = incident.times_reopened > 0,
                  .reworked = incident.times_reworked > 0,
                  .due_at = incident.due_at,
                  .closed_at = incident.closed_at,
                  .paused_at = incident.paused_at};
}

Standing Before(const incident::Change& change) {
  const incident::Before& before = change.before;
  const uint32_t reopened = change.now->times_reopened - (change.fact->has_reopened() ? 1 : 0);
  const uint32_t reworked = change.now->times_reworked - (change.fact->has_check_failed() ? 1 : 0);
  return Standing{.phase = before.phase,
                  .filed = before.filed,
                  .solved = before.solved,
                  .reopened = reopened > 0,
                  .reworked = reworked > 0,
                  .due_at = before.due_at,
                  .closed_at = before.closed_at,
                  .paused_at = before.paused_at};
}

// Has a deadline that counts, passed or to come.
bool HasRunningDeadline(const Standing& standing) {
  return standing.due_at.has_value() &&
         !incident::StandsBefore(standing.paused_at, standing.due_at) &&
         (incident::IsOpenCase(standing.phase) || standing.phase == Phase::kClosed);
}

// A deadline that has passed, of a case that has to meet it.
struct Passed {
  bool closed = false;
  bool on_time = false;
};

// How a count is counted: of an incident as it stands, or of its deadline once that has passed.
struct Rule {
  absl::string_view name;
  Count count;
  bool (*of_standing)(const Standing&) = nullptr;
  bool (*of_passed)(const Passed&) = nullptr;
  std::optional<Count> less = std::nullopt;  // not kept in a row: `count` without these
};

// All that is counted, in the order in which it is listed.
constexpr Rule kRules[] = {
    {"reported", Count::kReported, [](const Standing&) { return true; }},
    {"filed", Count::kFiled, [](const Standing& is) { return is.filed; }},
    {"open", Count::kOpen, [](const Standing& is) { return incident::IsOpen(is.phase); }},
    {"closed", Count::kClosed, [](const Standing& is) { return is.phase == Phase::kClosed; }},
    {"solved", Count::kSolved, [](const Standing& is) { return is.solved; }},
    {"due_to_close", Count::kDueToClose, nullptr, [](const Passed&) { return true; }},
    {"closed_of_due", Count::kClosedOfDue, nullptr, [](const Passed& is) { return is.closed; }},
    {"closed_on_time", Count::kClosedOnTime, nullptr, [](const Passed& is) { return is.on_time; }},
    {"deadline_missed", Count::kDueToClose, nullptr, nullptr, Count::kClosedOnTime},
    {"voided", Count::kVoided, [](const Standing& is) { return is.phase == Phase::kVoided; }},
    {"reopened", Count::kReopened, [](const Standing& is) { return is.reopened; }},
    {"reworked", Count::kReworked, [](const Standing& is) { return is.reworked; }},
};

constexpr bool EachCountHasOneRule() {
  int next = 0;
  for (const Rule& rule : kRules) {
    if (rule.less) continue;
    if (static_cast<int>(rule.count) != next++) return false;
    if ((rule.of_standing == nullptr) == (rule.of_passed == nullptr)) return false;
  }
  return next == kCounts;
}
static_assert(EachCountHasOneRule(), "in the order of Count, and by one of the two");

// Calls `visit` with the index of each rule as a constant, so that their functions are inlined:
// this is done twice for each fact.
template <class Visit>
void ForEachRule(Visit visit) {
  [&]<size_t... kIndices>(std::index_sequence<kIndices...>) {
    (visit(std::integral_constant<size_t, kIndices>()), ...);
  }(std::make_index_sequence<std::size(kRules)>());
}

// What a passed deadline adds to the counts.
Row DueCounts(const Passed& passed) {
  Row row;
  ForEachRule([&](auto index) {
    constexpr Rule kRule = kRules[index];
    if constexpr (kRule.of_passed != nullptr) row[kRule.count] = kRule.of_passed(passed) ? 1 : 0;
  });
  return row;
}

Row CountsOf(const Standing& standing, absl::Time now) {
  Row row;
  if (standing.phase == Phase::kNone) return row;
  if (HasRunningDeadline(standing) && *standing.due_at <= now) {
    const bool closed = standing.phase == Phase::kClosed;
    row =
        DueCounts({.closed = closed, .on_time = closed && *standing.closed_at <= *standing.due_at});
  }
  ForEachRule([&](auto index) {
    constexpr Rule kRule = kRules[index];
    if constexpr (kRule.of_standing != nullptr) {
      row[kRule.count] = kRule.of_standing(standing) ? 1 : 0;
    }
  });
  return row;
}

Dimensions DimensionsOf(const Incident& incident) {
  return Dimensions{.category = incident.category,
                    .unit = incident.unit,
                    .area = incident.area,
                    .community = incident.community,
                    .hour = incident.reported_hour};
}

// Where what has that name is counted; `has` is whether a row is there. The total and the hours are
// few, and no names.
template <class Has>
RowKey RowOf(const Names& names, const RowKey& named, Has has) {
  const bool own = !names.full || named.dimension == Dimension::kTotal ||
                   named.dimension == Dimension::kHour || has(named);
  return own ? named : RowKey{named.dimension, std::string(kOtherNames)};
}

void AddToRow(State& state, const RowKey& named, const Row& counts) {
  const RowKey key = RowOf(state.names.Get(), named,
                           [&](const RowKey& row) { return state.rows.Find(row) != nullptr; });
  Row& row = state.rows.At(key);
  row += counts;
  if (row == Row{}) {
    state.rows.Erase(key);
  } else if (state.rows.size() >= kRowsMax && !state.names.Get().full) {
    state.names.Change().full = true;
  }
}

const std::string& AreaKey(const AreaCode& area, const CommunityCode& community) {
  return area.empty() ? community.text() : area.text();
}

std::string HourKey(uint32_t hour) {
  return {static_cast<char>('0' + hour / 10), static_cast<char>('0' + hour % 10)};
}

// The rows that an incident, or what is known of its dimensions, is counted in, but for the unit's.
template <class Where, class Add>
void AddToRowsButUnit(const Where& at, uint32_t hour, Add add) {
  add(RowKey{Dimension::kTotal, ""});
  add(RowKey{Dimension::kCategory, at.category.text()});
  add(RowKey{Dimension::kArea, AreaKey(at.area, at.community)});
  add(RowKey{Dimension::kCommunity, at.community.text()});
  add(RowKey{Dimension::kHour, HourKey(hour)});
}

template <class Add>
void AddToRowsOf(const Dimensions& dimensions, Add add) {
  AddToRowsButUnit(dimensions, dimensions.hour, add);
  add(RowKey{Dimension::kUnit, dimensions.unit.text()});
}

Row PassedCounts(const Due& due) {
  return DueCounts({.closed = due.closed, .on_time = due.closed});
}

// Counts a deadline's passing in figures that are not the state's.
void AddPassed(const Due& due, const Names& names, Sheet* sheet) {
  AddToRowsOf(due.dimensions, [&](const RowKey& named) {
    const RowKey key =
        RowOf(names, named, [&](const RowKey& row) { return sheet->rows.contains(row); });
    sheet->rows[key] += PassedCounts(due);
  });
}

void MoveCounts(State& state, const Incident& incident, const UnitCode& old_unit, const Row& before,
                const Row& after) {
  Row change = -before;
  change += after;
  const bool counts_move = !(change == Row{});
  if (counts_move) {
    AddToRowsButUnit(incident, incident.reported_hour,
                     [&](const RowKey& key) { AddToRow(state, key, change); });
  }
  if (old_unit == incident.unit) {
    if (counts_move) AddToRow(state, RowKey{Dimension::kUnit, incident.unit.text()}, change);
    return;
  }
  if (!(before == Row{})) AddToRow(state, RowKey{Dimension::kUnit, old_unit.text()}, -before);
  AddToRow(state, RowKey{Dimension::kUnit, incident.unit.text()}, after);
}

// The key in the queue of deadlines to come; nothing when it has none there.
std::optional<DueKey> QueueKey(const IncidentId& id, const Standing& standing, absl::Time now) {
  if (!HasRunningDeadline(standing) || *standing.due_at <= now) return std::nullopt;
  return DueKey{*standing.due_at, id};
}

void MoveDue(State& state, const incident::Change& change, const Standing& before,
             const Standing& after) {
  const IncidentId id(change.fact->incident_id());
  const std::optional<DueKey> old_key = QueueKey(id, before, change.moment.at);
  const std::optional<DueKey> new_key = QueueKey(id, after, change.moment.at);
  if (old_key && old_key != new_key) state.to_come.Erase(*old_key);
  if (!new_key) return;
  const bool closed = after.phase == Phase::kClosed;
  const bool same = old_key == new_key && change.before.unit == change.now->unit &&
                    closed == (before.phase == Phase::kClosed);
  if (same) return;
  Due& due = state.to_come.At(*new_key);
  due.dimensions = DimensionsOf(*change.now);
  due.closed = closed;
}

}  // namespace

Row& Row::operator+=(const Row& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  return *this;
}

Row Row::operator-() const {
  Row negative;
  for (size_t i = 0; i < counts.size(); ++i) negative.counts[i] = -counts[i];
  return negative;
}

void RowKey::AppendKey(std::string* out) const {
  out->push_back(static_cast<char>(dimension));
  out->append(key);
}

bool RowKey::ParseKey(absl::string_view bytes) {
  if (bytes.empty() || static_cast<uint8_t>(bytes[0]) >= kDimensions) return false;
  dimension = static_cast<Dimension>(bytes[0]);
  key = std::string(bytes.substr(1));
  return true;
}

absl::string_view DimensionName(Dimension dimension) {
  switch (dimension) {
    case Dimension::kTotal: return "total";
    case Dimension::kCategory: return "category";
    case Dimension::kUnit: return "unit";
    case Dimension::kArea: return "area";
    case Dimension::kCommunity: return "community";
    case Dimension::kHour: return "hour";
  }
  return "unknown";
}

void EvolveTime(State& state, absl::Time now) {
  while (!state.to_come.empty() && state.to_come.FirstKey().due_at <= now) {
    const DueKey key = state.to_come.FirstKey();
    const Due& due = *state.to_come.Find(key);
    AddToRowsOf(due.dimensions,
                [&](const RowKey& row) { AddToRow(state, row, PassedCounts(due)); });
    state.to_come.Erase(key);
  }
}

void EvolveChange(State& state, const incident::Change& change) {
  if (change.verdict != incident::Verdict::kApplied) return;
  const Standing before = Before(change);
  const Standing after = After(*change.now);
  if (before == after && change.before.unit == change.now->unit) return;  // as most facts
  MoveCounts(state, *change.now, change.before.unit, CountsOf(before, change.moment.at),
             CountsOf(after, change.moment.at));
  MoveDue(state, change, before, after);
}

Sheet AsOf(const State& state, absl::Time at) { return Take(state, at, at).sheet; }

Snapshot Take(const State& state, absl::Time now, absl::Time horizon) {
  INVARIANT(now <= horizon, "a snapshot ends before it begins");
  Snapshot snapshot{.sheet = {.as_of = now, .rows = {}},
                    .horizon = horizon,
                    .to_come = {},
                    .names = state.names.Get()};
  state.rows.ForEach(
      [&](const RowKey& key, const Row& row) { snapshot.sheet.rows.emplace(key, row); });
  state.to_come.Scan(DueKey{absl::InfinitePast(), IncidentId()},
                     [&](const DueKey& key, const Due& due) {
                       if (key.due_at > horizon) return false;
                       if (key.due_at <= now) {
                         AddPassed(due, snapshot.names, &snapshot.sheet);
                       } else {
                         snapshot.to_come.push_back({key.due_at, due});
                       }
                       return true;
                     });
  return snapshot;
}

Sheet AsOf(const Snapshot& snapshot, absl::Time at) {
  INVARIANT(snapshot.sheet.as_of <= at && at <= snapshot.horizon,
            "figures as of an instant that the snapshot does not tell of");
  Sheet sheet = snapshot.sheet;
  sheet.as_of = at;
  for (const Snapshot::Coming& coming : snapshot.to_come) {
    if (coming.due_at > at) break;
    AddPassed(coming.due, snapshot.names, &sheet);
  }
  return sheet;
}

void Merge(const Sheet& from, Sheet* into) {
  INVARIANT(from.as_of == into->as_of, "figures of two instants do not add up");
  for (const auto& [key, row] : from.rows) into->rows[key] += row;
}

Row Sheet::Total() const {
  const auto total = rows.find(RowKey{});
  return total == rows.end() ? Row{} : total->second;
}

std::string ShownKey(const RowKey& key) {
  if (key.key.empty()) return "—";
  return key.key == kOtherNames ? "(other names)" : key.key;
}

std::string Formula::Text() const {
  const auto name_of = [](Count count) {
    for (const NamedCount& named : NamedCounts()) {
      if (named.count == count && !named.less) return named.name;
    }
    return absl::string_view();
  };
  return absl::StrCat(name_of(numerator), " / ", name_of(denominator));
}

const std::vector<Formula>& Formulas() {
  static const auto* const formulas = new std::vector<Formula>{
      {"filing", "立案率",
       "GB/T 30428.4 as city bulletins print it: 立案数 / 上报数, e.g. 996 / 1054 = 94.50 %",
       Count::kFiled, Count::kReported},
      {"closing", "结案率",
       "GB/T 30428.4 as city bulletins print it: 结案数 / 应结案数, e.g. 911 / 972 = 93.72 %",
       Count::kClosedOfDue, Count::kDueToClose},
      {"on_time", "按期结案率",
       "GB/T 30428.4 as city bulletins print it: 按期结案数 / 应结案数, e.g. 737 / 972 = 75.82 %",
       Count::kClosedOnTime, Count::kDueToClose},
      {"rectification", "整治率",
       "Yutang Subdistrict, January 2021: 已整治 / 累计发布, 50879 / 52297 = 97.29 %; closed is "
       "not solved",
       Count::kSolved, Count::kFiled},
  };
  return *formulas;
}

const Formula* FindFormula(absl::string_view name) {
  for (const Formula& formula : Formulas()) {
    if (formula.name == name) return &formula;
  }
  return nullptr;
}

const std::vector<NamedCount>& NamedCounts() {
  static const auto* const counts = [] {
    auto* named = new std::vector<NamedCount>;
    for (const Rule& rule : kRules) named->push_back({rule.name, rule.count, rule.less});
    return named;
  }();
  return *counts;
}

const NamedCount* FindCount(absl::string_view name) {
  for (const NamedCount& count : NamedCounts()) {
    if (count.name == name) return &count;
  }
  return nullptr;
}

std::string PrintedRate(int64_t numerator, int64_t denominator, int decimals) {
  INVARIANT(numerator >= 0 && denominator >= 0 && decimals >= 0 && decimals <= 5,
            "a rate is of counts");
  if (denominator == 0) return "—";
  int64_t scale = 1;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  // 2^63 × 100 × 10^5 × 2 < 2^88: far inside 128 bits.
  const absl::uint128 doubled = absl::uint128(numerator) * 200 * scale;
  const absl::uint128 scaled = (doubled + denominator) / (absl::uint128(denominator) * 2);
  const std::string whole = absl::StrCat("", absl::Uint128Low64(scaled / scale));
  if (decimals == 0) return absl::StrCat(whole, " %");
  return absl::StrFormat("%s.%0*d %%", whole, decimals, absl::Uint128Low64(scaled % scale));
}

}  // namespace gridledger::metrics
