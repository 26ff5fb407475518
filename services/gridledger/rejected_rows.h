// The rows that an input could not give, for whoever mends the source: a list with line, row,
// column and reason of each, never with what stands in it; and beside it the rows themselves under
// their header, as a CSV file that is corrected and imported with the same mapping. The first of
// the list are told to whoever sits at the terminal.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace gridledger::cli {

class RejectedRows {
 public:
  struct Options {
    std::string list;   // path of the list, ".csv" at its end; the rows go to ….rows.csv beside it
    std::string input;  // what messages name
    char delimiter = ',';  // of the rows
    bool mark = false;     // whether the rows begin with a byte order mark, for a mapping that
                           // declares another encoding than UTF-8
  };
  // Files are made with the first row; those that are there from an earlier import go.
  // `told` counts over several lists what has been said on standard error.
  RejectedRows(Options options, int* told);
  ~RejectedRows();
  RejectedRows(const RejectedRows&) = delete;
  RejectedRows& operator=(const RejectedRows&) = delete;

  // `column` is empty for a row that is no row. Unavailable when the disk fails.
  absl::Status Add(int64_t line, int64_t row, absl::string_view column, absl::string_view reason);
  // Keeps the row itself, as far as it could be read.
  absl::Status Keep(const std::vector<std::string>& header,
                    absl::Span<const absl::string_view> fields);
  absl::Status Finish();
  int64_t count() const { return count_; }
  const std::string& path() const { return options_.list; }
  // Of the rows; empty when none was kept.
  std::string kept_path() const { return kept_ ? rows_path_ : std::string(); }

 private:
  absl::Status Failed(const std::string& path) const;
  std::FILE* Make(const std::string& path) const;

  const Options options_;
  const std::string rows_path_;
  int* const told_;
  std::FILE* file_ = nullptr;
  std::FILE* rows_file_ = nullptr;
  bool kept_ = false;
  std::string line_;
  int64_t count_ = 0;
};

}  // namespace gridledger::cli
