#include "services/runtime/host/committer.h"

#include <utility>

namespace gridledger::host {

Committer::Committer(StateStore* store, std::function<void()> committed)
    : store_(store), committed_(std::move(committed)), thread_([this] { Run(); }) {}

Committer::~Committer() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Committer::Submit(std::vector<TaskCheckpoint> checkpoints,
                       absl::AnyInvocable<void(absl::Status)> done) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(Job{std::move(checkpoints), std::move(done)});
}

void Committer::Run() {
  while (true) {
    std::vector<Job> jobs;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](Committer* self)
               ABSL_NO_THREAD_SAFETY_ANALYSIS { return self->stopping_ || !self->jobs_.empty(); },
          this));
      if (jobs_.empty()) return;
      jobs = std::move(jobs_);
      jobs_.clear();
    }
    std::vector<TaskCheckpoint> checkpoints;
    for (Job& job : jobs) {
      for (TaskCheckpoint& one : job.checkpoints) checkpoints.push_back(std::move(one));
    }
    const absl::Status status = store_->Commit(std::move(checkpoints));
    for (Job& job : jobs) job.done(status);
    if (status.ok()) committed_();
  }
}

}  // namespace gridledger::host
