#include "services/runtime/adapters/kafka/asker.h"

#include <utility>

namespace gridledger::kafka {
namespace {

// 30 partitions without a leader, 2 s each: all of them take 4 s.
constexpr size_t kThreadsMax = 16;

}  // namespace

Asker::~Asker() {
  std::vector<std::thread> threads;
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void Asker::Ask(Question question) {
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(std::move(question));
  if (waiting_.size() <= idle_ || threads_.size() >= kThreadsMax) return;
  threads_.emplace_back([this] { Work(); });
}

void Asker::Work() {
  const auto called = [this]()
                          ABSL_NO_THREAD_SAFETY_ANALYSIS { return ending_ || !waiting_.empty(); };
  while (true) {
    Question question;
    {
      const absl::MutexLock lock(&mutex_);
      ++idle_;
      mutex_.Await(absl::Condition(&called));
      --idle_;
      if (waiting_.empty()) return;
      question = std::move(waiting_.front());
      waiting_.pop_front();
    }
    question();
  }
}

}  // namespace gridledger::kafka
