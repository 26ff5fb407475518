#include "services/runtime/host/live_city.h"

#include <absl/cleanup/cleanup.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "services/runtime/host/ends.h"
#include "services/runtime/host/keep_snapshot.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::host {
namespace {

constexpr absl::Duration kTurnWait = absl::Milliseconds(500);
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);
// Standbys take over after half a second unless told; who stood back for nobody goes on.
constexpr absl::Duration kStandBackFor = absl::Seconds(5);
constexpr size_t kTellAtOnce = 1000;  // dead letters, or the block that they lie in

}  // namespace

LiveCity::LiveCity(EventLog* log, StateStore* store, LiveCityOptions options)
    : log_(log),
      store_(store),
      options_(std::move(options)),
      clock_(options_.clock == nullptr ? machine_ : *options_.clock) {
  if (store == nullptr) return;
  snapshot_at_ = clock_.Steady() + options_.snapshot_interval;
  checkpoint_writer_ = std::make_unique<CheckpointWriter>(store, [this] {
    if (clock_.Steady() < snapshot_at_) return;
    snapshot_at_ = clock_.Steady() + options_.snapshot_interval;
    Snapshot();
  });
}

void LiveCity::Snapshot() {
  absl::Status kept = KeepSnapshot(store_);
  const absl::MutexLock lock(&mutex_);
  snapshot_ = std::move(kept);
}

absl::StatusOr<std::vector<std::unique_ptr<engine::Task>>> LiveCity::OpenTasks(
    const std::vector<Partition>& partitions) {
  std::vector<std::unique_ptr<engine::Task>> tasks;
  for (const Partition partition : partitions) {
    for (const engine::Service& service : options_.services) {
      auto task = engine::Task::Open(service, partition, store_, options_.code_id);
      if (!task.ok()) return task.status();
      if (service.name == options_.services.front().name) (*task)->set_watch(options_.watch);
      tasks.push_back(*std::move(task));
    }
  }
  return tasks;
}

