// Civil times of one zone as instants, with a stated rule for the hour that local clocks pass twice
// and for the one they skip. Remembers the last stretch of an even offset: rows come in order of
// time, so that the zone's own tables are hardly ever asked.
#pragma once

#include <absl/time/time.h>

#include <cstdint>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

class LocalClock {
 public:
  enum class Answer { kInstant, kAmbiguous, kSkipped };

  // What is not specified is EARLIER and AFTER.
  LocalClock(absl::TimeZone zone, v1::AmbiguousHour ambiguous, v1::SkippedHour skipped)
      : zone_(zone), ambiguous_(ambiguous), skipped_(skipped) {}

  // `local_ms` and `*at_ms` are milliseconds since 1970-01-01T00:00:00, of the civil time as if it
  // were UTC's and of the instant. kAmbiguous and kSkipped only where the rule is REJECT.
  Answer At(int64_t local_ms, int64_t* at_ms);

 private:
  void Remember(absl::Time at, int64_t offset_s);

  const absl::TimeZone zone_;
  const v1::AmbiguousHour ambiguous_;
  const v1::SkippedHour skipped_;
  // Each civil second in [begin, end) comes once, at this offset.
  int64_t begin_s_ = 0;
  int64_t end_s_ = 0;
  int64_t offset_s_ = 0;
};

}  // namespace gridledger::mapping
