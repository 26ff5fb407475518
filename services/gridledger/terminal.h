// What people see: tables that line up even with Chinese characters, colour where it is welcome,
// and a progress line that stays off pipes and files. Never decides what is said.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace gridledger::cli {

// Columns that a terminal needs for UTF-8 text: 2 for an East Asian wide character, 0 for a
// combining one. A byte that is no UTF-8 counts as 1.
int DisplayWidth(absl::string_view text);
// Cut to at most `width` columns, with "…" where something was left out.
std::string FitTo(absl::string_view text, int width);
// Text of a ledger, safe to print: control characters become "�", so that no record can move the
// cursor or recolour a screen.
std::string Printable(absl::string_view text);
// The same of each of its lines: for errors, that names of files are in.
std::string PrintableLines(absl::string_view text);
// 1234567 → "1,234,567"
std::string Grouped(int64_t number);
// "3.2 s", "4 min 05 s", "2 h 07 min"
std::string PrintDuration(absl::Duration duration);
// Columns of the terminal behind that file descriptor; 0 when it is none.
int TerminalWidth(int file);
// Its rows; 0 when it is none.
int TerminalHeight(int file);

// Whether somebody sits there who can be asked: standard input and standard error are a terminal.
bool IsAsked();
// Asks on standard error; true for an answer that begins with y.
bool Ask(absl::string_view question);

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

// How far some work is. A total of 0 is not known.
struct Reading {
  int64_t done = 0;
  int64_t total = 0;
};
// "replaying  41 % ███████▌          1,204,112 of 2,911,204 records  812,010/s  2 s left", fitted
// to `width` columns. `elapsed` is since the beginning.
std::string PrintProgress(absl::string_view verb, absl::string_view unit, const Reading& reading,
                          absl::Duration elapsed, int width);

// A progress line on standard error while it lives, only when that is a terminal. `read` is called
// from a thread of its own, some times a second, so the work itself does nothing but count.
class ProgressLine {
 public:
  ProgressLine(std::string verb, std::string unit, std::function<Reading()> read);
  // Wipes the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

 private:
  void Run();

  const std::string verb_;
  const std::string unit_;
  const std::function<Reading()> read_;
  const absl::Time begun_at_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // none when standard error is no terminal
};

}  // namespace gridledger::cli
