// Whether a thread that should come round again and again has stood still for too long: a fold that
// hangs keeps its partitions as long as its process lives, for the group's member is another
// thread.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <vector>

namespace gridledger::host {

class StuckWatch {
 public:
  explicit StuckWatch(absl::Duration limit) : limit_(limit) {}

  // How often each thread has come round by now; asked every second or oftener. True once one of
  // them has stood still for the limit. A longer time between two looks counts for a second: the
  // whole process was stopped, or its machine.
  bool Check(const std::vector<uint64_t>& turns, absl::Time now);

 private:
  struct Thread {
    uint64_t turns = 0;
    absl::Duration stood;
  };
  const absl::Duration limit_;
  absl::Time looked_at_ = absl::InfinitePast();
  std::vector<Thread> threads_;
};

}  // namespace gridledger::host
