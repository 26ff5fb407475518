// Which rows the imports of a source have taken, so that a row is known wherever it stands, in
// whatever file it comes again: imports/SOURCE.rows holds 24 bytes a row (its incident's and its
// content's fingerprint, the round that took it, and its number there), in the order of incident
// and content. A round is what one import took; see decision note 0011.
//
//   auto store = *RowStore::Open({.path = …, .rounds = …});
//   if (!store->empty()) {
//     for each row: store->Take(present, incident, content);
//     store->Match();
//   }
//   for each row again: store->Find(present);
//   for those that are new, in the order of their incidents: store->Take(…);
//   store->Commit();
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/history/files/sorting/sorter.h"

namespace gridledger::cli {

inline constexpr int kRoundsMax = 65'535;  // 16 bits of a row's 64

class RowStore {
 public:
  // Of the rows of a round: the checksum does not hang on their order.
  struct Sum {
    uint64_t rows = 0;
    uint64_t checksum = 0;
    friend bool operator==(const Sum&, const Sum&) = default;
  };
  struct Options {
    std::string path;  // of the file
    // That the import record knows, and what of each; a row of another one was not taken.
    std::map<int, Sum> rounds;
    std::vector<int> cut_off;                // those of them that have not come to their end
    std::string temp_folder;                 // for what does not fit in memory
    size_t memory_bytes = size_t{16} << 20;  // of what is sorted, one after the other
  };
  struct Taken {
    uint64_t incident = 0;  // fingerprints
    uint64_t content = 0;
    int round = 0;
    uint64_t row = 0;  // its number in that round, from 1
  };
  struct Known {
    int round = 0;  // 0: no import has taken it
    uint64_t row = 0;
  };

  // DataLoss when the file cannot be read, or does not have what the rounds took.
  static absl::StatusOr<std::unique_ptr<RowStore>> Open(Options options);
  ~RowStore();
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  // No row is known.
  bool empty() const { return known_ == 0; }
  // A row of this import; `present` is its number there, from 1 on.
  absl::Status Take(uint64_t present, uint64_t incident, uint64_t content);
  // After the last of them. FailedPrecondition when some rows of a round that was cut off are among
  // them and others not: how far each partition got is known by time alone, so that the round can
  // go on with all of its rows, and with nothing less.
  absl::Status Match();

  // What Match has found; quickest in the order of the rows. Of several rows of one content one is
  // known: that with the number that it had, or else the first.
  absl::StatusOr<Known> Find(uint64_t present);
  // Where a row of a round stands now; 0 where it is not in this import.
  absl::StatusOr<uint64_t> PresentOf(int round, uint64_t row) const;
  // Of which rows are in this import; and of which there are incidents.
  const std::set<int>& rounds_here() const { return rounds_here_; }
  const std::set<int>& rounds_met() const { return rounds_met_; }

  // In the order of incidents; of one incident in any order.
  absl::Status Take(const Taken& row);
  // Of all that were.
  const Sum& taken() const { return taken_sum_; }
  // With what was taken; durable on return.
  absl::Status Commit();

 private:
  class Words;   // 8 bytes each by number, in a file without a name
  class Stream;  // the file's rows
  class Writer;

  explicit RowStore(Options options);
  absl::Status Count();
  absl::Status MatchLooked();
  absl::Status PutAwayTaken();
  absl::Status WriteTaken();
  bool IsKnown(int round) const { return options_.rounds.contains(round); }
  absl::StatusOr<std::unique_ptr<files::FactSorter>> NewSorter() const;

  const Options options_;
  const std::set<int> cut_off_;
  uint64_t known_ = 0;
  absl::flat_hash_map<int, uint64_t> begins_;  // of each round's rows among all that are known
  absl::flat_hash_map<int, uint64_t> last_;    // row of each round
  std::unique_ptr<files::FactSorter> looked_;
  std::unique_ptr<Words> by_present_;  // the round and row that it is
  std::unique_ptr<Words> by_known_;    // where it stands now
  std::set<int> rounds_here_;
  std::set<int> rounds_met_;
  std::unique_ptr<Writer> writer_;
  std::vector<Taken> taken_;                     // of one incident
  std::unique_ptr<files::FactSorter> put_away_;  // those of it for which there is no room
  Sum taken_sum_;
};

}  // namespace gridledger::cli
