// A guess as a mapping in YAML, with what it rests on and what a person has to answer as comments.
// It is a mapping once the lines marked ASK are answered.
#pragma once

#include <string>
#include <vector>

#include "services/history/mapping/guess/guess.h"

namespace gridledger::mapping {

struct DraftInput {
  std::string name;                      // of the file, as a person calls it
  std::string format;                    // as in a mapping: "CSV", "JSON_LINES", "XES"
  std::string delimiter;                 // of CSV
  int64_t skip_lines = 0;                // above the header
  std::vector<std::string> header = {};  // made up, where there is none
  std::string encoding = {};
  bool encoding_guessed = false;  // by its bytes alone
  bool begins_as_ascii = false;   // what comes later may be in any encoding
  int64_t repeated_later = 0;     // rows behind those looked at that repeat an id
  bool whole = false;             // the guess saw all rows
};

std::string DraftOf(const Guess& guess, const DraftInput& input);
// A text as YAML, quoted where it has to be.
std::string YamlText(absl::string_view text);

}  // namespace gridledger::mapping
