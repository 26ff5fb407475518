#include "services/runtime/host/questions.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::host {

engine::Task& AskedPartition::Of(absl::string_view service) const {
  for (engine::Task* task : tasks) {
    if (task->id().service.text() == service) return *task;
  }
  INVARIANT(false, "asked a service that does not run here");
  return *tasks.front();
}

void Questions::Ask(Question question) {
  absl::Status refused;
  {
    const absl::MutexLock lock(&mutex_);
    if (closed_.ok() && coming_.size() < kQuestionsMax) {
      coming_.push_back(std::move(question));
      return;
    }
    refused = closed_.ok() ? absl::AbortedError("too many questions wait already") : closed_;
  }
  question.refuse(std::move(refused));
}

Questions::Outcome Questions::Step(const engine::Live& live, absl::Time now, Question& question) {
  if (now >= question.deadline) {
    question.refuse(absl::DeadlineExceededError(
        absl::StrCat("partition ", question.partition.value, " gave no answer in time")));
    return Outcome::kDone;
  }
  AskedPartition asked{.partition = question.partition,
                       .next = Offset{-1},
                       .now = absl::InfinitePast(),
                       .tasks = {}};
  bool abreast = true;
  for (engine::Task* task : live.tasks()) {
    if (task->id().partition != question.partition) continue;
    abreast = abreast && (asked.tasks.empty() || task->next() == asked.next);
    asked.next = asked.tasks.empty() ? task->next() : std::min(asked.next, task->next());
    asked.now = std::max(asked.now, task->now());
    asked.tasks.push_back(task);
  }
  if (asked.tasks.empty()) {
    question.refuse(absl::NotFoundError(
        absl::StrCat("partition ", question.partition.value, " does not run here")));
    return Outcome::kDone;
  }
  if (abreast && asked.next >= question.least) {
    return question.step(asked) ? Outcome::kDone : Outcome::kGoesOn;
  }
  for (const engine::Live::Stopped& stopped : live.stopped()) {
    if (stopped.partition != question.partition) continue;
    question.refuse(absl::UnavailableError(absl::StrCat("partition ", stopped.partition.value,
                                                        " stopped at offset ", stopped.at.value)));
    return Outcome::kDone;
  }
  return Outcome::kWaits;
}

absl::Time Questions::Answer(const engine::Live& live, Clock& clock) {
  {
    const absl::MutexLock lock(&mutex_);
    for (Question& question : coming_) asked_.push_back(std::move(question));
    coming_.clear();
  }
  if (asked_.empty()) return absl::InfiniteFuture();
  const absl::Time begun = clock.Steady();
  absl::Time now = begun;
  absl::Time again = absl::InfiniteFuture();
  // Each once in a round, so that one with many steps does not hold up the others.
  for (bool goes_on = true; goes_on && now < begun + kAnswerFor;) {
    goes_on = false;
    for (size_t left = asked_.size(); left > 0 && now < begun + kAnswerFor; --left) {
      Question question = std::move(asked_.front());
      asked_.pop_front();
      const Outcome outcome = Step(live, now, question);
      now = clock.Steady();
      if (outcome == Outcome::kDone) continue;
      goes_on = goes_on || outcome == Outcome::kGoesOn;
      again =
          std::min(again, outcome == Outcome::kGoesOn ? absl::InfinitePast() : question.deadline);
      asked_.push_back(std::move(question));
    }
  }
  // What was not looked at for want of time is looked at in the next turn.
  return now < begun + kAnswerFor ? again : absl::InfinitePast();
}

void Questions::Close(const absl::Status& why) {
  std::vector<Question> refused;
  {
    const absl::MutexLock lock(&mutex_);
    closed_ = why;
    refused = std::move(coming_);
    coming_.clear();
  }
  for (Question& question : refused) question.refuse(why);
  for (Question& question : asked_) question.refuse(why);
  asked_.clear();
}

}  // namespace gridledger::host
