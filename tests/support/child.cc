#include "tests/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace gridledger {
namespace {

constexpr char kName[] = "child";

}  // namespace

bool IsChild(int argc, char** argv) { return argc >= 2 && std::strcmp(argv[0], kName) == 0; }

Child::Child(const std::vector<std::string>& words) {
  std::vector<char*> arguments = {const_cast<char*>(kName)};
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int to_child[2], from_child[2];
  EXPECT_EQ(::pipe2(to_child, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(from_child, O_CLOEXEC), 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(to_child[0], STDIN_FILENO);
    ::dup2(from_child[1], STDOUT_FILENO);
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_ = to_child[1];
  output_ = ::fdopen(from_child[0], "r");
}

Child::~Child() {
  if (pid_ > 0) Kill();
  CloseInput();
  std::fclose(output_);
}

std::string Child::ReadLine() {
  char line[256];
  if (std::fgets(line, sizeof(line), output_) == nullptr) return "";
  line[std::strcspn(line, "\n")] = '\0';
  return line;
}

std::string Child::Ask(const std::string& order) {
  const std::string line = order + "\n";
  EXPECT_EQ(::write(input_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  return ReadLine();
}

void Child::Kill() {
  ::kill(pid_, SIGKILL);
  Wait();
}

int Child::Wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Child::CloseInput() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

void Say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(3);
}

}  // namespace gridledger
