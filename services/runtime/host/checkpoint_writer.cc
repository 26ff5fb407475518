#include "services/runtime/host/checkpoint_writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace gridledger::host {
namespace {

// A checkpoint may take its time, a decision may not: where processors are short, whoever folds
// goes first. A third of the weight, so that checkpoints go on under any load.
constexpr int kNice = 5;

void GiveWay() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()),
                      ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())) + kNice);
}

}  // namespace

CheckpointWriter::CheckpointWriter(StateStore* store, std::function<void()> committed)
    : store_(store), committed_(std::move(committed)), thread_([this] { Run(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void CheckpointWriter::Submit(std::vector<TaskCheckpoint> checkpoints,
                              absl::AnyInvocable<void(absl::Status)> done) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(Job{std::move(checkpoints), std::move(done)});
}

void CheckpointWriter::Run() {
  GiveWay();
  while (true) {
    std::vector<Job> jobs;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](CheckpointWriter* self)
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
