// Simulated people in a live city: they report, and do what is to be done about their reports, in
// real time but faster than life. Pure: the time and the view are handed in.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/domain/incident/incident.h"
#include "services/simulation/city.h"

namespace gridledger::simulation {

// One partition's people. The partitions' trickles share one row of numbers without talking to
// each other: each takes those of its own communities.
//
// Incidents are named "YT-L<start><number>": the start's second and the number, both in base 36,
// six and four digits. So they never clash with those of another start, nor with the published
// ones. What an earlier start left open has nobody any more, and escalates.
class Trickle {
 public:
  struct Options {
    uint64_t seed = 1;
    absl::Time start;               // of this start: names its incidents
    int64_t reports_per_hour = 60;  // in the whole city; at least 1
    // A day of life in ten minutes: what is usually done in a shift takes three of them. Deadlines
    // shrink alike (the filing names them), so that as many are missed as in life.
    Pace pace = {.speed = 144};
  };
  // The city outlives it.
  Trickle(const City& city, Partition partition, Options options);
  Trickle(const Trickle&) = delete;
  Trickle& operator=(const Trickle&) = delete;

  // When somebody next does something; InfiniteFuture where no community is in the partition.
  absl::Time NextAt() const;

  // Does what is due by `now`. `emit` gets the entries in order, each with the stage that the view
  // shows, and hands them to the ledger: an entry keeps no source position, and its schema is the
  // caller's. What was due long ago, as after a sleep, is not made up for: those reports never
  // come. An entry that gets lost, or is void because somebody was faster, leaves its author
  // looking at the view: he goes on from what he sees, and leaves the matter to others after a
  // while.
  void Act(absl::Time now, const incident::State& view,
           absl::FunctionRef<void(absl::string_view key, const v1::Entry& entry)> emit);

  // Lives that go on.
  size_t lives() const { return lives_.size(); }

 private:
  struct LiveLife {
    uint64_t number = 0;
    int64_t at_ms = 0;  // of the next look
    IncidentId id;
    Traits traits;
    Life life;
    uint8_t next = 0;   // step
    uint8_t looks = 0;  // in vain, for this step
    uint8_t community = 0;
    uint32_t named_stage = 0;  // by the latest entry that moves it
  };
  enum class Outlook { kGoesOn, kEnded };

  using Emit = absl::FunctionRef<void(absl::string_view key, const v1::Entry& entry)>;

  void FindNextReport(uint64_t from);
  int64_t ArrivalMs(uint64_t number) const;
  void Report(int64_t now_ms, Emit emit);
  Outlook Live(int64_t now_ms, const incident::State& view, LiveLife* life, Emit emit);
  // The step is done or left out.
  Outlook GoOn(int64_t now_ms, LiveLife* life) const;

  const City& city_;
  const Options options_;
  const int64_t start_ms_;
  const int64_t gap_ms_;  // between two reports in the city
  std::vector<bool> is_ours_;
  uint64_t report_number_ = 0;  // 0: there is none
  int64_t report_at_ms_ = 0;
  std::vector<LiveLife> lives_;
  v1::Entry entry_;  // reused
};

}  // namespace gridledger::simulation
