// Metrics: the counts behind the GB/T 30428.4 indexes, kept up with each fact, and the rates that
// they make. Every figure is two whole numbers and an as-of instant until it is printed. Decides
// nothing.
//
// Read from top to bottom: State, Evolve, queries; there is no Decide.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/base/ids.h"
#include "services/base/table.h"
#include "services/domain/incident/due_key.h"
#include "services/domain/incident/incident.h"

namespace gridledger::metrics {

// ---- State --------------------------------------------------------------------------------------

// What is counted of incidents, in the order in which a row keeps it. A count is a line here and a
// line of the table in metrics.cc, which has its name and says how it is counted; whoever lists
// counts reads that table.
enum class Count : uint8_t {
  kReported,  // 上报数, whatever became of them
  kFiled,     // 立案数: ever filed
  kOpen,      // somebody's work now, filed or not
  kClosed,    // 结案数: closed now; a reopened case is not
  kSolved,    // 整治: closed now, and a check said that it is done
  // 应结案数: the deadline is at or before the as-of instant, and the case stands: not voided or
  // merged, and its clock not stopped before the deadline (缓办 is taken off, as in 金华's rules; a
  // pause after the deadline takes nothing off). Cases without a deadline never are.
  kDueToClose,
  kClosedOfDue,
  kClosedOnTime,  // 按期结案数: of the due, closed at or before the deadline
  kVoided,        // 作废数
  kReopened,      // ever reopened
  kReworked,      // 返工数: ever failed a check
};
constexpr int kCounts = 11;

// Each incident is counted once a row.
struct Row {
  std::array<int64_t, kCounts> counts = {};

  int64_t operator[](Count count) const { return counts[static_cast<size_t>(count)]; }
  int64_t& operator[](Count count) { return counts[static_cast<size_t>(count)]; }
  // 超期: due and not closed on time, closed since or not.
  int64_t DeadlineMissed() const {
    return (*this)[Count::kDueToClose] - (*this)[Count::kClosedOnTime];
  }

  Row& operator+=(const Row& other);
  Row operator-() const;
  friend bool operator==(const Row&, const Row&) = default;
  template <class A>
  void Fields(A& a) {
    for (int64_t& count : counts) a(count);
  }
};

enum class Dimension : uint8_t {
  kTotal = 0,  // one row, of the empty key
  kCategory = 1,
  kUnit = 2,  // responsible now; the empty key before dispatch
  kArea = 3,  // the grid or other area; the community when the report names none
  kCommunity = 4,
  kHour = 5,  // of the report, "00" to "23", by the clock of the policy that was in force
};
constexpr int kDimensions = 6;
absl::string_view DimensionName(Dimension dimension);  // "total", "category", …

struct RowKey {
  Dimension dimension = Dimension::kTotal;
  std::string key;

  friend auto operator<=>(const RowKey&, const RowKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const RowKey& k) {
    return H::combine(std::move(h), k.dimension, k.key);
  }
  void AppendKey(std::string* out) const;
  bool ParseKey(absl::string_view bytes);
};

// Names come from outside, and a partition has so many rows: 65,536 × (88 B of counts + ~20 B of
// name + ~150 B) ≈ 17 MB, and with names as long as they may be 32 MB. What has a name that comes
// after that is counted in one row of its dimension, that of kOtherNames.
constexpr size_t kRowsMax = 65'536;
// No text of a record: it is not UTF-8.
constexpr absl::string_view kOtherNames = "\xff";

// Once there have been as many rows as there may be, no name gets one any more, even when another
// one's is gone: what has been counted under kOtherNames must be taken off there.
struct Names {
  bool full = false;
  template <class A>
  void Fields(A& a) {
    a(full);
  }
};

struct Dimensions {  // where an incident is counted
  CategoryCode category;
  UnitCode unit;
  AreaCode area;
  CommunityCode community;
  uint32_t hour = 0;
  template <class A>
  void Fields(A& a) {
    a(category, unit, area, community, hour);
  }
};
// A deadline to come, and all that its passing needs to be counted, so that an incident that left
// memory long ago is not read again for it.
struct Due {
  Dimensions dimensions;
  bool closed = false;  // and so on time: before a deadline that is to come
  template <class A>
  void Fields(A& a) {
    a(dimensions, closed);
  }
};

struct State {
  explicit State(TableSet& tables) : rows(tables, 32), to_come(tables, 33), names(tables, 34) {}

