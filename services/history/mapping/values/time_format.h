// Formats of times as absl::ParseTime knows them, compiled once. The common ones, of four digits of
// a year and two of everything else, are read by hand, some fifty times as fast; whatever else such
// a format allows ("7/4/2011") goes to absl.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gridledger::mapping {

class TimeFormat {
 public:
  // "seconds" and "milliseconds" are counts since 1970. InvalidArgument for a directive that is not
  // known, for a format that leaves out the year, the month or the day, and for one that cannot be
  // read without doubt (%I without %p, %Y before a digit).
  static absl::StatusOr<TimeFormat> Compile(absl::string_view format);

  const std::string& text() const { return text_; }
  // The text itself tells the instant: no zone is needed.
  bool has_offset() const { return has_offset_; }
  // Without an hour a day is told, and its beginning is read.
  bool has_hour() const { return has_hour_; }
  // Milliseconds since 1970-01-01T00:00:00: of the instant with has_offset(), else of the civil
  // time as if it were UTC's. Parts of a millisecond are cut off. False when the text has another
  // form. `text` has no blanks at its ends.
  bool Read(absl::string_view text, int64_t* ms) const;

 private:
  enum class Part : uint8_t {
    kLiteral,
    kYear,
    kMonth,
    kDay,
    kHour,
    kHour12,
    kMinute,
    kSecond,
    kHalf
  };
  struct Step {
    Part part;
    char literal;
  };

  bool ReadCount(absl::string_view text, int64_t* ms) const;
  bool ReadFast(absl::string_view text, int64_t* ms) const;
  bool ReadAny(absl::string_view text, int64_t* ms) const;

  std::string text_;
  bool has_offset_ = false;
  bool has_hour_ = false;
  int64_t unit_ms_ = 0;      // of a count; 0 for none
  std::vector<Step> steps_;  // empty when only absl can read it
  size_t size_ = 0;          // of what the steps read
};

}  // namespace gridledger::mapping
