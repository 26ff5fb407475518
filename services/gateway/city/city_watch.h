// What the gateway keeps beside each partition's fold: the index of its open incidents, what became
// of the newest records, and who listens to what happens. All of a partition belongs to the thread
// that folds it: the watch is called by that thread, and questions run on it.
#pragma once

#include <absl/time/time.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/fact.pb.h"
#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/domain/policy/policy.h"
#include "services/gateway/city/open_index.h"
#include "services/runtime/engine/fold_watch.h"

namespace gridledger::gateway {

// What the fold made of one record that says one fact.
struct Judged {
  Partition partition;
  Offset offset;
  bool dead_letter = false;
  incident::Verdict verdict = incident::Verdict::kApplied;
  incident::VoidReason reason = incident::VoidReason::kNone;
  Stage stage;    // of the incident afterwards
  absl::Time at;  // the partition's time
};

// What the fold made of one fact.
struct Happened {
  std::string incident;
  uint32_t kind = 0;  // the fact's number in v1.Fact.kind
  v1::Actor actor;
  incident::Verdict verdict = incident::Verdict::kApplied;
  incident::VoidReason reason = incident::VoidReason::kNone;
  // The incident afterwards; nothing for a fact about an unknown one.
  std::optional<incident::Incident> now;
};
// And of one record, as a stream tells it.
struct HappenedRecord {
  Partition partition;
  Offset offset;
  absl::Time at;        // the partition's time
  std::string service;  // whose decision it is; empty: nobody's
  std::string rule;
  std::string policy_version;
  int64_t cause = -1;             // the offset that it answers; -1: none
  std::vector<Happened> changes;  // in the order of the fold; never empty
};

class HappenedSink {
 public:
  virtual ~HappenedSink() = default;
  // All by the threads that fold, in the order of each partition: have to be quick.
  // Whether what happens at that time is wanted: what is long past is not.
  virtual bool Wants(absl::Time at) const = 0;
  virtual void Take(HappenedRecord happened) = 0;
  // A record has been folded, whether it was taken or not.
  virtual void Passed(Partition partition, Offset offset, bool taken) = 0;
};

class CityWatch final : public engine::FoldWatch {
 public:
  explicit CityWatch(int partitions);

  // Before the city starts.
  void SetSink(HappenedSink* sink) { sink_ = sink; }

  void Changed(const engine::Task& task, const incident::Change& change) override;
  void Folded(const engine::Task& task, const incident::Moment& moment,
              const v1::Entry* entry) override;

  // For questions to that partition alone.
  OpenIndex& open(Partition partition) { return Of(partition).open; }
  // The policy in force there; for questions to that partition alone, but what it answers may be
  // kept by anybody.
  std::shared_ptr<const policy::Compiled> PolicyOf(Partition partition,
                                                   const incident::State& state);
  // Nothing when it is not among the newest ones, or says no single fact.
  std::optional<Judged> FindJudged(Partition partition, Offset offset);

 private:
  struct Kept {
    explicit Kept(Partition partition) : open(partition) {}
    OpenIndex open;
    std::deque<Judged> judged;  // by offset
    std::shared_ptr<const policy::Compiled> policy;
    // Of the record that is being folded.
    std::optional<Judged> first;
    std::vector<Happened> changes;
  };
  Kept& Of(Partition partition) { return *kept_[static_cast<size_t>(partition.value)]; }

  std::vector<std::unique_ptr<Kept>> kept_;
  HappenedSink* sink_ = nullptr;
};

// Of one partition: whoever waits for a record asks at once when it is folded. × ~56 B = 230 KB.
inline constexpr size_t kJudgedMax = 4096;

}  // namespace gridledger::gateway
