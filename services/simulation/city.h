// The published Yutang period as a source for the lock-step driver: 52,297 incidents, 50,879 of
// them rectified by the cut-off (S19), or any other number in the same proportion. Seeded and pure:
// the same seed and number make the same entries on every machine, whatever the threads.
//
// The city says what people do. It never says what the services decide: dispatches, warnings,
// missed deadlines and escalations come from them.
#pragma once

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <deque>
#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "gridledger/v1/policy.pb.h"
#include "services/base/ids.h"
#include "services/base/partitioning.h"
#include "services/domain/incident/incident.h"
#include "services/simulation/deed.h"
#include "services/simulation/life.h"
#include "services/simulation/outcome.h"
#include "services/simulation/rhythm.h"
#include "services/simulation/subdistrict.h"

namespace gridledger::simulation {

inline constexpr int kDays = 397;  // 2020-01-01 … 2021-01-31
// Ten digits of a number still make an id of 13 bytes; and the arithmetic of Rhythm ends there.
inline constexpr uint64_t kIncidentsMax = 1'000'000'000;

// What all partitions share. Immutable, so any number of threads may read it.
class City {
 public:
  struct Options {
    uint64_t seed = 1;
    uint64_t incidents = kPublished;                        // 0 to kIncidentsMax
    absl::CivilDay first_day = absl::CivilDay(2020, 1, 1);  // in China
    int partitions = 1;                                     // of the ledger
  };
  City(Options options, v1::Policy policy);

  const Options& options() const { return options_; }
  const v1::Policy& policy() const { return policy_; }
  const Subdistrict& subdistrict() const { return subdistrict_; }
  // Names the source in the ledger: "yutang#<seed>-<incidents>", and the first day behind it where
  // it is not that of the published period.
  const std::string& source() const { return source_; }
  // Midnight before the first report. What opens a partition comes an hour earlier.
  absl::Time start() const { return start_; }
  // The last second of the period (截至31日): all entries are at or before it.
  absl::Time cut_off() const { return cut_off_; }
  uint64_t rectified() const { return Rectified(options_.incidents); }

  // Which community the incident of that number is in, as an index into
  // subdistrict().communities().
  int CommunityOf(uint64_t number) const { return subdistrict_.CommunityOf(options_.seed, number); }
  Partition PartitionOf(int community) const { return partitions_[community]; }
  // REQUIRES: 1 <= number <= options().incidents.
  int64_t ReportedAtMs(uint64_t number) const { return rhythm_.AtMs(number); }
  bool StaysOpen(uint64_t number) const { return outcome_.StaysOpen(number); }

 private:
  const Options options_;
  const v1::Policy policy_;
  const Subdistrict subdistrict_;
  const std::string source_;
  const absl::Time start_, cut_off_;
  const Rhythm rhythm_;
  const Outcome outcome_;
  std::vector<Partition> partitions_;  // by community
};

// One partition's entries in strictly rising (at_ms, row, ordinal) order: first what opens it (row
// 0: policy, areas, grids, members, rosters), then the reports of its communities (row: the
// incident's number, ordinal 0) and what follows on each (ordinal: the step of its life).
//
// When an entry comes, about which incident and at which position never hangs on the view: of a
// feed that starts again, the same entries follow behind any of them. What it says does: who
// handles is who was dispatched. An entry that the view makes illegal is put right or left out (see
// Fitting in deed.h); in a run with the real services there is none.
//
// Memory is that of the lives that have not had their last entry, whatever the number of incidents.
class PartitionFeed {
 public:
  // The city outlives it.
  PartitionFeed(const City& city, Partition partition);
  PartitionFeed(const PartitionFeed&) = delete;
  PartitionFeed& operator=(const PartitionFeed&) = delete;

  // The next entry; false at the end. `entry` is used again from call to call: what it held is
  // replaced, its memory stays. The schema is left to whoever writes it.
  bool Next(const incident::State& view, absl::Time* at, std::string* key, v1::Entry* entry);

  // ---- in two steps, for whoever has a view of one incident only

  // An entry's time and place; not yet what it says.
  struct Due {
    int64_t at_ms = 0;
    uint64_t row = 0;
    uint32_t ordinal = 0;
    Step step;  // KIND_NOT_SET: an opening entry
  };
  // Moves on to the next entry. False at the end.
  bool Advance(Due* due);
  // Writes the entry that Advance has moved to, in view of its incident: null for one that is not
  // there, as before its report. False when it is to be left out.
  bool Write(const incident::Incident* seen, const policy::Compiled& policy, std::string* key,
             v1::Entry* entry);
  // The incident that it is about; empty for an opening entry.
  const IncidentId& id() const { return id_; }

  // Lives that have not had their last entry.
  size_t lives() const { return queue_.size(); }

 private:
  // Of 20 M incidents, up to 130,000 at a time: × 320 B = 42 MB.
  struct alignas(64) OpenLife {
    uint8_t community = 0;
    uint8_t next = 0;  // step
    Traits traits;
    Life life;
  };
  // The next step of a life.
  struct Waiting {
    int64_t at_ms;
    uint32_t number;  // up to kIncidentsMax
    uint32_t slot;
    bool Before(const Waiting& other) const {
      return at_ms != other.at_ms ? at_ms < other.at_ms : number < other.number;
    }
  };

  bool ReportIsNext() const;
  void FindNextReport();
  void AdvanceOpening();
  void AdvanceReport();
  void AdvanceLife();
  void FetchNextLives() const;
  uint32_t NewSlot();
  void Push(const Waiting& waiting);
  void SiftDown(const Waiting& waiting);

  const City& city_;
  const Partition partition_;
  std::vector<bool> is_ours_;     // by community
  std::deque<Opening> openings_;  // still to come
  Opening opening_;               // the present one
  uint32_t next_opening_ = 0;

  uint64_t report_number_ = 0;  // of the next report; 0 when there is none
  int64_t report_at_ms_ = 0;
  std::vector<Waiting> queue_;  // heap of four children, earliest first: one cache line a level
  std::vector<OpenLife> slots_;
  std::vector<uint32_t> free_slots_;

  Due due_;
  Scene scene_;
  IncidentId id_;
};

}  // namespace gridledger::simulation
