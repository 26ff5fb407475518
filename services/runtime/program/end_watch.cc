#include "services/runtime/program/end_watch.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <utility>

#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/log_lines.h"

namespace gridledger::host {
namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(50);
constexpr absl::Duration kOpenMax = absl::Seconds(2);
constexpr absl::Duration kKeepMax = absl::Seconds(20);
constexpr absl::Duration kCloseMax = absl::Seconds(5);

}  // namespace

EndWatch::EndWatch(StopSignals* signals, std::function<void()> hung_up)
    : signals_(signals), hung_up_(std::move(hung_up)), thread_([this] { Watch(); }) {}

EndWatch::~EndWatch() {
  {
    const absl::MutexLock lock(&mutex_);
    done_ = true;
  }
  thread_.join();
}

void EndWatch::Opened() {
  const absl::MutexLock lock(&mutex_);
  opened_ = true;
  if (asked_) end_at_ = absl::Now() + kKeepMax;
}

bool EndWatch::Asked(absl::Duration wait) {
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&asked_), wait);
}

void EndWatch::Kept(int code) {
  const absl::MutexLock lock(&mutex_);
  code_ = code;
  end_at_ = absl::Now() + kCloseMax;
}

void EndWatch::Watch() {
  while (true) {
    const bool signalled = signals_->Wait(kLookEvery);
    if (signals_->TakeHangup() && hung_up_ != nullptr) hung_up_();
    const absl::MutexLock lock(&mutex_);
    if (done_) return;
    const absl::Time now = absl::Now();
    if (signalled && !asked_) {
      asked_ = true;
      if (!code_.has_value()) end_at_ = now + (opened_ ? kKeepMax : kOpenMax);
    }
    if (now < end_at_) continue;
    if (code_.has_value()) {
      Log(LogLevel::kWarning, "ends_without_client",
          "a client does not close: the process ends without it, all is kept");
    } else if (opened_) {
      Log(LogLevel::kError, "ends_without_checkpoint",
          absl::StrCat("no checkpoint within ", absl::FormatDuration(kKeepMax),
                       ": the process ends without one"));
    } else {
      Log(LogLevel::kWarning, "ends_before_it_began", "asked to end before it had begun");
    }
    _exit(code_.value_or(opened_ ? ExitCodeOf(absl::DeadlineExceededError("")) : 0));
  }
}

}  // namespace gridledger::host
