#include "services/runtime/console/question.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace gridledger::cli {

bool IsAsked() { return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }

bool Ask(absl::string_view question) {
  std::fprintf(stderr, "%s [y/N] ", std::string(question).c_str());
  std::fflush(stderr);
  char answer[16] = "";
  if (std::fgets(answer, sizeof answer, stdin) == nullptr) return false;
  return answer[0] == 'y' || answer[0] == 'Y';
}

}  // namespace gridledger::cli
