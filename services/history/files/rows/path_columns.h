// Columns of a format without a header, where values have paths: those that are wanted, or, to find
// out what there is, all that come. And the values of one row under them.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

#include "services/history/files/rows/row_reader.h"

namespace gridledger::files {

inline constexpr size_t kPathBytesMax = 1024;  // a longer path is nobody's column
inline constexpr size_t kPathDepthMax = 64;    // values within one another

class PathColumns {
 public:
  // All that come, in the order of appearance, kColumnsMax at most.
  PathColumns() : collecting_(true) {}
  // These, in this order.
  explicit PathColumns(std::vector<std::string> names);

  bool collecting() const { return collecting_; }
  const std::vector<std::string>& names() const { return names_; }
  // -1 for none. While collecting a new path becomes a column.
  int Find(absl::string_view path);

 private:
  const bool collecting_;
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, int> places_;  // lookups only
};

// Values of no column are passed over. While collecting no text is kept, and nothing is rejected
// but by Reject.
class PathValues {
 public:
  explicit PathValues(PathColumns* columns) : columns_(columns) {}

  void Clear();
  // Rejects a second value of a column, and what is longer than a field or a row may be.
  void Add(absl::string_view path, absl::string_view text);
  // For a value that cannot be taken; a value of no column does not matter.
  void AddBad(absl::string_view path, absl::string_view reason);
  // The first reason stays.
  void Reject(absl::string_view reason);
  const std::string& rejected() const { return rejected_; }

  bool has(size_t column) const { return column < places_.size() && places_[column].told; }
  // Empty without a value; in place until Clear or Add.
  absl::string_view text(size_t column) const;
  size_t bytes() const { return texts_.size(); }
  // Whether some row, since the beginning, had more than one value for that column.
  bool repeated(size_t column) const { return column < repeated_.size() && repeated_[column]; }

 private:
  struct Place {
    size_t from = 0;
    size_t size = 0;
    bool told = false;
  };

  // Its place, now told; null when there is no such column, when it has a value, and while
  // collecting.
  Place* Tell(absl::string_view path);

  PathColumns* const columns_;
  std::string texts_;
  std::vector<Place> places_;   // by column
  std::vector<bool> repeated_;  // by column
  std::string rejected_;
};

}  // namespace gridledger::files