  OrderedTable<RowKey, Row> rows;  // rows of nothing but zeros are not there
  OrderedTable<incident::DueKey, Due> to_come;
  Cell<Names> names;
};

// ---- Evolve -------------------------------------------------------------------------------------

// The partition's time has moved: deadlines that it has reached are due. Before the record's
// change.
void EvolveTime(State& state, absl::Time now);
void EvolveChange(State& state, const incident::Change& change);

// ---- queries ------------------------------------------------------------------------------------

// Figures of some partitions as of one instant.
struct Sheet {
  absl::Time as_of;
  absl::btree_map<RowKey, Row> rows;

  // The row of all; zeros when nothing was reported.
  Row Total() const;
};

// The rows as of `at`, with the deadlines that lie between. REQUIRES: `at` is not before the
// partition's time. For an earlier instant, fold a task up to it.
Sheet AsOf(const State& state, absl::Time at);

// What is needed of a partition to tell its figures as of any instant from one on up to another,
// once the state itself has moved on or is another thread's. So figures of several partitions, each
// taken at its own time, are brought to one instant.
struct Snapshot {
  struct Coming {
    absl::Time due_at;
    Due due;
  };
  Sheet sheet;  // as of the instant from which on it tells
  absl::Time horizon;
  std::vector<Coming> to_come;  // after the sheet's instant and not after the horizon; in order
  Names names;
};
// Copies the rows, 65,536 at most, and what falls due up to the horizon, ~300 B each: a horizon is
// by how much partitions stand apart, seconds and not weeks. REQUIRES: `now` is not before the
// partition's time, nor `horizon` before `now`.
Snapshot Take(const State& state, absl::Time now, absl::Time horizon);
// As AsOf of the state it was taken of. REQUIRES: `at` is neither before the snapshot's instant nor
// after its horizon.
Sheet AsOf(const Snapshot& snapshot, absl::Time at);

// Adds another partition's figures. REQUIRES: both are as of one instant.
void Merge(const Sheet& from, Sheet* into);

// How a key is shown to people: the key, "—" for the empty one, "(other names)" for kOtherNames.
std::string ShownKey(const RowKey& key);

// Kept as two whole numbers until it is printed.
struct Rate {
  int64_t numerator = 0;
  int64_t denominator = 0;
};

// An index: what it is called, which counts it divides, and where the rule is from.
struct Formula {
  absl::string_view name;     // in programs, e.g. "on_time"
  absl::string_view chinese;  // the term of art
  absl::string_view source;
  Count numerator;
  Count denominator;

  Rate Of(const Row& row) const { return Rate{row[numerator], row[denominator]}; }
  std::string Text() const;  // "closed_on_time / due_to_close"
};
// filing, closing, on_time, rectification; in this order.
const std::vector<Formula>& Formulas();
// Null for a name that is none of them.
const Formula* FindFormula(absl::string_view name);
constexpr int kFormulasVersion = 2;  // moves when a formula's meaning does

// A count by its name, for whoever lists them: those of a row, and what is missed of the due.
struct NamedCount {
  absl::string_view name;
  Count count;
  std::optional<Count> less;  // that is taken off it

  int64_t Of(const Row& row) const { return row[count] - (less ? row[*less] : 0); }
};
const std::vector<NamedCount>& NamedCounts();
// Null for a name that is none of them.
const NamedCount* FindCount(absl::string_view name);

// "97.29 %": numerator of denominator in percent, half-up, with 0 to 5 decimals; "—" for nothing of
// nothing. REQUIRES: neither is negative.
std::string PrintedRate(int64_t numerator, int64_t denominator, int decimals = 2);

}  // namespace gridledger::metrics
