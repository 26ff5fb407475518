// Tables for people, that line up even with Chinese characters, and colour where it is welcome.
// Never decides what is said.
#pragma once

#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::cli {

enum class Colour { kNone, kBold, kDim, kRed, kGreen, kYellow };
// `text` with the colour's codes when standard output is a terminal and NO_COLOR is not set.
std::string Paint(Colour colour, absl::string_view text);

// A table for people. Numbers stand right, words left.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  struct Cell {
    std::string text;
    Colour colour = Colour::kNone;

    Cell(std::string words, Colour in = Colour::kNone) : text(std::move(words)), colour(in) {}
    Cell(const char* words, Colour in = Colour::kNone) : text(words), colour(in) {}
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void Add(std::vector<Cell> cells);
  // A line of its own under the newest row, indented by the first column. REQUIRES: a row.
  void AddNote(std::string words);
  // A thin line before the next row, e.g. above totals.
  void AddRule() { rules_.push_back(rows_.size()); }
  bool empty() const { return rows_.empty(); }
  // Rows end with "\n" and have no blanks before it.
  std::string Print() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::vector<std::string>> notes_;  // of each row
  std::vector<size_t> rules_;                    // indexes of rows
};

}  // namespace gridledger::cli
