// What may a file's columns be? Looks at its first rows and says what a mapping of it could be: for
// a draft (guess_draft.h) that a person reads, mends and answers for. Nothing is imported by a
// guess.
//
//   Guesser guesser(header);
//   while (guesser.wants_more() && …) guesser.Add(row);
//   const Guess guess = guesser.Finish();
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/history/mapping/guess/state_words.h"
#include "services/history/mapping/guess/time_guess.h"
#include "services/history/mapping/values/columns.h"
#include "services/history/mapping/values/month_names.h"

namespace gridledger::mapping {

struct SeenColumn {
  std::string name;
  int64_t values = 0;    // that are no spelling of "no value"
  int64_t distinct = 0;  // of them
  TimeGuess time;
  bool number = false;         // every value is one, decimals too
  bool whole_number = false;   // every value is one of at most 18 digits
  size_t longest = 0;          // bytes
  int64_t changing = 0;        // incidents of several rows within which it changes
  std::optional<size_t> with;  // of dates: the column of their hours

  bool is_time() const { return !time.formats.empty(); }
};

struct SeenState {
  std::string text;
  int64_t rows = 0;
  StateMeaning meaning;
};

// A time of a step between the report and the end.
struct SeenMilestone {
  std::string fact;
  size_t column = 0;
};

struct Guess {
  using Column = std::optional<size_t>;  // its place in `columns`

  int64_t rows = 0;
  int64_t incidents = 0;     // different ids
  int64_t several_rows = 0;  // incidents of more than one row
  bool events = false;       // a row is an event, not an incident
  // Called like an incident's number, in several rows whose times differ; where `id` is another
  // one.
  Column or_id;
  bool chinese = false;  // names of columns, or states, have its characters
  bool kana = false;     // some text has Japanese ones
  std::vector<SeenColumn> columns;
  std::vector<std::string> missing;      // spellings of "no value" that there are
  std::vector<std::string> month_names;  // of its times, where they are not English

  Column id, category, community, area, unit, channel, due, latitude, longitude;
  bool decimal_comma = false;  // of latitude and longitude
  // The time of the event, or of the report where a row is an incident.
  Column at;
  Column reported_at, version;  // of events
  // Of incidents; of events where no state closes one: a time that stands on each of its rows.
  Column closed_at;
  std::vector<SeenMilestone> milestones;  // of incidents, in the order of life
  Column state;
  std::vector<SeenState> states;  // in the order of appearance
  // Of events: they are steps of work by their words, and no states.
  bool steps = false;
  // Of incidents: rows whose state means closed and that have no time of it.
  int64_t closed_without_time = 0;
  // Of events: times that every row of an incident tells alike though they lie behind it, and what
  // became known with them.
  std::vector<size_t> leaks;
  // Of events: what else every row of an incident tells alike, though incidents differ, and whose
  // name does not say that it is known when one begins.
  std::vector<size_t> doubtful;
};

class Guesser {
 public:
  static constexpr int64_t kRowsMax = 20'000;
  static constexpr size_t kBytesMax = size_t{32} << 20;  // 20,000 rows × ~400 B = 8 MB, and more

  explicit Guesser(absl::Span<const std::string> header);
  // Takes a copy. REQUIRES: wants_more(); as many fields as columns.
  void Add(Row row);
  bool wants_more() const { return rows() < kRowsMax && texts_.size() < kBytesMax; }
  int64_t rows() const { return rows_; }
  Guess Finish();
  // Fingerprints of what the rows have in a column, blanks at both ends stripped.
  absl::flat_hash_set<uint64_t> Fingerprints(size_t column) const;

 private:
  absl::string_view Text(int64_t row, size_t column) const;  // blanks at both ends stripped
  bool IsValue(absl::string_view text) const;

  void FindMissing();
  void LookAt(size_t column);
  void FindMonths(const std::vector<absl::string_view>& values, TimeGuess* time);
  std::string InEnglish(absl::string_view text) const;
  void JoinHour(size_t column);
  bool LooksLikePlace(size_t column, int32_t limit_e7, char decimal_sign) const;
  void FindPlace();
  void FindIncidents();
  bool IsRepeatedId(size_t column) const;
  // How many of the other columns are the same in all rows of an id, in percent.
  int64_t Constancy(size_t column);
  // The rows of each id, by its first appearance.
  void Group(size_t column);
  bool ChangesWithin(size_t column, const std::vector<int64_t>& rows) const;
  void FindTimes();
  void FindState();
  void FindSteps();
  void FindEnd();
  void FindMilestones();
  void FindTexts();
  void FindLeaks();
  std::optional<int64_t> TimeAt(int64_t row, size_t column) const;
  // The share of rows, in percent of those with both, in which the one is later than the other.
  int64_t Later(size_t column, size_t than) const;
  bool Used(size_t column) const;
  bool SameWithin(size_t column) const;  // an incident, but for what is mistyped
  Guess::Column Best(absl::Span<const absl::string_view> words,
                     const std::function<bool(size_t)>& fits) const;

  Guess guess_;
  MonthNames months_;  // those of the guess
  std::string texts_;
  std::vector<size_t> ends_;  // in texts_, row by row
  int64_t rows_ = 0;
  std::vector<std::vector<int64_t>> groups_;  // rows of each incident
};

}  // namespace gridledger::mapping
