#include "services/gridledger/terminal/password_line.h"

#include <unistd.h>

#include <absl/strings/strip.h>
#include <termios.h>

#include <cerrno>
#include <cstdio>

namespace gridledger::cli {
namespace {

constexpr size_t kLineBytesMax = 4096;
constexpr char kCtrlC = 3;
constexpr char kCtrlD = 4;
constexpr char kBackspace = 8;
constexpr char kCtrlU = 21;
constexpr char kDelete = 127;

// Each key as it is pressed, shown nowhere; what it was before at the end.
class Unseen {
 public:
  Unseen() {
    is_set_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios unseen = before_;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    if (is_set_) is_set_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen) == 0;
  }
  ~Unseen() {
    if (is_set_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  bool is_set() const { return is_set_; }

 private:
  termios before_ = {};
  bool is_set_ = false;
};

absl::Status Nothing() {
  return absl::InvalidArgumentError("nothing came: a password is one line on standard input");
}

// One byte of standard input; nothing at its end.
bool TakeByte(char* byte) {
  ssize_t got = 0;
  do {
    got = read(STDIN_FILENO, byte, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1;
}

void DropCharacter(std::string* line) {
  while (!line->empty()) {
    const char last = line->back();
    line->pop_back();
    if ((last & '\xc0') != '\x80') return;  // the first byte of a character of UTF-8
  }
}

absl::StatusOr<std::string> AskOnce(const std::string& prompt) {
  const Unseen unseen;
  if (!unseen.is_set()) return absl::UnavailableError("the terminal shows what is typed");
  std::fprintf(stderr, "%s: ", prompt.c_str());
  std::fflush(stderr);
  std::string line;
  char byte = 0;
  bool is_cancelled = false;
  while (TakeByte(&byte) && byte != '\n' && byte != '\r' && byte != kCtrlD) {
    is_cancelled = byte == kCtrlC;
    if (is_cancelled) break;
    if (byte == kBackspace || byte == kDelete) {
      DropCharacter(&line);
    } else if (byte == kCtrlU) {
      line.clear();
    } else if (line.size() < kLineBytesMax) {
      line.push_back(byte);
    }
  }
  std::fprintf(stderr, "\n");
  if (is_cancelled) return absl::CancelledError("nothing was changed");
  return line;
}

}  // namespace

absl::StatusOr<std::string> ReadPassword() {
  if (isatty(STDIN_FILENO) == 1) {
    absl::StatusOr<std::string> line = AskOnce("Password");
    if (!line.ok()) return line;
    if (line->empty()) return Nothing();
    const absl::StatusOr<std::string> again = AskOnce("Password again");
    if (!again.ok()) return again;
    if (*line == *again) return line;
    return absl::InvalidArgumentError("the two are not the same: nothing was changed");
  }
  std::string line;
  char byte = 0;
  while (TakeByte(&byte) && byte != '\n' && line.size() < kLineBytesMax) line.push_back(byte);
  line = std::string(absl::StripSuffix(line, "\r"));
  if (line.empty()) return Nothing();
  return line;
}

}  // namespace gridledger::cli
