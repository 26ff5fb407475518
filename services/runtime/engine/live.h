// The live driver: one thread's tasks, one reader. It folds what the log says, sends what its tasks
// decide, appends a tick when a timer is due by the clock, and hands checkpoints to the store. The
// loop is a function, Turn, without threads of its own, so that tests can drive it step by step.
#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/runtime/engine/task.h"
#include "services/runtime/ports/clock.h"
#include "services/runtime/ports/event_log.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::engine {

// Makes checkpoints durable off the loop's thread. `done` may be called from any thread.
class CheckpointSink {
 public:
  virtual ~CheckpointSink() = default;
  virtual void Submit(std::vector<TaskCheckpoint> checkpoints,
                      absl::AnyInvocable<void(absl::Status)> done) = 0;
};

struct LiveOptions {
  // False for a standby: it folds, and sends nothing.
  bool outputs = true;
  // A standby takes a partition over when what is decided there has not been settled for so long,
  // or a timer has been due for so long: its owner is gone, or cut off. Should the owner be alive
  // after all, or come back, what both send is void once (law L4), and the standby stands down
  // again when it sees that another one settles.
  absl::Duration takeover_after = absl::InfiniteDuration();
  absl::Duration checkpoint_interval = absl::Seconds(10);
  // Pairs changed since the last checkpoint that bring the next one forward: 200k × ~300 B ≈ 60 MB.
  // With twice as many the driver waits for the one in flight.
  size_t checkpoint_dirty_max = 200'000;
  // Or their memory, with the decisions among them: the same arithmetic, whatever a pair holds.
  // While a checkpoint is under way its pairs are there twice.
  size_t checkpoint_dirty_bytes_max = size_t{64} << 20;
  // Pairs collected for a checkpoint in one turn of a driver that is live, at ~0.5 µs each: records
  // that come meanwhile wait no longer than that.
  size_t collect_pairs_max = 1'000;
  // Decisions handed to the log and not answered, of all partitions, at most: × ~1 KB, with what
  // the log's client keeps of them. How many it is the log's answers say.
  size_t decisions_under_way_max = 32'000;
  // Memory of all tasks' tables before clean pairs are dropped. An eighth of it, shared out among
  // the tasks, is for pairs that are only read between two checkpoints.
  size_t tables_bytes_max = size_t{512} << 20;
};

class Live {
 public:
  // `tasks` may be of several services and partitions; those of a partition share its reading. The
  // ports outlive the driver. A null sink makes no checkpoints.
  Live(std::vector<std::unique_ptr<Task>> tasks, EventLog* log, CheckpointSink* checkpoints,
       Clock* clock, LiveOptions options);
  // Waits for the checkpoint that it has handed out.
  ~Live();

  // Opens the reader at the tasks' offsets. Call once, before the first Turn.
  absl::Status Start();
  // Takes on a partition while it runs. REQUIRES: no task of that partition is here.
  void Adopt(std::vector<std::unique_ptr<Task>> tasks);
  // Gives a partition up: sends no more for it, checkpoints it, forgets it.
  absl::Status Release(Partition partition);
  // One turn of the loop: waits up to `wait` for records (less when a timer or a checkpoint is due
  // earlier), folds them, sends, ticks, checkpoints. An error stops one partition (see stopped());
  // Turn itself fails only when nothing can go on.
  absl::Status Turn(absl::Duration wait);
  // Makes a waiting Turn return; from any thread.
  void Wake();

  // True when nothing is left to do at this instant: all is folded, sent, answered and read back.
  bool Idle();
  // Hands over a last checkpoint of everything folded, and waits for it by turning.
  absl::Status CheckpointNow();
  // A standby takes over: folds to the end, then sends. So does an owner that stood back.
  void Promote();
  // An owner sends no more, for it is better that another one does, and takes over as a standby
  // would what nobody has settled for so long.
  void StandBack(absl::Duration takeover_after);
  // Every partition that runs has been folded to where the log ended when it began or took over.
  bool live() const;
  // Whether that partition runs here, is live, and is no standby's.
  bool Sends(Partition partition) const;

