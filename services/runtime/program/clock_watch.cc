#include "services/runtime/program/clock_watch.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>

namespace gridledger::host {
namespace {

// A clock that is off by more than the first is said, with more than the second another owner is
// better; it is right again, or good enough, at half of either.
constexpr absl::Duration kClockOff = absl::Seconds(1);
constexpr absl::Duration kClockWrong = absl::Seconds(5);

}  // namespace

void ClockWatch::Check(absl::FunctionRef<void(bool)> stand_back) {
  const std::optional<absl::Duration> ahead = clock_.Ahead();
  if (!ahead.has_value()) return;
  const absl::Duration off = absl::AbsDuration(*ahead);
  if (off > kClockWrong && !is_wrong_) {
    is_wrong_ = true;
    is_off_ = true;
    Say(LogLevel::kError, "clock_wrong", ": it is left to others what they can take over");
    stand_back(true);
  } else if (is_wrong_ && off < kClockWrong / 2) {
    is_wrong_ = false;
    Say(LogLevel::kInfo, "clock_mended", ": it does its own again");
    stand_back(false);
  }
  if (off > kClockOff && !is_off_) {
    is_off_ = true;
    Say(LogLevel::kWarning, "clock_off", "");
  } else if (off < kClockOff / 2) {
    is_off_ = false;
  }
}

std::string ClockWatch::Describe() const {
  const absl::Duration ahead = clock_.Ahead().value_or(absl::ZeroDuration());
  return absl::StrCat(
      "this machine's clock is ",
      absl::FormatDuration(absl::Trunc(absl::AbsDuration(ahead), absl::Milliseconds(100))),
      ahead < absl::ZeroDuration() ? " behind" : " ahead of", " the brokers'");
}

void ClockWatch::Say(LogLevel level, absl::string_view event, absl::string_view then) const {
  Log(level, event, absl::StrCat(Describe(), then),
      {{"service", service_},
       {"ahead_ms", absl::ToInt64Milliseconds(clock_.Ahead().value_or(absl::ZeroDuration()))}});
}

}  // namespace gridledger::host
