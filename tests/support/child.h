// Another process of a test: the test's own program, started again with a word of what to do. A
// test with children gives gtest no `main`; it has its own, which begins with
//
//   if (IsChild(argc, argv)) return ...argv[1] says what, the others are given to it...;
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace gridledger {

bool IsChild(int argc, char** argv);

class Child {
 public:
  explicit Child(const std::vector<std::string>& words);
  // Kills it, if it has not ended.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // What it says, line by line, without the newline; empty when it has no more to say.
  std::string ReadLine();
  // Gives it a line and waits for its answer.
  std::string Ask(const std::string& order);
  // SIGKILL. What it had said before can still be read.
  void Kill();
  // Until it ends by itself; its exit code, -1 after a signal.
  int Wait();
  void CloseInput();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  FILE* output_ = nullptr;
};

// For the child: one line, whole or not at all, whenever it is killed.
void Say(const std::string& line);

}  // namespace gridledger
