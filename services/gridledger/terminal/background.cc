#include "services/gridledger/terminal/background.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "services/runtime/console/json_text.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {
namespace {

constexpr int kEndWaitMs = 60'000;  // a last checkpoint of 200k pairs takes well under a second

std::string PidPath(const std::string& data) { return absl::StrCat(data, "/up.pid"); }

constexpr absl::string_view kReady = "ready ";

// The child tells "ready ADDRESS" and a line's end, or its status as "code message".
void Tell(int pipe, const std::string& words) {
  if (write(pipe, words.data(), words.size()) < 0) return;  // the parent is gone: nobody waits
}

absl::StatusOr<std::string> Heard(const std::string& words) {
  if (absl::StartsWith(words, kReady)) {
    return std::string(absl::StripSuffix(words.substr(kReady.size()), "\n"));
  }
  const size_t blank = words.find(' ');
  int code = 0;
  if (blank == std::string::npos || !absl::SimpleAtoi(words.substr(0, blank), &code)) {
    return absl::InternalError("the process in the background ended without a word");
  }
  return absl::Status(static_cast<absl::StatusCode>(code), words.substr(blank + 1));
}

void LeaveTerminal() {
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, file);
  close(nowhere);
}

class Child : public Background {
 public:
  Child(const std::string& data, int pipe) : data_(data), pipe_(pipe) {}
  void Own() override {
    if (owns_) return;
    owns_ = true;
    std::ofstream(PidPath(data_)) << getpid() << "\n";
  }
  void Ready(const std::string& address) override {
    if (is_ready_) return;
    is_ready_ = true;
    LeaveTerminal();
    Tell(pipe_, absl::StrCat(kReady, address, "\n"));
  }
  void End(const absl::Status& status) {
    if (owns_) {
      std::error_code ignored;
      std::filesystem::remove(PidPath(data_), ignored);
    }
    if (is_ready_) return;
    Tell(pipe_, absl::StrCat(static_cast<int>(status.code()), " ", std::string(status.message())));
  }

 private:
  const std::string& data_;
  const int pipe_;
  bool owns_ = false;
  bool is_ready_ = false;
};

}  // namespace

absl::Status RunInBackground(const std::string& data, bool json,
                             const std::function<absl::Status(Background&)>& body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return absl::UnavailableError("no pipe to a process in the background");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return absl::UnavailableError("the system gave no process for the background");
  if (child == 0) {
    close(ends[0]);
    setsid();
    Child background(data, ends[1]);
    const absl::Status status = body(background);
    background.End(status);
    std::fflush(nullptr);
    std::exit(host::ExitCodeOf(status));
  }
  close(ends[1]);
  std::string words;
  char buffer[512];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    words.append(buffer, static_cast<size_t>(got));
    if (absl::StartsWith(words, kReady) && absl::EndsWith(words, "\n")) break;
  }
  close(ends[0]);
  const absl::StatusOr<std::string> address = Heard(words);
  if (!address.ok()) {
    waitpid(child, nullptr, 0);
    return address.status();
  }
  if (json) {
    nlohmann::ordered_json told;
    told["address"] =
        address->empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(*address);
    told["process"] = static_cast<int>(child);
    std::printf("%s", JsonText(told).c_str());
    return absl::OkStatus();
  }
  std::printf(
      "gridledger runs in the background as process %d.\n"
      "  gridledger status --data %s\n  gridledger down   --data %s\n",
      static_cast<int>(child), data.c_str(), data.c_str());
  if (!address->empty()) std::printf("The city is on %s\n", address->c_str());
  return absl::OkStatus();
}

std::optional<int> RunningInBackground(const std::string& data) {
  pid_t pid = 0;
  std::ifstream(PidPath(data)) >> pid;
  std::stringstream command_line;
  if (pid > 0) command_line << std::ifstream(absl::StrCat("/proc/", pid, "/cmdline")).rdbuf();
  // A number may have gone to another program since.
  if (!absl::StrContains(command_line.str(), "gridledger")) return std::nullopt;
  return pid;
}

bool WasInBackground(const std::string& data) {
  std::error_code ignored;
  return std::filesystem::exists(PidPath(data), ignored);
}

absl::Status EndBackground(const std::string& data) {
  const std::optional<int> running = RunningInBackground(data);
  if (!running) {
    return absl::NotFoundError(absl::StrCat("no city runs in the background over ", data));
  }
  const pid_t pid = *running;
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0 || kill(pid, SIGTERM) != 0) {
    return absl::UnavailableError(absl::StrCat("process ", pid, " cannot be told to end"));
  }
  pollfd wait{process, POLLIN, 0};
  const int ended = poll(&wait, 1, kEndWaitMs);
  close(process);
  if (ended == 1) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("process ", pid, " was told to end, and has not yet"));
}

}  // namespace gridledger::cli
