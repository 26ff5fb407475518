#include "services/runtime/host/live_city.h"

#include <algorithm>

#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

constexpr absl::Duration kTurnWait = absl::Milliseconds(500);
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

}  // namespace

LiveCity::LiveCity(EventLog* log, StateStore* store, LiveCityOptions options)
    : log_(log), options_(std::move(options)) {
  if (store != nullptr) committer_ = std::make_unique<Committer>(store);
}

absl::StatusOr<std::unique_ptr<LiveCity>> LiveCity::Start(EventLog* log, StateStore* store,
                                                          LiveCityOptions options) {
  std::unique_ptr<LiveCity> city(new LiveCity(log, store, std::move(options)));
  const int threads = std::clamp(city->options_.threads, 1, log->partitions());
  std::vector<std::vector<std::unique_ptr<engine::Task>>> shares(threads);
  for (int p = 0; p < log->partitions(); ++p) {
    for (const engine::Service& service : city->options_.services) {
      auto task = engine::Task::Open(service, Partition{p}, store, city->options_.code_id);
      if (!task.ok()) return task.status();
      shares[p % threads].push_back(*std::move(task));
    }
  }
  engine::LiveOptions live_options;
  live_options.outputs = city->options_.outputs;
  live_options.tables_bytes_max = city->options_.tables_bytes_max / threads;
  // A quarter of the tables' share may be waiting for a checkpoint, at ~1 KB a changed pair.
  live_options.checkpoint_dirty_max =
      std::clamp<size_t>(live_options.tables_bytes_max / 4096, 1'000, 200'000);
  for (auto& share : shares) {
    auto worker = std::make_unique<Worker>();
    worker->live = std::make_unique<engine::Live>(std::move(share), log, city->committer_.get(),
                                                  &city->clock_, live_options);
    if (absl::Status status = worker->live->Start(); !status.ok()) return status;
    city->workers_.push_back(std::move(worker));
  }
  city->looks_.resize(threads);
  city->running_ = threads;
  for (auto& worker : city->workers_) {
    worker->thread = std::thread([self = city.get(), one = worker.get()] { self->Work(one); });
  }
  return city;
}

LiveCity::~LiveCity() { Stop().IgnoreError(); }

void LiveCity::Work(Worker* worker) {
  absl::Status status;
  absl::Time look_at = absl::InfinitePast();
  while (!stopping_ && status.ok()) {
    if (worker->promote.exchange(false)) worker->live->Promote();
    status = worker->live->Turn(kTurnWait);
    const absl::Time now = clock_.Now();
    const bool idle = worker->live->Idle();
    if (now >= look_at || idle) {
      Publish(worker, idle);
      look_at = now + kLookEvery;
    }
  }
  const absl::Status last = worker->live->CheckpointNow();
  if (status.ok()) status = last;
  Publish(worker, false);
  absl::MutexLock lock(&mutex_);
  if (!status.ok() && failure_.ok()) failure_ = status;
  --running_;
}

void LiveCity::Publish(Worker* worker, bool idle) {
  CityLook look;
  look.folded = worker->live->folded();
  look.decisions_sent = worker->live->decisions_sent();
  look.stopped = worker->live->stopped();
  look.live = true;
  for (engine::Task* task : worker->live->tasks()) {
    TaskLook one{task->id(), task->next(), task->next(), task->now(), task->pending().size()};
    if (const absl::StatusOr<Offset> end = log_->End(task->id().partition); end.ok())
      one.end = *end;
    look.live = look.live && one.next >= one.end && one.pending == 0;
    look.tasks.push_back(std::move(one));
    // Every service has the same incident fold: one of them is enough to count by.
    if (task->id().service == options_.services.front().name) {
      const incident::Counts& counts = task->incidents().counts.Get();
      look.incidents += static_cast<int64_t>(counts.incidents);
      look.open += static_cast<int64_t>(counts.open);
      look.closed += static_cast<int64_t>(counts.closed);
      look.parked += static_cast<int64_t>(counts.parked);
      for (const uint64_t voids : counts.voids) look.voids += static_cast<int64_t>(voids);
    }
    if (task->id().service.text() == "metrics") {
      // Escalation ticks at each deadline, so the row of all is at most that far behind the clock.
      const metrics::Row* total = MetricsOf(task->subject()).rows.Find(metrics::RowKey{});
      if (total != nullptr) look.totals += *total;
    }
  }
  absl::MutexLock lock(&mutex_);
  const size_t index =
      static_cast<size_t>(std::find_if(workers_.begin(), workers_.end(),
                                       [&](const auto& other) { return other.get() == worker; }) -
                          workers_.begin());
  looks_[index].look = std::move(look);
  looks_[index].idle = idle;
}

CityLook LiveCity::Look() {
  absl::MutexLock lock(&mutex_);
  CityLook sum;
  sum.live = true;
  for (const WorkerLook& worker : looks_) {
    const CityLook& look = worker.look;
    sum.tasks.insert(sum.tasks.end(), look.tasks.begin(), look.tasks.end());
    sum.totals += look.totals;
    sum.incidents += look.incidents;
    sum.open += look.open;
    sum.closed += look.closed;
    sum.voids += look.voids;
    sum.parked += look.parked;
    sum.folded += look.folded;
    sum.decisions_sent += look.decisions_sent;
    sum.live = sum.live && look.live && !look.tasks.empty();
    sum.stopped.insert(sum.stopped.end(), look.stopped.begin(), look.stopped.end());
  }
  std::sort(sum.tasks.begin(), sum.tasks.end(),
            [](const TaskLook& a, const TaskLook& b) { return a.task < b.task; });
  return sum;
}

void LiveCity::Promote() {
  for (auto& worker : workers_) {
    worker->promote = true;
    worker->live->Wake();
  }
}

bool LiveCity::WaitUntilIdle(absl::Time deadline) {
  const auto settled = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (running_ < static_cast<int>(workers_.size())) return true;
    return std::all_of(looks_.begin(), looks_.end(), [](const WorkerLook& worker) {
      return worker.idle || !worker.look.stopped.empty();
    });
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&settled), deadline);
  return failure_.ok() && std::all_of(looks_.begin(), looks_.end(), [](const WorkerLook& worker) {
           return worker.idle && worker.look.stopped.empty();
         });
}

bool LiveCity::Failed() {
  absl::MutexLock lock(&mutex_);
  return !failure_.ok();
}

absl::Status LiveCity::Stop() {
  stopping_ = true;
  for (auto& worker : workers_) {
    if (worker->live != nullptr) worker->live->Wake();
  }
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
    worker->live.reset();
  }
  committer_.reset();
  absl::MutexLock lock(&mutex_);
  return failure_;
}

}  // namespace gridledger::host
