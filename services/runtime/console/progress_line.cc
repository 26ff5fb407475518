#include "services/runtime/console/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

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
