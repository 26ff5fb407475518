// The list of rows that an input could not give: a CSV file for whoever mends the source, and the
// first of them for whoever sits at the terminal. Line, row, column and reason; never what stands
// in a row.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace gridledger::cli {

class RejectedRows {
 public:
  // `path` is made with the first row; one that is there from an earlier import goes.
  // `told` counts over several lists what has been said on standard error.
  RejectedRows(std::string path, std::string input, int* told);
  ~RejectedRows();
  RejectedRows(const RejectedRows&) = delete;
  RejectedRows& operator=(const RejectedRows&) = delete;

  // `column` is empty for a row that is no row. Unavailable when the disk fails.
  absl::Status Add(int64_t line, int64_t row, absl::string_view column, absl::string_view reason);
  absl::Status Finish();
  int64_t count() const { return count_; }
  const std::string& path() const { return path_; }

 private:
  absl::Status Failed() const;

  const std::string path_;
  const std::string input_;
  int* const told_;
  std::FILE* file_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace gridledger::cli
