// Services live over one log: some threads, each with its partitions' tasks of every service asked
// for, one reader and one live driver. What the city looks like just now can be asked from any
// thread; the answer is never older than a second or so.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "services/domain/metrics/metrics.h"
#include "services/runtime/engine/live.h"
#include "services/runtime/host/checkpoint_writer.h"
#include "services/runtime/host/questions.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::host {

// A record that no service could read, as the state lists it.
struct ParkedRecord {
  Offset offset;
  std::string reason;
};

// Is told of the records that could not be read, by the threads that fold: has to be quick.
class ParkedSink {
 public:
  virtual ~ParkedSink() = default;
  // Whether it takes more. When not, it is asked again, and whoever waits for everything to be done
  // waits for that, unless it fails.
  enum class Room { kSome, kLater, kFails };
  virtual Room AskRoom() = 0;
  // All that the state of a partition lists, piece by piece, once that is live and no standby's;
  // from then on what comes. In offset order.
  virtual void Parked(Partition partition, std::vector<ParkedRecord> records) = 0;
  virtual void GivenUp(Partition partition) = 0;
};

struct LiveCityOptions {
  std::vector<engine::Service> services;
  int threads = 1;
  size_t tables_bytes_max = size_t{512} << 20;
  bool outputs = true;                                       // false: a standby
  absl::Duration takeover_after = absl::InfiniteDuration();  // see engine::LiveOptions
  absl::Duration checkpoint_interval = absl::Seconds(10);
  // Between snapshots of the store; the last one at a clean end.
  absl::Duration snapshot_interval = absl::Minutes(10);
  // Those to begin with; every one of the log unless told.
  std::optional<std::vector<Partition>> partitions;
  std::string code_id;
  ParkedSink* parked = nullptr;  // outlives the city
  // Is told what the first of the services folds, from where each partition is opened on; outlives
  // the city.
  engine::FoldWatch* watch = nullptr;
  Clock* clock = nullptr;  // the machine's unless told; outlives the city
};

// One task as it stood at the last look.
struct TaskLook {
  TaskId task;
  Offset next;
  std::optional<Offset> end;  // the ledger's, not before `next`; none until that has been heard
  absl::Time now;
  size_t pending = 0;
  int64_t decisions_too_large = 0;  // not made, for no record could hold them; since it was opened
};

struct CityLook {
  std::vector<TaskLook> tasks;  // by service, then partition
  // Of the partitions' metrics tasks; zeros when that service does not run here.
  metrics::Row totals;
  int64_t incidents = 0, open = 0, closed = 0;
  int64_t voids = 0, awaiting = 0;
  int64_t folded = 0;          // records, by all tasks, since the start
  int64_t decisions_sent = 0;  // since the start
  int64_t taken_over = 0;      // partitions, by this standby
  int64_t stood_down = 0;      // of those, left to an owner who was there after all
  bool live = false;           // all has been folded to the end, and what was pending sent
  std::vector<engine::Live::Stopped> stopped;
  int64_t refused = 0;  // appends that the log did not take, since the start
  std::optional<engine::Live::Refusal> last_refusal;
  // By how much this machine's clock is ahead of the brokers'; nothing before they have told.
  std::optional<absl::Duration> clock_ahead = std::nullopt;
  int64_t stalled = 0;  // partitions that stand still though the log goes on; whoever watches says
};

class LiveCity {
 public:
  // The log and the store outlive it. A null store makes no checkpoints.
  static absl::StatusOr<std::unique_ptr<LiveCity>> Start(EventLog* log, StateStore* store,
                                                         LiveCityOptions options);
  // Stops.
  ~LiveCity();

  // Asks the log where it ends: on a cluster some journeys, and without its brokers some seconds.
  CityLook Look();
  // Asks nobody: where the ledger ends is what HearEnds last heard.
  CityLook LookHere();
  // From any thread; what it calls is called by the thread that folds the partition, soon.
  void Ask(Question question);
  // Asks all partitions at once; those without a leader have no news.
  void HearEnds();
  // A standby takes over; so does an owner that stood back.
  void Promote();
  // An owner leaves its partitions to a standby, and takes over again what nobody settles.
  void StandBack();
  // Runs these partitions from now on, and no others: gives up and takes on what differs. Waits
  // until that is done.
  void SetPartitions(const std::vector<Partition>& partitions);
  // Ends the threads after a last checkpoint and keeps a snapshot. The first thing that went wrong,
  // if any.
  absl::Status Stop();
  // Waits until all is folded, decided, read back and due timers have fired, but in partitions that
  // stopped, or until `deadline` passed. True in the first case.
  bool WaitUntilIdle(absl::Time deadline);
  // How often each thread has come round: at most half a second for nothing to do, and for as long
  // as what there is takes.
  std::vector<uint64_t> Turns() const;
  // True once no thread runs any more, because nothing could go on.
  bool Failed();

 private:
  struct Worker {
    std::unique_ptr<engine::Live> live;
    std::thread thread;
    std::atomic<bool> promote{false};
    std::atomic<bool> stand_back{false};
    std::atomic<uint64_t> turns{0};
    std::vector<Partition> runs;  // the thread's own
    Questions questions;
    // How far the sink has been told what each partition's state lists; the thread's own.
    struct Told {
      Offset upto;
      uint64_t records = 0;
    };
    std::map<Partition, Told> told;
    // What it shall run, when that is to change.
    absl::Mutex mutex;
    std::optional<std::vector<Partition>> wanted ABSL_GUARDED_BY(mutex);
    bool ended ABSL_GUARDED_BY(mutex) = false;  // nothing is carried out any more
  };
  LiveCity(EventLog* log, StateStore* store, LiveCityOptions options);
  absl::StatusOr<std::vector<std::unique_ptr<engine::Task>>> OpenTasks(
      const std::vector<Partition>& partitions);
  void Work(Worker* worker);
  absl::Status Change(Worker* worker, const std::vector<Partition>& wanted);
  // Whether there is nothing left to tell.
  bool TellParked(Worker* worker);
  void Publish(Worker* worker, bool idle);
  CityLook Sum();
  void Snapshot();

  EventLog* const log_;
  StateStore* const store_;
  const LiveCityOptions options_;
  SystemClock machine_;
  Clock& clock_;
  absl::Time snapshot_at_;  // the next one is due; the checkpoint writer's
  std::unique_ptr<CheckpointWriter> checkpoint_writer_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> running_{0};
  std::atomic<int> waiting_for_idle_{0};

  struct WorkerLook {
    CityLook look;
    bool idle = false;
    int64_t count = 0;  // of its looks
  };
  absl::Mutex mutex_;
  absl::Status snapshot_ ABSL_GUARDED_BY(mutex_);  // of the last one
  std::vector<WorkerLook> looks_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<Partition, Offset> ends_ ABSL_GUARDED_BY(mutex_);  // as last heard
};

}  // namespace gridledger::host
