// What may a state mean, by its word? For drafts of mappings, which a person reads and mends;
// nothing else hangs on it.
#pragma once

#include <absl/strings/string_view.h>

#include <string>

namespace gridledger::mapping {

// As in v1::StateRule; empty texts where nothing is known of the word.
struct StateMeaning {
  absl::string_view fact;
  absl::string_view disposition;
  absl::string_view reason;
  absl::string_view pause;

  friend bool operator==(const StateMeaning&, const StateMeaning&) = default;
};

// English words in any case, and Chinese ones.
StateMeaning MeaningOf(absl::string_view state);

}  // namespace gridledger::mapping
