// The rows that an input could not give, for whoever mends the source: a list with line, row,
// column and reason of each, never with what stands in it; and beside it the rows themselves under
// their header, as a CSV file in UTF-8 that is corrected and imported with the same
// mapping, whatever that says of its inputs. Somebody's corrections are never touched: only files
// that are as they were written are replaced. The first of the list are told to whoever sits at the
// terminal.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "services/history/files/rows/row_reader.h"

namespace gridledger::cli {

class RejectedRows {
 public:
  struct Options {
    // BASE.csv is the list, BASE.rows.csv the rows; BASE-2 and so on where somebody has corrected
    // those.
    std::string base;
    std::string input;     // what messages name
    char delimiter = ',';  // of the rows
    bool mark = false;     // whether the rows begin with a byte order mark
    bool csv = true;       // so that a row that is none can be kept as it stands
  };
  // `told` counts over several lists what has been said on standard error.
  RejectedRows(Options options, int* told);
  ~RejectedRows();
  RejectedRows(const RejectedRows&) = delete;
  RejectedRows& operator=(const RejectedRows&) = delete;

  // `column` is empty for a row that is no row. Unavailable when the disk fails.
  absl::Status Add(int64_t line, int64_t row, absl::string_view column, absl::string_view reason);
  // Keeps the row itself, as it stands where it is no row.
  absl::Status Keep(const std::vector<std::string>& header, const files::InputRow& row);
  // Closes the files until there is more to add: an import has many lists.
  absl::Status Pause();
  // The files are there on return, and not before; those of an earlier import that nobody has
  // touched are gone.
  absl::Status Finish();
  int64_t count() const { return count_; }
  const std::string& path() const { return list_path_; }
  // Of the rows; empty when none was kept.
  std::string kept_path() const { return kept_ ? rows_path_ : std::string(); }

 private:
  absl::Status Failed(const std::string& path) const;
  std::FILE* Open(const std::string& path, bool begun) const;
  absl::Status Publish(const std::string& path) const;

  const Options options_;
  std::string list_path_;
  std::string rows_path_;
  std::string seal_path_;  // tells what the rows were when they were written
  int* const told_;
  std::FILE* file_ = nullptr;  // while there is something to add
  std::FILE* rows_file_ = nullptr;
  bool kept_ = false;  // a row
  std::string line_;
  int64_t count_ = 0;
};

}  // namespace gridledger::cli
