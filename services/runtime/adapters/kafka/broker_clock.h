// What time it is by the brokers, as their own answers tell: who stamps a city's records says when
// its deadlines are over, whatever this machine's clock says. Asks no clock itself.
//
// A record that was handed over at S and answered at A, by a steady clock of this process, and that
// a broker stamped T in between, says that this broker's clock is between T - A and T - S ahead of
// the steady one. Of each broker the narrowest of such answers counts; of several brokers the one
// in their middle, so that a single wrong clock among three says nothing.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>

namespace gridledger::kafka {

// The process's own steady clock, as instants of no particular beginning.
absl::Time SteadyNow();

class BrokerClock {
 public:
  // `sent` and `answered` by the steady clock; any thread's.
  void Answered(int32_t broker, absl::Time sent, absl::Time answered, absl::Time stamped);
  // A record that the brokers stamped was read at `read`: it is at least as late by their clocks.
  void Saw(absl::Time read, absl::Time stamped);
  // What time it is by the brokers at `steady`, where this machine's clock says `machine`. Nothing
  // as long as nobody has told. Who was only read, and never asked, tells no more than that
  // `machine` is behind.
  std::optional<absl::Time> Now(absl::Time steady, absl::Time machine) const;

 private:
  // How far a broker's clock is ahead of the steady one, at `at`.
  struct Sample {
    absl::Time at;
    absl::Duration least, most;
  };
  mutable absl::Mutex mutex_;
  std::map<int32_t, Sample> brokers_ ABSL_GUARDED_BY(mutex_);  // one each: a cluster has tens
  std::optional<Sample> seen_ ABSL_GUARDED_BY(mutex_);         // `most` says nothing
};

}  // namespace gridledger::kafka
