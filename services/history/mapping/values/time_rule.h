// A mapping's TimeValue, compiled: the instant that a column tells.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/mapping/values/columns.h"
#include "services/history/mapping/values/local_clock.h"
#include "services/history/mapping/values/month_names.h"
#include "services/history/mapping/values/time_format.h"

namespace gridledger::mapping {

class TimeRule {
 public:
  struct Setting {
    const Columns& columns;
    // The mapping's own, where the value names none.
    const std::vector<std::string>& formats;
    const LocalClock* clock;  // null where the mapping names no zone
    const MonthNames& months;
    // No time that it tells may be later.
    absl::Time latest = absl::InfiniteFuture();
  };
  // InvalidArgument names `where`: an unknown column, a bad format, no format at all, or one
  // without an offset where there is no zone.
  static absl::StatusOr<TimeRule> Compile(absl::string_view where, const v1::TimeValue& value,
                                          const Setting& setting);

  enum class Answer {
    kInstant,
    kMissing,
    kUnreadable,
    kAmbiguous,
    kSkipped,
    kOutOfRange,
    kTooLate
  };
  // Milliseconds since the epoch: after 1970-01-01T00:00:00Z, before the year 10000, and not later
  // than may be.
  Answer Read(Row row, int64_t* at_ms);
  const std::string& column() const { return column_; }
  // What a person is told about an answer; lives as long as the rule.
  absl::string_view WhyNot(Answer answer) const;

 private:
  explicit TimeRule(const LocalClock& clock) : clock_(clock) {}

  ColumnText text_;
  std::string joined_;  // of two columns
  std::string column_;
  std::vector<TimeFormat> formats_;
  bool end_of_day_ = false;
  std::string unreadable_;
  LocalClock clock_;
  absl::Time latest_ = absl::InfiniteFuture();
  MonthNames months_;
  std::string named_;  // a time with a month's English name
  std::vector<std::string> missing_;
};

}  // namespace gridledger::mapping