absl::StatusOr<std::unique_ptr<LiveCity>> LiveCity::Start(EventLog* log, StateStore* store,
                                                          LiveCityOptions options) {
  std::unique_ptr<LiveCity> city(new LiveCity(log, store, std::move(options)));
  const int threads = std::clamp(city->options_.threads, 1, log->partitions());
  std::vector<Partition> partitions;
  for (int p = 0; p < log->partitions(); ++p) partitions.push_back(Partition{p});
  std::vector<std::vector<Partition>> runs(threads);
  for (const Partition partition : city->options_.partitions.value_or(partitions)) {
    runs[partition.value % threads].push_back(partition);
  }
  // What a state keeps in memory is read here: the one thing that takes time after a crash.
  std::vector<absl::StatusOr<std::vector<std::unique_ptr<engine::Task>>>> shares(threads);
  std::vector<std::thread> opening;
  for (int t = 0; t < threads; ++t) {
    opening.emplace_back([&, t] { shares[t] = city->OpenTasks(runs[t]); });
  }
  for (std::thread& one : opening) one.join();
  for (const auto& share : shares) {
    if (!share.ok()) return share.status();
  }
  engine::LiveOptions live_options;
  live_options.outputs = city->options_.outputs;
  live_options.takeover_after = city->options_.takeover_after;
  live_options.checkpoint_interval = city->options_.checkpoint_interval;
  live_options.tables_bytes_max = city->options_.tables_bytes_max / threads;
  // A quarter of the tables' share may be waiting for a checkpoint, at ~1 KB a changed pair, and as
  // much when the pairs are larger.
  live_options.checkpoint_dirty_bytes_max = live_options.tables_bytes_max / 4;
  live_options.checkpoint_dirty_max =
      std::clamp<size_t>(live_options.tables_bytes_max / 4096, 1'000, 200'000);
  live_options.decisions_under_way_max =
      std::clamp<size_t>(live_options.tables_bytes_max / 4096, 1'000, 32'000);
  for (int t = 0; t < threads; ++t) {
    auto worker = std::make_unique<Worker>();
    worker->runs = std::move(runs[t]);
    worker->live = std::make_unique<engine::Live>(
        *std::move(shares[t]), log, city->checkpoint_writer_.get(), &city->clock_, live_options);
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
  Publish(worker, false);
  absl::Time look_at = absl::InfinitePast();
  // What is told at once when it changes; the figures follow at intervals.
  const auto news = [worker] {
    const engine::Live& live = *worker->live;
    return std::tuple(live.live(), live.stopped().size(), live.taken_over(), live.stood_down(),
                      live.refusals());
  };
  auto told = news();
  while (!stopping_ && status.ok()) {
    ++worker->turns;
    if (worker->stand_back.exchange(false)) worker->live->StandBack(kStandBackFor);
    if (worker->promote.exchange(false)) worker->live->Promote();
    std::optional<std::vector<Partition>> wanted;
    {
      const absl::MutexLock lock(&worker->mutex);
      wanted = worker->wanted;
    }
    if (wanted.has_value()) {
      status = Change(worker, *wanted);
      Publish(worker, false);  // whoever asked for it sees it from now on
      const absl::MutexLock lock(&worker->mutex);
      if (worker->wanted == wanted) worker->wanted.reset();
      if (!status.ok()) break;
    }
    const absl::Time asked_again = worker->questions.Answer(*worker->live, clock_);
    status = worker->live->Turn(
        std::clamp(asked_again - clock_.Steady(), absl::ZeroDuration(), kTurnWait));
    const absl::Time now = clock_.Steady();
    // Asks the log, which on a cluster is a journey: only for somebody who waits for it.
    const bool idle = waiting_for_idle_ > 0 && worker->live->Idle();
    if (now >= look_at || idle || news() != told) {
      const bool told_parked = TellParked(worker);
      Publish(worker, idle && told_parked);
      look_at = now + kLookEvery;
      told = news();
    }
  }
  worker->questions.Close(absl::UnavailableError("the city is ending"));
  const absl::Status last = worker->live->CheckpointNow();
  if (status.ok()) status = last;
  Publish(worker, false);
  {
    const absl::MutexLock lock(&worker->mutex);
    worker->ended = true;
  }
  absl::MutexLock lock(&mutex_);
  if (!status.ok() && failure_.ok()) failure_ = status;
  --running_;
}

absl::Status LiveCity::Change(Worker* worker, const std::vector<Partition>& wanted) {
  const auto has = [](const std::vector<Partition>& list, Partition partition) {
    return std::find(list.begin(), list.end(), partition) != list.end();
  };
  for (const Partition partition : worker->runs) {
    if (has(wanted, partition)) continue;
    if (absl::Status status = worker->live->Release(partition); !status.ok()) return status;
    worker->told.erase(partition);
    if (options_.parked != nullptr) options_.parked->GivenUp(partition);
  }
  for (const Partition partition : wanted) {
    if (has(worker->runs, partition)) continue;
    auto tasks = OpenTasks({partition});
    if (!tasks.ok()) return tasks.status();
    worker->live->Adopt(*std::move(tasks));
  }
  worker->runs = wanted;
  return absl::OkStatus();
}

void LiveCity::SetPartitions(const std::vector<Partition>& partitions) {
  for (size_t t = 0; t < workers_.size(); ++t) {
    std::vector<Partition> share;
    for (const Partition partition : partitions) {
      if (partition.value % workers_.size() == t) share.push_back(partition);
    }
    const absl::MutexLock lock(&workers_[t]->mutex);
    if (workers_[t]->live == nullptr) continue;  // stopped
    workers_[t]->wanted = std::move(share);
    workers_[t]->live->Wake();
  }
  for (auto& worker : workers_) {
    const auto done = [&worker]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return worker->ended || !worker->wanted.has_value();
    };
    const absl::MutexLock lock(&worker->mutex);
    worker->mutex.Await(absl::Condition(&done));
  }
}

void LiveCity::Ask(Question question) {
  Worker& worker = *workers_[static_cast<size_t>(question.partition.value) % workers_.size()];
  worker.questions.Ask(std::move(question));
  const absl::MutexLock lock(&worker.mutex);
  if (worker.live != nullptr) worker.live->Wake();
}

bool LiveCity::TellParked(Worker* worker) {
  if (options_.parked == nullptr) return true;
  bool all = true;
  for (engine::Task* task : worker->live->tasks()) {
    // Every service parks the same records.
    if (task->id().service != options_.services.front().name) continue;
    const Partition partition = task->id().partition;
    if (!worker->live->Sends(partition)) continue;
    Worker::Told& told = worker->told[partition];
    const uint64_t listed = task->progress().undecodable;
    if (told.records == listed) {
      told.upto = task->next();
      continue;
    }
    const ParkedSink::Room room = options_.parked->AskRoom();
    if (room == ParkedSink::Room::kSome) {
      std::vector<ParkedRecord> records;
      told.upto = task->ScanDeadLetters(told.upto, kTellAtOnce,
                                        [&](Offset offset, const engine::DeadLetter& letter) {
                                          records.push_back(ParkedRecord{offset, letter.reason});
                                        });
      told.records += records.size();
      options_.parked->Parked(partition, std::move(records));
    }
    if (told.records < listed && room != ParkedSink::Room::kFails) all = false;
  }
  return all;
}

