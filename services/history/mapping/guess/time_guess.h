// Which formats of times are the texts of a column written in? For drafts of mappings.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gridledger::mapping {

struct TimeGuess {
  // At most three; empty when the column is no time. As in v1::TimeValue, the one of most texts
  // first.
  std::vector<std::string> formats;
  // Every text can be read with day and month in the other order, too: that format instead of the
  // first one. Empty where the texts themselves decide.
  std::string other_order;
  bool has_offset = false;  // all formats tell the instant
  int64_t unreadable = 0;   // texts
};

// `texts` have no blanks at their ends and are no spellings of "no value". A column is a time when
// 19 of 20 of its texts are.
TimeGuess GuessTimes(absl::Span<const absl::string_view> texts);
// The same for counts since 1970, of seconds or milliseconds, of times from 1990 to 2060. Other
// numbers may look so: ask it only of columns that are times by their name.
TimeGuess GuessCounts(absl::Span<const absl::string_view> texts);
// With day and month in the other order; empty for a format that has no such twin.
std::string OtherOrder(absl::string_view format);

}  // namespace gridledger::mapping
