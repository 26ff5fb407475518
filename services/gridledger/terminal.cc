#include "services/gridledger/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "services/base/characters.h"
#include "services/base/invariant.h"

namespace gridledger::cli {
namespace {

struct Span {
  char32_t first;
  char32_t last;
};
// Unicode's East Asian Width W and F, joined to the blocks that they fill.
constexpr std::array kWide = {
    Span{0x1100, 0x115F},   Span{0x231A, 0x231B},   Span{0x2E80, 0x303E},   Span{0x3041, 0x33FF},
    Span{0x3400, 0x4DBF},   Span{0x4E00, 0x9FFF},   Span{0xA000, 0xA4CF},   Span{0xA960, 0xA97F},
    Span{0xAC00, 0xD7A3},   Span{0xF900, 0xFAFF},   Span{0xFE10, 0xFE19},   Span{0xFE30, 0xFE6F},
    Span{0xFF00, 0xFF60},   Span{0xFFE0, 0xFFE6},   Span{0x1F300, 0x1F64F}, Span{0x1F680, 0x1F6FF},
    Span{0x1F900, 0x1F9FF}, Span{0x20000, 0x2FFFD}, Span{0x30000, 0x3FFFD},
};
constexpr std::array kCombining = {
    Span{0x0300, 0x036F}, Span{0x0483, 0x0489}, Span{0x0591, 0x05BD}, Span{0x064B, 0x065F},
    Span{0x1AB0, 0x1AFF}, Span{0x1DC0, 0x1DFF}, Span{0x200B, 0x200F}, Span{0x20D0, 0x20FF},
    Span{0xFE00, 0xFE0F}, Span{0xFE20, 0xFE2F}, Span{0xFEFF, 0xFEFF},
};

template <size_t kCount>
bool Within(const std::array<Span, kCount>& spans, char32_t code) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const Span& span) { return code >= span.first && code <= span.last; });
}

int WidthOf(char32_t code) {
  if (Within(kCombining, code)) return 0;
  return Within(kWide, code) ? 2 : 1;
}

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

// Eighths of a column, as blocks.
std::string Bar(int64_t done, int64_t total, int width) {
  constexpr const char* kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const int eighths = static_cast<int>(share * width * 8);
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kParts[eighths % 8];
  bar.append(width - DisplayWidth(bar), ' ');
  return bar;
}

}  // namespace

int DisplayWidth(absl::string_view text) {
  int width = 0;
  while (!text.empty()) width += WidthOf(TakeCharacter(&text));
  return width;
}

std::string FitTo(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  int used = 1;  // the ellipsis
  absl::string_view rest = text;
  while (!rest.empty()) {
    absl::string_view after = rest;
    used += WidthOf(TakeCharacter(&after));
    if (used > width) break;
    rest = after;
  }
  return absl::StrCat(text.substr(0, text.size() - rest.size()), "…");
}

std::string Printable(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const absl::string_view before = text;
    const char32_t code = TakeCharacter(&text);
    if (code == kNotUtf8 || IsControl(code)) {
      out += "�";
    } else {
      absl::StrAppend(&out, before.substr(0, before.size() - text.size()));
    }
  }
  return out;
}

std::string PrintableLines(absl::string_view text) {
  return absl::StrJoin(absl::StrSplit(text, '\n'), "\n",
                       [](std::string* out, absl::string_view line) { *out += Printable(line); });
}

std::string Grouped(int64_t number) {
  const std::string digits = absl::StrCat(number);
  const size_t sign = number < 0 ? 1 : 0;
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > sign && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string PrintDuration(absl::Duration duration) {
  const int64_t tenths = absl::ToInt64Milliseconds(duration) / 100;
  const int64_t seconds = tenths / 10;
  if (seconds < 60) return absl::StrFormat("%d.%d s", seconds, tenths % 10);
  if (seconds < 3600) return absl::StrFormat("%d min %02d s", seconds / 60, seconds % 60);
  return absl::StrFormat("%d h %02d min", seconds / 3600, seconds / 60 % 60);
}

int TerminalWidth(int file) {
  winsize size{};
  if (isatty(file) != 1) return 0;
  if (ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

int TerminalHeight(int file) {
  winsize size{};
  if (isatty(file) != 1) return 0;
  if (ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

bool IsAsked() { return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }

bool Ask(absl::string_view question) {
  std::fprintf(stderr, "%s [y/N] ", std::string(question).c_str());
  std::fflush(stderr);
  char answer[16] = "";
  if (std::fgets(answer, sizeof answer, stdin) == nullptr) return false;
  return answer[0] == 'y' || answer[0] == 'Y';
}

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

std::string PrintProgress(absl::string_view verb, absl::string_view unit, const Reading& reading,
                          absl::Duration elapsed, int width) {
  const double seconds = std::max(absl::ToDoubleSeconds(elapsed), 0.001);
  const int64_t rate = static_cast<int64_t>(static_cast<double>(reading.done) / seconds);
  if (reading.total <= 0) {
    return FitTo(absl::StrFormat("%s  %s %s  %s/s  %s", verb, Grouped(reading.done), unit,
                                 Grouped(rate), PrintDuration(elapsed)),
                 width);
  }
  const int64_t percent = std::min<int64_t>(100, reading.done * 100 / reading.total);
  std::string left;
  if (rate > 0 && reading.done < reading.total) {
    const int64_t rest = (reading.total - reading.done) / rate + 1;
    left = rest < 60 ? absl::StrCat("  ", rest, " s left")
                     : absl::StrCat("  ", PrintDuration(absl::Seconds(rest)), " left");
  }
  const std::string head = absl::StrFormat("%s %3d %% ", verb, percent);
  const std::string tail = absl::StrFormat(" %s of %s %s  %s/s%s", Grouped(reading.done),
                                           Grouped(reading.total), unit, Grouped(rate), left);
  const int room = std::min(30, width - DisplayWidth(head) - DisplayWidth(tail));
  const std::string bar = room >= 8 ? Bar(reading.done, reading.total, room) : "";
  return FitTo(absl::StrCat(head, bar, tail), width);
}

ProgressLine::ProgressLine(std::string verb, std::string unit, std::function<Reading()> read)
    : verb_(std::move(verb)),
      unit_(std::move(unit)),
      read_(std::move(read)),
      begun_at_(absl::Now()) {
  if (isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { Run(); });
}

ProgressLine::~ProgressLine() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ProgressLine::Run() {
  constexpr absl::Duration kEvery = absl::Milliseconds(200);
  bool shown = false;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kEvery)) break;
    }
    const int width = std::max(20, TerminalWidth(STDERR_FILENO) - 1);
    const std::string line = PrintProgress(verb_, unit_, read_(), absl::Now() - begun_at_, width);
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    shown = true;
  }
  if (shown) std::fputs("\r\033[K", stderr);
}

}  // namespace gridledger::cli