void LiveCity::Publish(Worker* worker, bool idle) {
  CityLook look;
  look.folded = worker->live->folded();
  look.decisions_sent = worker->live->decisions_sent();
  look.taken_over = worker->live->taken_over();
  look.stood_down = worker->live->stood_down();
  look.stopped = worker->live->stopped();
  look.refused = worker->live->refusals();
  if (look.refused > 0) look.last_refusal = worker->live->last_refusal();
  look.live = worker->live->live();
  for (engine::Task* task : worker->live->tasks()) {
    look.tasks.push_back(TaskLook{.task = task->id(),
                                  .next = task->next(),
                                  .end = {},
                                  .now = task->now(),
                                  .pending = task->pending().size(),
                                  .decisions_too_large = task->decisions_too_large()});
    // Every service has the same incident fold: one of them is enough to count by.
    if (task->id().service == options_.services.front().name) {
      const incident::Counts& counts = task->incidents().counts.Get();
      look.incidents += static_cast<int64_t>(counts.incidents);
      look.open += static_cast<int64_t>(counts.open);
      look.closed += static_cast<int64_t>(counts.closed);
      look.awaiting += static_cast<int64_t>(counts.awaiting);
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
  ++looks_[index].count;
  looks_[index].idle = idle;
}

CityLook LiveCity::Look() {
  HearEnds();
  return LookHere();
}

// Not asked by the threads that fold: on a cluster each question is a journey.
void LiveCity::HearEnds() {
  std::set<Partition> partitions;
  for (const TaskLook& one : Sum().tasks) partitions.insert(one.task.partition);
  {
    // One that was given up may come back, and has grown by then.
    const absl::MutexLock lock(&mutex_);
    std::erase_if(ends_, [&](const auto& one) { return !partitions.contains(one.first); });
  }
  const std::vector<Partition> asked(partitions.begin(), partitions.end());
  const std::vector<absl::StatusOr<Offset>> ends = AskEnds(*log_, asked, absl::ZeroDuration());
  const absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < asked.size(); ++i) {
    if (ends[i].ok()) ends_[asked[i]] = *ends[i];
  }
}

CityLook LiveCity::LookHere() {
  CityLook sum = Sum();
  const absl::MutexLock lock(&mutex_);
  for (TaskLook& one : sum.tasks) {
    const auto end = ends_.find(one.task.partition);
    if (end != ends_.end()) one.end = std::max(one.next, end->second);
  }
  return sum;
}

CityLook LiveCity::Sum() {
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
    sum.awaiting += look.awaiting;
    sum.folded += look.folded;
    sum.decisions_sent += look.decisions_sent;
    sum.taken_over += look.taken_over;
    sum.refused += look.refused;
    if (look.last_refusal.has_value()) sum.last_refusal = look.last_refusal;
    sum.stood_down += look.stood_down;
    sum.live = sum.live && look.live && worker.count > 0;
    sum.stopped.insert(sum.stopped.end(), look.stopped.begin(), look.stopped.end());
  }
  std::sort(sum.tasks.begin(), sum.tasks.end(),
            [](const TaskLook& a, const TaskLook& b) { return a.task < b.task; });
  return sum;
}

std::vector<uint64_t> LiveCity::Turns() const {
  std::vector<uint64_t> turns;
  for (const auto& worker : workers_) turns.push_back(worker->turns);
  return turns;
}

void LiveCity::Promote() {
  for (auto& worker : workers_) {
    worker->stand_back = false;
    worker->promote = true;
    worker->live->Wake();
  }
}

void LiveCity::StandBack() {
  for (auto& worker : workers_) {
    worker->promote = false;
    worker->stand_back = true;
    worker->live->Wake();
  }
}

bool LiveCity::WaitUntilIdle(absl::Time deadline) {
  ++waiting_for_idle_;
  const absl::Cleanup no_longer = [this] { --waiting_for_idle_; };
  {
    const absl::MutexLock lock(&mutex_);
    for (WorkerLook& worker : looks_) worker.idle = false;  // of an earlier time
  }
  for (auto& worker : workers_) worker->live->Wake();
  const auto settled = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (running_ < static_cast<int>(workers_.size())) return true;
    return std::all_of(looks_.begin(), looks_.end(),
                       [](const WorkerLook& worker) { return worker.idle; });
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&settled), deadline);
  return failure_.ok() && std::all_of(looks_.begin(), looks_.end(),
                                      [](const WorkerLook& worker) { return worker.idle; });
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
    const absl::MutexLock lock(&worker->mutex);
    worker->live.reset();
  }
  const bool had_writer = checkpoint_writer_ != nullptr;
  checkpoint_writer_.reset();
  if (had_writer && !Failed()) Snapshot();
  absl::MutexLock lock(&mutex_);
  return failure_.ok() ? snapshot_ : failure_;
}

}  // namespace gridledger::host
