// A progress line that stays off pipes and files, and the size of a terminal.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

namespace gridledger::cli {

// Columns of the terminal behind that file descriptor; 0 when it is none.
int TerminalWidth(int file);
// Its rows; 0 when it is none.
int TerminalHeight(int file);

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
