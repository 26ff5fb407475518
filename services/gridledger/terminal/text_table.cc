#include "services/gridledger/terminal/text_table.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdlib>

#include "services/base/invariant.h"
#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

bool Colourful() {
  static const bool colourful = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return colourful;
}

const char* CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kNone: return "";
    case Colour::kBold: return "\033[1m";
    case Colour::kDim: return "\033[2m";
    case Colour::kRed: return "\033[31m";
    case Colour::kGreen: return "\033[32m";
    case Colour::kYellow: return "\033[33m";
  }
  return "";
}

}  // namespace

std::string Paint(Colour colour, absl::string_view text) {
  if (colour == Colour::kNone || !Colourful()) return std::string(text);
  return absl::StrCat(CodeOf(colour), text, "\033[0m");
}

void TextTable::Add(std::vector<Cell> cells) {
  INVARIANT(cells.size() == columns_.size(), "a row has one cell a column");
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
  notes_.emplace_back();
}

void TextTable::AddNote(std::string words) {
  INVARIANT(!notes_.empty(), "a note stands under a row");
  notes_.back().push_back(Printable(words));
}

std::string TextTable::Print() const {
  std::vector<int> widths;
  int line = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i].text));
    widths.push_back(width);
    line += width + 2;
  }
  std::string out;
  const auto add = [&](const auto& text_of) {
    int blanks = 0;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto [text, colour] = text_of(i);
      const int spare = widths[i] - DisplayWidth(text);
      const bool right = columns_[i].align == Align::kRight;
      if (right) blanks += spare;
      if (!text.empty()) {
        out.append(blanks, ' ');
        out += Paint(colour, text);
        blanks = 0;
      }
      blanks += (right ? 0 : spare) + 2;
    }
    out += '\n';
  };
  add([&](size_t i) { return std::pair(columns_[i].title, Colour::kBold); });
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (std::find(rules_.begin(), rules_.end(), row) != rules_.end()) {
      std::string rule;
      for (int i = 0; i < line - 2; ++i) rule += "─";
      absl::StrAppend(&out, Paint(Colour::kDim, rule), "\n");
    }
    add([&](size_t i) { return std::pair(rows_[row][i].text, rows_[row][i].colour); });
    for (const std::string& note : notes_[row]) {
      out.append(widths.front() + 2, ' ');
      absl::StrAppend(&out, Paint(Colour::kDim, note), "\n");
    }
  }
  return out;
}

}  // namespace gridledger::cli
