// A YAML document as a tree that knows the place of each node. Small on purpose: what the format
// has beyond mappings, sequences and scalars is refused while it is read.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <utility>
#include <vector>

namespace gridledger::yaml {

struct Place {
  int line = 1;  // from 1
  int column = 1;
};

struct Node {
  enum class Kind { kScalar, kSequence, kMapping };

  Kind kind = Kind::kScalar;
  Place place;
  std::string scalar;
  bool quoted = false;       // a scalar in quotes is a text, whatever it looks like
  std::vector<Node> items;   // of a sequence
  std::vector<Node> keys;    // of a mapping, scalars, in the order written
  std::vector<Node> values;  // one a key
};

// "path:line:column: " and `what`.
absl::Status ErrorAt(absl::string_view path, Place place, absl::string_view what);

absl::StatusOr<Node> ParseTree(absl::string_view text, absl::string_view path);

}  // namespace gridledger::yaml