  const std::vector<Task*>& tasks() const { return all_tasks_; }
  // Why a partition stopped, and where it was then; empty when all run.
  struct Stopped {
    Partition partition;
    Offset at;
    absl::Status why;
    std::optional<BadPlace> bad_place;  // when a place of the log cannot be read
  };
  std::vector<Stopped> stopped() const;
  // What the log did not take, whether it passes or stops the partition.
  struct Refusal {
    Partition partition;
    Offset at;
    std::string text;  // "a tick of escalation/3@1204: …"
  };
  int64_t refusals() const { return refusals_; }
  // REQUIRES: there was one.
  const Refusal& last_refusal() const { return last_refusal_; }
  int64_t folded() const { return folded_; }
  int64_t decisions_sent() const { return decisions_sent_; }
  // Partitions that this standby found without an owner.
  int64_t taken_over() const { return taken_over_; }
  // Those that it left again to an owner who was there after all.
  int64_t stood_down() const { return stood_down_; }

 private:
  // Decisions that may be under way at first; the log's answers make it more or less (Gauge).
  static constexpr size_t kUnderWayFirst = 2'000;
  // After what the log did not take, before it is tried again.
  static constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);

  // What was handed to the log and not yet answered. Shared with the callback, which may come after
  // an error made us forget it.
  struct Flight {
    absl::Status status;  // good to read once answered, as is the first record's place
    Offset first{-1};
    // tidy: allow(replay) the port answers from threads of its own; no state hangs on it
    std::atomic<bool> answered{false};

    void Answer(absl::StatusOr<Offset> with) {
      status = with.status();
      if (with.ok()) first = *with;
      answered = true;
      answered.notify_all();
    }
    // Nothing was handed out, or its answer is there.
    static bool Landed(const std::shared_ptr<Flight>& flight) {
      return flight == nullptr || flight->answered;
    }
  };
  // Decisions under way.
  struct Decided {
    std::shared_ptr<Flight> flight;
    absl::Time at;      // when they were handed over
    size_t filled = 0;  // how many they are, when there may have been more than fitted
  };
  // What a standby that took over sees of another one who settles the same causes.
  struct Rival {
    Offset sent_again{-1};          // up to here we may ourselves have sent twice
    int settled = 0, also_his = 0;  // causes since the last look, and those that another has, too
    int abreast = 0;                // looks in a row that found another with most of them
    // Up to where all was settled at the last look, and at the one before: who repeats what is
    // older than that has yet to catch up.
    Offset lately{-1}, long_ago{-1};
    absl::Time looked_at;
  };
  struct Owned {
    std::unique_ptr<Task> task;
    bool is_same_log = false;  // the record before the task's position is the one it folded there
    Offset sent{-1};           // the highest cause handed to the log
    std::deque<Decided> flights;  // in the order of their causes
    struct SentTick {
      std::shared_ptr<Flight> flight;
      absl::Time at;
      absl::Time due;  // the timer that it was sent for
    };
    std::deque<SentTick> ticks;  // handed to the log and not read back
    // When our newest tick was read back, and the partition's time by then.
    absl::Time ticked_at = absl::InfinitePast();
    absl::Time ticked_to = absl::InfinitePast();
    absl::Time retry_at = absl::InfinitePast();
    // A standby's: the oldest decision that nobody has settled, and since when it is.
    Offset waiting{-1};
    absl::Time waiting_since;
    Rival rival;
  };
  // What the log was asked about a partition. Shared with the callback.
  struct Question {
    absl::Time asked_at;
    absl::StatusOr<LogBounds> answer = absl::UnavailableError("");  // good to read once answered
    // tidy: allow(replay) the port answers from threads of its own; no state hangs on it
    std::atomic<bool> answered{false};
  };
  struct Group {
    Partition partition;
    std::vector<Owned> owned;
    bool opened = false;
    bool outputs = true;
    bool took_over = false;  // by itself: it may stand down again
    Offset live_at{-1};      // where the log ended when this began or took over; -1: not known yet
    bool live = false;       // has been folded to there
    std::shared_ptr<Question> question;  // under way, or answered and not looked at
    absl::Time ask_at = absl::InfinitePast();
    absl::Status status;
    Offset stopped_at{-1};
    std::optional<BadPlace> bad_place;
  };

  // Null for a partition that is not (or no longer) here.
  Group* GroupOf(Partition partition);
  void FoldBatch();
  // A batch may hold more than a checkpoint should: between its records as between two turns.
  void MeasureMemory();
  std::shared_ptr<Flight> Append(Partition partition, std::vector<NewRecord> records);
  void FoldRecord(Group& group, const Record& record, const v1::Entry* entry);
  void Send(Group& group, Owned& owned);
  // Learns from an answer how much the log takes at once.
  void Gauge(const Decided& decided);
  // Takes leave of what was answered. False while what follows a failure is still under way.
  bool LandDecisions(Group& group, Owned& owned);
  void Tick(Group& group, Owned& owned);
  // When the next tick may be sent, by the steady clock; `now` is by that, too.
  absl::Time TickAt(const Owned& owned, absl::Time now) const;
  void MaybeCheckpoint(bool now);
  // Goes on with the checkpoint that is being collected, and hands it over when it is complete.
  void CollectSome(size_t most);
  void AwaitCheckpoint();
  void AnswerCheckpoint();
  // Whether `times` as much has changed as brings a checkpoint forward.
  bool IsDirty(size_t times) const;
  // Among the tasks that are here.
  void ShareLoaded();
  absl::Duration UntilNextDuty(absl::Duration wait) const;
  void CatchUp(Group& group);
  void AddTasks(std::vector<std::unique_ptr<Task>> tasks);
  void Open(Group& group);
  absl::Status OpenReader(Group& group, const LogBounds& bounds);
  // What the log says of the partition's bounds, once: it is asked, and answers when it can.
  // Nothing before that, and for a while after it could not say.
  std::optional<absl::StatusOr<LogBounds>> AskBounds(Group& group);
  // A partition that the reader could not read on, and has let go.
  void StopAt(const BadPlace& place, absl::Status why);
  void Stop(Group& group, const Task& task, absl::Status why);
  // Whether the append came through; one that nothing can help stops the partition.
  bool CameThrough(Group& group, Owned& owned, const Flight& flight, absl::string_view what);
  void MaybeTakeOver(Group& group);
  void MaybeStandDown(Group& group);
  // What the log says of the causes that we and maybe another decide.
  static void WatchRecord(Owned& owned, const v1::Entry& entry);

  EventLog* const log_;
  CheckpointSink* const checkpoints_;
  Clock* const clock_;
  LiveOptions options_;
  const absl::Duration owners_takeover_after_;  // what it began with
  std::vector<Group> groups_;
  std::vector<Task*> all_tasks_;
  std::unique_ptr<LogReader> reader_;
  bool reads_headers_ = false;
  RecordBatch batch_;
  EntryWindow window_;
  absl::Time checkpoint_at_;  // the next one by the interval
  std::shared_ptr<Flight> checkpoint_flight_;
  std::vector<Task*> collected_;  // of the checkpoint that is being collected or in flight
  std::vector<TaskCheckpoint> collecting_;  // those of them that are complete
  bool is_collecting_ = false;
  absl::Status checkpoint_status_;
  size_t decisions_under_way_;  // that may be, as far as the log's answers tell
  absl::Time narrowed_at_ = absl::InfinitePast();
  int64_t refusals_ = 0;
  Refusal last_refusal_;
  int64_t folded_ = 0;
  int64_t decisions_sent_ = 0;
  int64_t taken_over_ = 0;
  int64_t stood_down_ = 0;
};

}  // namespace gridledger::engine
